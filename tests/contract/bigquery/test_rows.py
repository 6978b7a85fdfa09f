"""Rows in and out: load jobs, streaming, tabledata.list, copy jobs.

Pages: docs/loading-data-cloud-storage-json, docs/loading-data-cloud-storage-csv,
docs/loading-data-cloud-storage-parquet, docs/streaming-data-into-bigquery,
docs/reference/rest/v2/tabledata, docs/data-manipulation-language (streaming buffer),
docs/managing-tables#copy-table (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import io
import itertools
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from tests.contract.bigquery.conftest import CALL, Database, field, refusal

EVERY = ",".join(
    f"{kind.lower()}_ {kind}"
    for kind in [
        "INT64",
        "FLOAT64",
        "NUMERIC",
        "BIGNUMERIC",
        "STRING",
        "BYTES",
        "BOOL",
        "DATE",
        "DATETIME",
        "TIME",
        "TIMESTAMP",
        "JSON",
    ]
)
ROW: dict[str, Any] = {
    "int64_": "9007199254740993",
    "float64_": 1.5,
    "numeric_": "0.000000001",
    "bignumeric_": "1.5",
    "string_": 'ü\n"',
    "bytes_": "AP8=",
    "bool_": True,
    "date_": "2024-02-29",
    "datetime_": "2024-02-29T12:00:00.000001",
    "time_": "12:00:00.5",
    "timestamp_": "2024-02-29T12:00:00.123456Z",
    "json_": {"a": [1, None]},
}
READ = (
    9007199254740993,
    1.5,
    Decimal("0.000000001"),
    Decimal("1.5"),
    'ü\n"',
    b"\x00\xff",
    True,
    dt.date(2024, 2, 29),
    dt.datetime(2024, 2, 29, 12, 0, 0, 1),  # noqa: DTZ001 - a DATETIME has no zone
    dt.time(12, 0, 0, 500000),
    dt.datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=dt.UTC),
    {"a": [1, None]},
)


def load_file(db: Database, name: str, content: bytes, **options: Any) -> bigquery.LoadJob:
    config = bigquery.LoadJobConfig(**options)
    job = db.client.load_table_from_file(io.BytesIO(content), f"{db.path}.{name}", job_config=config, timeout=30)
    job.result(timeout=30)
    return job


def test_every_type_survives_load_query_and_list(db: Database) -> None:
    db.table("t", EVERY, [ROW])

    assert db.stored("t") == [READ]
    assert db.rows("SELECT * FROM {d}.t") == [READ]


def test_every_type_survives_streaming(db: Database) -> None:
    db.table("t", EVERY)
    assert db.client.insert_rows_json(f"{db.path}.t", [ROW | {"json_": '{"a": [1, null]}'}], **CALL) == []

    assert db.rows("SELECT * FROM {d}.t") == [READ]


def test_a_load_reports_what_it_loaded(db: Database) -> None:
    db.table("t", "a INT64")
    job = db.load("t", [{"a": 1}, {"a": 2}])

    assert (job.output_rows, job.state, job.error_result) == (2, "DONE", None)
    table = db.client.get_table(f"{db.path}.t")
    assert (table.num_rows, table.num_bytes) == (2, 16)


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


def test_csv_with_header_quotes_and_nulls(db: Database) -> None:
    db.table("t", "a INT64,s STRING")
    content = b'a,s\n1,"x, ""y"""\n,\n3,NA\n'
    load_file(db, "t", content, source_format="CSV", skip_leading_rows=1, schema=[field("a INT64"), field("s STRING")])

    assert db.stored("t") == [(1, 'x, "y"'), (None, ""), (3, "NA")]


@pytest.mark.parametrize(
    ("line", "message"),
    [("x,y", "Cannot convert value to integer"), ("1", "Too few columns"), ("1,b,c", "Too many values")],
)
def test_a_bad_csv_row_fails_the_load(db: Database, line: str, message: str) -> None:
    db.table("t", "a INT64,s STRING")
    schema = [field("a INT64"), field("s STRING")]
    config = bigquery.LoadJobConfig(source_format="CSV", schema=schema)
    job = db.client.load_table_from_file(io.BytesIO(f"1,ok\n{line}\n".encode()), f"{db.path}.t", job_config=config)

    assert refusal(lambda: job.result(timeout=30)).reason == "invalid"
    assert message in job.errors[1]["message"]
    assert db.stored("t") == []


def test_parquet_brings_its_schema(db: Database) -> None:
    rows = pa.table(
        {
            "a": pa.array([1, None], pa.int64()),
            "n": pa.array([Decimal("1.5"), None], pa.decimal128(10, 2)),
            "t": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
            "l": pa.array([["x"], []], pa.list_(pa.string())),
        }
    )
    file = io.BytesIO()
    pq.write_table(rows, file)
    load_file(db, "t", file.getvalue(), source_format="PARQUET")

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


# -- streaming ---------------------------------------------------------------------------------------------------------


def test_streamed_rows_are_seen_by_queries_but_not_by_list_or_copy(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    assert db.client.insert_rows_json(f"{db.path}.t", [{"a": 2}], **CALL) == []

    assert db.rows("SELECT a FROM {d}.t ORDER BY a") == [(1,), (2,)]
    assert db.stored("t") == [(1,)]
    db.client.copy_table(f"{db.path}.t", f"{db.path}.copied", **CALL).result(timeout=30)
    assert db.stored("copied") == [(1,)]
    table = db.client.get_table(f"{db.path}.t")
    assert (table.num_rows, table.streaming_buffer.estimated_rows) == (1, 1)


def test_streamed_rows_become_stored_ones_after_a_while(db: Database) -> None:
    db.table("t", "a INT64")
    db.client.insert_rows_json(f"{db.path}.t", [{"a": 2}], **CALL)

    with db.clock.later(minutes=31):
        assert db.stored("t") == [(2,)]
        db.run("UPDATE {d}.t SET a = 3 WHERE a = 2")
    assert db.rows("SELECT a FROM {d}.t") == [(3,)]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {d}.t SET a = 3 WHERE TRUE",
        "DELETE FROM {d}.t WHERE a = 1",
        "MERGE {d}.t AS t USING (SELECT 1 AS a) AS s ON t.a = s.a WHEN MATCHED THEN DELETE",
    ],
)
def test_streamed_rows_cannot_be_changed_for_half_an_hour(db: Database, sql: str) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    db.client.insert_rows_json(f"{db.path}.t", [{"a": 2}], **CALL)

    refused = db.refused(sql)

    assert refused.reason == "invalidQuery"
    assert "would affect rows in the streaming buffer, which is not supported" in refused.message
    db.run("INSERT INTO {d}.t (a) VALUES (9)")


def test_a_bad_row_stops_the_whole_request(db: Database) -> None:
    db.table("t", "a INT64")

    errors = db.client.insert_rows_json(f"{db.path}.t", [{"a": 1}, {"a": "x"}, {"b": 1}], **CALL)

    reasons = {e["index"]: e["errors"][0]["reason"] for e in errors}
    assert reasons == {0: "stopped", 1: "invalid", 2: "invalid"}
    assert "no such field: b" in errors[2]["errors"][0]["message"]
    assert db.rows("SELECT COUNT(*) FROM {d}.t") == [(0,)]


def test_good_rows_pass_when_invalid_ones_may_be_skipped(db: Database) -> None:
    db.table("t", "a INT64")
    errors = db.client.insert_rows_json(f"{db.path}.t", [{"a": 1}, {"a": "x"}], skip_invalid_rows=True, **CALL)

    assert [e["index"] for e in errors] == [1]
    assert db.rows("SELECT a FROM {d}.t") == [(1,)]


def test_an_insert_id_is_taken_once_within_a_minute(db: Database) -> None:
    db.table("t", "a INT64")
    for _ in range(2):
        db.client.insert_rows_json(f"{db.path}.t", [{"a": 1}], row_ids=["same"], **CALL)
    assert db.rows("SELECT a FROM {d}.t") == [(1,)]

    with db.clock.later(minutes=2):
        db.client.insert_rows_json(f"{db.path}.t", [{"a": 1}], row_ids=["same"], **CALL)
    assert db.rows("SELECT COUNT(*) FROM {d}.t") == [(2,)]


def test_streaming_into_nothing_is_not_found(db: Database) -> None:
    refused = refusal(lambda: db.client.insert_rows_json(f"{db.path}.never", [{"a": 1}], **CALL))

    assert (refused.status, refused.reason) == (404, "notFound")


def test_many_small_inserts_keep_their_order_and_number(db: Database) -> None:
    db.table("t", "a INT64")
    for i in range(140):
        db.client.insert_rows_json(f"{db.path}.t", [{"a": i}], **CALL)
        if i % 40 == 0:
            assert db.rows("SELECT COUNT(*) FROM {d}.t") == [(i + 1,)]

    assert [a for (a,) in db.rows("SELECT a FROM {d}.t ORDER BY a")] == list(range(140))


# -- tabledata.list ----------------------------------------------------------------------------------------------------


def test_rows_are_listed_in_pages(db: Database) -> None:
    db.table("t", "a INT64,s STRING", [{"a": i, "s": str(i)} for i in range(25)])
    listed = db.client.list_rows(f"{db.path}.t", page_size=10, **CALL)

    assert [len(list(p)) for p in listed.pages] == [10, 10, 5]
    assert [r.a for r in db.client.list_rows(f"{db.path}.t", start_index=20, max_results=3, **CALL)] == [20, 21, 22]
    only = db.client.list_rows(f"{db.path}.t", selected_fields=[field("s STRING")], max_results=1, **CALL)
    assert [tuple(r.values()) for r in only] == [("0",)]


def test_pages_of_tens_of_thousands_of_rows(db: Database) -> None:
    db.run("SELECT x AS a FROM UNNEST(GENERATE_ARRAY(1, 120000)) AS x", destination=f"{db.path}.t")

    numbers = (r.a for r in itertools.islice(db.client.list_rows(f"{db.path}.t"), 110_000))
    assert sum(numbers) == 110_000 * 110_001 // 2


def test_a_view_cannot_be_listed(db: Database) -> None:
    db.run("CREATE VIEW {d}.v AS SELECT 1 AS a")

    assert (
        refusal(lambda: list(db.client.list_rows(f"{db.path}.v", selected_fields=[field("a INT64")], **CALL))).reason
        == "invalid"
    )
