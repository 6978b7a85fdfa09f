"""Rows in and out: types, streaming, tabledata.list.

Pages: docs/streaming-data-into-bigquery,
docs/reference/rest/v2/tabledata, docs/data-manipulation-language (streaming buffer),
docs/managing-tables#copy-table (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import pytest

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
