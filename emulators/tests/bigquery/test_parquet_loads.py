"""Load jobs of Parquet files.

Page: docs/loading-data-cloud-storage-parquet (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import Database, field, refusal
from emulators.tests.bigquery.files import load_file


def parquet(**columns: pa.Array) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def load_parquet(db: Database, content: bytes, **options: Any) -> bigquery.LoadJob:
    return load_file(db, "t", content, source_format="PARQUET", **options)


def test_parquet_brings_its_schema(db: Database) -> None:
    content = parquet(
        a=pa.array([1, None], pa.int64()),
        n=pa.array([Decimal("1.5"), None], pa.decimal128(10, 2)),
        t=pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
        l=pa.array([["x"], []], pa.list_(pa.string())),
    )
    inference = bigquery.format_options.ParquetOptions()  # type: ignore[no-untyped-call]  # it has no types
    inference.enable_list_inference = True
    load_parquet(db, content, parquet_options=inference)

    kinds = [(f.name, f.field_type, f.mode) for f in db.client.get_table(f"{db.path}.t").schema]
    assert kinds == [
        ("a", "INTEGER", "NULLABLE"),
        ("n", "NUMERIC", "NULLABLE"),
        ("t", "TIMESTAMP", "NULLABLE"),
        ("l", "STRING", "REPEATED"),
    ]
    assert db.stored("t")[0] == (1, Decimal("1.5"), dt.datetime(2024, 1, 1, tzinfo=dt.UTC), ["x"])


def test_a_file_that_is_no_parquet_fails_the_load(db: Database) -> None:
    assert refusal(lambda: load_file(db, "t", b"nope", source_format="PARQUET")).reason == "invalid"


@pytest.mark.parametrize(
    ("array", "kind", "value"),
    [
        (pa.array([1], pa.int32()), "INTEGER", 1),
        (pa.array([1], pa.uint8()), "INTEGER", 1),
        (pa.array([1.5], pa.float32()), "FLOAT", 1.5),
        (pa.array([True]), "BOOLEAN", True),
        (pa.array([b"\0"], pa.binary()), "BYTES", b"\0"),
        (pa.array([dt.date(2024, 1, 1)]), "DATE", dt.date(2024, 1, 1)),
        (pa.array([1], pa.timestamp("ms", "UTC")), "TIMESTAMP", dt.datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=dt.UTC)),
        (pa.array([1999], pa.timestamp("ns")), "DATETIME", dt.datetime(1970, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
        (pa.array([dt.time(1, 2, 3)], pa.time64("us")), "TIME", dt.time(1, 2, 3)),
        (pa.array([{"x": 1, "y": None}], pa.struct({"x": pa.int64(), "y": pa.string()})), "RECORD",
         {"x": 1, "y": None}),
    ],
)  # fmt: skip
def test_parquet_types(db: Database, array: pa.Array, kind: str, value: Any) -> None:
    load_parquet(db, parquet(c=array))

    assert [f.field_type for f in db.client.get_table(f"{db.path}.t").schema] == [kind]
    assert db.stored("t") == [(value,)]


def test_without_list_inference_a_list_is_a_record_of_a_repeated_record(db: Database) -> None:
    load_parquet(db, parquet(a=pa.array([[1, 2], [], None], pa.list_(pa.int64()))))

    (outer,) = db.client.get_table(f"{db.path}.t").schema
    (repeated,) = outer.fields
    assert (outer.field_type, repeated.mode, [f.field_type for f in repeated.fields]) == (
        "RECORD",
        "REPEATED",
        ["INTEGER"],
    )
    element = repeated.fields[0].name
    (first, second, third) = (row[0] for row in db.stored("t"))
    assert first == {repeated.name: [{element: 1}, {element: 2}]}
    assert (second, third) == ({repeated.name: []}, None)


def test_columns_of_the_schema_that_parquet_lacks_are_null(db: Database) -> None:
    load_parquet(db, parquet(a=pa.array([1])), schema=[field("a INT64"), field("b STRING")])

    assert db.stored("t") == [(1, None)]


def test_columns_of_the_table_that_parquet_lacks_are_null(db: Database) -> None:
    db.table("t", "a INT64,b STRING", [{"a": 1, "b": "x"}])
    load_parquet(db, parquet(a=pa.array([2])))

    assert db.stored("t") == [(1, "x"), (2, None)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": pa.array(["x"])}, "field a has type STRING in the file and INT64 in the schema"),
        ({"a": pa.array([1]), "c": pa.array([1])}, "Cannot add fields (field: c)"),
        ({"b": pa.array(["x"])}, "Field a is missing in new schema"),
        ({"a": pa.array([None], pa.int64())}, "Required column 'a' has null values"),
    ],
)
def test_parquet_that_does_not_fit_the_table_is_refused(db: Database, columns: dict[str, Any], message: str) -> None:
    db.table("t", "a INT64 REQUIRED,b STRING")
    refused = refusal(lambda: load_parquet(db, parquet(**columns)))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert message in refused.message


@pytest.mark.parametrize("array", [pa.array([None]), pa.array([1], pa.duration("s")), pa.array([2**63], pa.uint64())])
def test_parquet_values_without_a_counterpart_are_never_loaded_otherwise(db: Database, array: pa.Array) -> None:
    assert refusal(lambda: load_parquet(db, parquet(c=array))).status in {400, 501}
