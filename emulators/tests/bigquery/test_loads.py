"""Load jobs of uploaded files: what is loaded, what is refused, which bad rows are reported.

Pages: docs/batch-loading-data, docs/loading-data-cloud-storage-json, docs/loading-data-cloud-storage-csv,
docs/loading-data-cloud-storage-parquet, docs/reference/rest/v2/Job#JobConfigurationLoad
(of https://cloud.google.com/bigquery).
"""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal


def load_file(db: Database, name: str, content: bytes, **options: Any) -> bigquery.LoadJob:
    config = bigquery.LoadJobConfig(**options)
    job = db.client.load_table_from_file(io.BytesIO(content), f"{db.path}.{name}", job_config=config, timeout=30)
    job.result(timeout=30)
    return job


@pytest.mark.parametrize(("write", "left"), [("WRITE_APPEND", [1, 2]), ("WRITE_TRUNCATE", [2])])
def test_load_dispositions(db: Database, write: str, left: list[int]) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    db.load("t", [{"a": 2}], write_disposition=write)

    assert [a for (a,) in db.stored("t")] == left


def test_load_write_empty_refuses_a_table_with_rows(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    refused = refusal(lambda: db.load("t", [{"a": 2}], write_disposition="WRITE_EMPTY"))

    assert (refused.status, refused.reason) == (409, "duplicate")


def test_a_load_into_one_partition(db: Database) -> None:
    db.table(
        "t", "a INT64,d DATE", [{"a": 1, "d": "2025-01-01"}], time_partitioning=bigquery.TimePartitioning(field="d")
    )
    schema = [field("a INT64"), field("d DATE")]
    config = bigquery.LoadJobConfig(schema=schema, write_disposition="WRITE_TRUNCATE")
    rows = [{"a": 2, "d": "2025-01-02"}]
    db.client.load_table_from_json(rows, f"{db.path}.t$20250102", job_config=config).result(timeout=30)

    assert len(db.stored("t")) == 2
    wrong = db.client.load_table_from_json(rows, f"{db.path}.t$20250101", job_config=config)
    assert "different partitions" in refusal(lambda: wrong.result(timeout=30)).message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": 1, "zzz": 2}, "no such field: zzz"),
        ({"a": "x"}, "Cannot convert value to integer (bad value): x"),
        ({"a": 1.5}, "Cannot convert value to integer"),
        ({"a": [1]}, "Array specified for non-repeated field: a"),
        ({"r": "x"}, "Non-array specified for repeated field: r"),
        ({"r": [None]}, "Only optional fields can be set to NULL"),
        ({"n": "0.0000000001"}, "Cannot convert value to numeric"),
        ({"q": None}, "Missing required field: q"),
        ({"s": {"k": 1, "nope": 2}}, "no such field: s.nope"),
    ],
)
def test_a_bad_row_fails_the_load_and_is_named(db: Database, row: dict[str, Any], message: str) -> None:
    schema = [field("a INT64"), field("r STRING REPEATED"), field("n NUMERIC"), field("q STRING REQUIRED")]
    schema.append(bigquery.SchemaField("s", "RECORD", fields=[field("k INT64")]))
    db.client.create_table(bigquery.Table(f"{db.path}.t", schema=schema), **CALL)
    config = bigquery.LoadJobConfig(schema=schema)
    rows = [{"q": "good"}, {"q": "x"} | row]
    job = db.client.load_table_from_json(rows, f"{db.path}.t", job_config=config)

    refused = refusal(lambda: job.result(timeout=30))

    assert refused.reason == "invalid"
    assert any(message in e["message"] for e in job.errors), job.errors
    assert db.stored("t") == []


def test_malformed_json_fails_the_load(db: Database) -> None:
    db.table("t", "a INT64")
    options = {"source_format": "NEWLINE_DELIMITED_JSON", "schema": [field("a INT64")]}

    assert refusal(lambda: load_file(db, "t", b'{"a": 1}\n{"a": \n', **options)).reason == "invalid"


def test_bad_rows_within_the_limit_are_counted_and_reported(db: Database) -> None:
    db.table("t", "a INT64")
    job = db.load("t", [{"a": 1}, {"a": "x"}, {"a": 3}], max_bad_records=1)

    assert db.stored("t") == [(1,), (3,)]
    assert job.output_rows == 2
    assert "bad value" in job.errors[0]["message"]


def test_unknown_values_are_ignored_only_if_asked(db: Database) -> None:
    db.table("t", "a INT64")
    db.load("t", [{"a": 1, "zzz": 2}], ignore_unknown_values=True)

    assert db.stored("t") == [(1,)]


def test_a_large_file_is_uploaded_in_pieces(db: Database) -> None:
    db.table("t", "a INT64,s STRING")
    content = b"".join(b'{"a": %d, "s": "%s"}\n' % (i, b"x" * 200) for i in range(12_000))
    config = bigquery.LoadJobConfig(
        schema=[field("a INT64"), field("s STRING")], source_format="NEWLINE_DELIMITED_JSON"
    )
    job = db.client.load_table_from_file(io.BytesIO(content), f"{db.path}.t", job_config=config)  # no size: resumable
    job.result(timeout=30)

    assert db.rows("SELECT COUNT(*), SUM(a) FROM {d}.t") == [(12_000, 12_000 * 11_999 // 2)]


# -- CSV: docs/loading-data-cloud-storage-csv --------------------------------------------------------------------------

PAIR = "a INT64,s STRING"


def load_csv(db: Database, text: str | bytes, columns: str = PAIR, **options: Any) -> bigquery.LoadJob:
    schema = [field(c) for c in columns.split(",")]
    content = text.encode() if isinstance(text, str) else text
    return load_file(db, "t", content, source_format="CSV", schema=schema, **options)


def test_csv_with_header_quotes_and_nulls(db: Database) -> None:
    load_csv(db, 'a,s\n1,"x, ""y"""\n,\n"",""\n3,NA\n', skip_leading_rows=1)

    assert db.stored("t") == [(1, 'x, "y"'), (None, None), (None, ""), (3, "NA")]


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        ("1;x\n", {"field_delimiter": ";"}, [(1, "x")]),
        ("1\tx\n", {"field_delimiter": "\t"}, [(1, "x")]),
        ("1\tx\n", {"field_delimiter": "tab"}, [(1, "x")]),
        ("1,'x,y'\n", {"quote_character": "'"}, [(1, "x,y")]),
        ('1,"x\n', {"quote_character": ""}, [(1, '"x')]),
        ("1,NA\nNA,\n", {"null_marker": "NA"}, [(1, None), (None, "")]),
        ('1,"x\ny"\n', {"allow_quoted_newlines": True}, [(1, "x\ny")]),
        ("1\n2,x\n", {"allow_jagged_rows": True}, [(1, None), (2, "x")]),
        ("1,x,more\n", {"ignore_unknown_values": True}, [(1, "x")]),
        ("1,x\r\n2,y\r\n", {}, [(1, "x"), (2, "y")]),
        ("1,x\n2,y", {}, [(1, "x"), (2, "y")]),
        ("1,ü\n".encode("latin-1"), {"encoding": "ISO-8859-1"}, [(1, "ü")]),
        ("\n\n1,x\n\n", {}, [(1, "x")]),
        ("", {}, []),
    ],
)
def test_csv_as_its_options_say(db: Database, text: str, options: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    load_csv(db, text, **options)

    assert db.stored("t") == rows


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"encoding": "UTF-16LE"}, "encoding UTF-16LE"),
        ({"field_delimiter": "||"}, "fieldDelimiter of more than one byte"),
        ({"quote_character": "''"}, "quote of more than one byte"),
        ({"autodetect": True, "schema": None}, "autodetection"),
        ({"source_format": "AVRO"}, "format AVRO"),
    ],
)
def test_load_options_that_are_not_served_are_refused_by_name(db: Database, options: dict[str, Any], what: str) -> None:
    given = {"source_format": "CSV", "schema": [field("a INT64")]} | options
    refused = refusal(lambda: load_file(db, "t", b"1\n", **{k: v for k, v in given.items() if v is not None}))

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert what in refused.message


def test_csv_that_is_not_in_its_encoding_is_refused(db: Database) -> None:
    assert refusal(lambda: load_csv(db, b"1,\xff\n")).status == 501


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("BOOL", "t", True),
        ("BOOL", "no", False),
        ("FLOAT64", "1e3", 1000.0),
        ("FLOAT64", "-inf", float("-inf")),
        ("DATE", "2024-02-29", dt.date(2024, 2, 29)),
        ("TIMESTAMP", "2024-01-01 00:00:00 UTC", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("TIMESTAMP", "2024-01-01T02:00:00+02:00", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("NUMERIC", "0.1", Decimal("0.1")),
        ("BYTES", "AP8=", b"\x00\xff"),
    ],
)
def test_csv_values_by_type(db: Database, kind: str, text: str, value: Any) -> None:
    load_csv(db, f"{text}\n", f"a {kind}")

    assert db.stored("t") == [(value,)]


def test_csv_cannot_hold_nested_columns(db: Database) -> None:
    refused = refusal(lambda: load_csv(db, "1\n", "a INT64 REPEATED"))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "nested schema" in refused.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,y", "Cannot convert value to integer (bad value): x"),
        ("1", "Too few columns: expected 2 column(s) but got 1 column(s)."),
        ("1,b,c", "Too many values in line. Found 3 column(s) while expected 2."),
        ('1,"b', 'Missing close quote character (").'),
        ('1,"b"c', 'Data between close quote character (") and field separator.'),
        ("1,b\0", "Bad character (ASCII 0) encountered."),
    ],
)
def test_a_bad_csv_row_fails_the_load(db: Database, line: str, message: str) -> None:
    db.table("t", "a INT64,s STRING")
    schema = [field("a INT64"), field("s STRING")]
    config = bigquery.LoadJobConfig(source_format="CSV", schema=schema)
    job = db.client.load_table_from_file(io.BytesIO(f"1,ok\n{line}\n".encode()), f"{db.path}.t", job_config=config)

    assert refusal(lambda: job.result(timeout=30)).reason == "invalid"
    assert message in job.errors[1]["message"]
    assert "row starting at position 5" in job.errors[1]["message"]
    assert db.stored("t") == []


def test_bad_csv_rows_within_the_limit_are_counted_and_reported(db: Database) -> None:
    job = load_csv(db, '1,x\nbad,y\n3,"z\n4,w\n', max_bad_records=2)

    assert db.stored("t") == [(1, "x"), (4, "w")]
    assert [e["message"].rpartition("position ")[2] for e in job.errors] == [
        "4: Cannot convert value to integer (bad value): bad",
        '10: Missing close quote character (").',
    ]


# -- Parquet: docs/loading-data-cloud-storage-parquet ------------------------------------------------------------------


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


# -- JSON: docs/loading-data-cloud-storage-json ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [b'{"a": NaN}', b'{"a": 1', b"[1]", b"1", b"null", b'{"a": 1} {"a": 2}', b'{"s": "\\ud800"}', b'{"s": "\xff"}',
     b"[" * 100_000],
)  # fmt: skip
def test_a_line_that_is_no_json_object_is_a_bad_row(db: Database, line: bytes) -> None:
    schema = [field("a FLOAT64"), field("s STRING")]
    job = load_file(
        db, "t", b'{"a": 1}\n' + line + b'\n{"a": 2}\n', source_format="NEWLINE_DELIMITED_JSON", schema=schema,
        max_bad_records=1,
    )  # fmt: skip

    assert [a for a, _ in db.stored("t")] == [1, 2]
    assert "row starting at position 9" in job.errors[0]["message"]


def test_json_blank_lines_and_windows_line_ends_are_no_rows(db: Database) -> None:
    content = b'{"a": 1}\r\n\r\n\n{"A": 2}'
    load_file(db, "t", content, source_format="NEWLINE_DELIMITED_JSON", schema=[field("a INT64")])

    assert db.stored("t") == [(1,), (2,)]


# -- schemas and destinations: docs/reference/rest/v2/Job#JobConfigurationLoad -----------------------------------------


def test_a_load_without_any_schema_is_refused(db: Database) -> None:
    refused = refusal(lambda: load_file(db, "t", b'{"a": 1}', source_format="NEWLINE_DELIMITED_JSON"))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "No schema specified" in refused.message


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ("a INT64 REQUIRED,b STRING", [], "Cannot add fields (field: b)"),
        ("a INT64 REQUIRED,b STRING REQUIRED", ["ALLOW_FIELD_ADDITION"], "Cannot add required fields"),
        ("a STRING", ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"], "Field a has changed type"),
        ("b STRING", ["ALLOW_FIELD_ADDITION"], "Field a is missing in new schema"),
        ("a INT64 NULLABLE", [], "Field a has changed mode from REQUIRED to NULLABLE"),
    ],
)
def test_a_load_whose_schema_does_not_fit_is_refused(
    db: Database, columns: str, options: list[str], message: str
) -> None:
    db.table("t", "a INT64 REQUIRED")
    schema = [field(c) for c in columns.split(",")]
    row = {"a": "1", "b": "x"} if "a INT64 REQUIRED,b" in columns else {columns[0]: "1"}
    refused = refusal(lambda: db.load("t", [row], schema, schema_update_options=options))

    assert refused.reason == "invalid"
    assert message in refused.message


def test_a_load_may_add_and_relax_columns(db: Database) -> None:
    db.table("t", "a INT64 REQUIRED", [{"a": 1}])
    options = ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"]
    db.load("t", [{"b": "x"}], [field("a INT64"), field("b STRING")], schema_update_options=options)

    assert db.stored("t") == [(1, None), (None, "x")]


def test_a_load_creates_a_partitioned_clustered_labelled_table(db: Database) -> None:
    schema = [field("a INT64"), field("d DATE")]
    db.load(
        "t", [{"a": 1, "d": "2025-01-01"}], schema, time_partitioning=bigquery.TimePartitioning(field="d"),
        clustering_fields=["a"], destination_table_description="what it is",
    )  # fmt: skip
    table = db.client.get_table(f"{db.path}.t", **CALL)

    assert (table.time_partitioning.field, table.clustering_fields, table.description) == ("d", ["a"], "what it is")


def test_create_never_refuses_a_missing_table(db: Database) -> None:
    refused = refusal(lambda: db.load("no", [{"a": 1}], [field("a INT64")], create_disposition="CREATE_NEVER"))

    assert (refused.status, refused.reason) == (404, "notFound")
    assert f"Not found: Table {db.project}:{db.dataset}.no" in refused.message


def test_a_load_into_a_missing_dataset_is_not_found(db: Database) -> None:
    job = db.client.load_table_from_json(
        [{"a": 1}], f"{db.project}.never.t", job_config=bigquery.LoadJobConfig(schema=[field("a INT64")])
    )
    refused = refusal(lambda: job.result(timeout=30))

    assert (refused.status, refused.reason) == (404, "notFound")
    assert f"Not found: Dataset {db.project}:never" in refused.message
