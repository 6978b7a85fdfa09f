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
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal

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
        "TRUNCATE TABLE {d}.t",
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


def test_rows_that_are_streamed_with_unknown_fields_pass_only_if_asked(db: Database) -> None:
    """docs/reference/rest/v2/tabledata/insertAll: ignoreUnknownValues."""
    path = db.table("t", "a INT64")
    (refused,) = db.client.insert_rows_json(path, [{"a": 1, "b": 2}], **CALL)
    assert (refused["errors"][0]["reason"], refused["errors"][0]["location"]) == ("invalid", "b")
    assert db.client.insert_rows_json(path, [{"a": 1, "b": 2}], ignore_unknown_values=True, **CALL) == []

    assert db.rows("SELECT a FROM {d}.t") == [(1,)]


@pytest.mark.parametrize(
    ("row", "location", "message"),
    [
        ({"a": "x", "q": 1}, "a", "Cannot convert value to integer (bad value): x"),
        ({"a": 2**63, "q": 1}, "a", "Cannot convert value to integer"),
        ({"a": [1], "q": 1}, "a", "Array specified for non-repeated field: a"),
        ({"r": "x", "q": 1}, "r", "Non-array specified for repeated field: r"),
        ({"r": [None], "q": 1}, "r", "Only optional fields can be set to NULL"),
        ({"s": {"k": {}}, "q": 1}, "s.k", "This field: s.k is not a record"),
        ({"s": {"nope": 1}, "q": 1}, "s.nope", "no such field: s.nope"),
        ({"s": 5, "q": 1}, "s", "This field: s is not a record"),
        ({"a": 1}, "q", "Missing required field: q"),
        ({}, "q", "Missing required field: q"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_field(
    db: Database, row: dict[str, Any], location: str, message: str
) -> None:
    """docs/reference/rest/v2/tabledata/insertAll: insertErrors."""
    schema = [field("a INT64"), field("r STRING REPEATED"), field("q INT64 REQUIRED")]
    schema.append(bigquery.SchemaField("s", "RECORD", fields=[field("k INT64")]))
    db.client.create_table(bigquery.Table(f"{db.path}.t", schema=schema), **CALL)
    good, bad = db.client.insert_rows_json(f"{db.path}.t", [{"q": 5}, row], **CALL)

    assert (good["index"], good["errors"][0]["reason"]) == (0, "stopped")
    assert (bad["index"], bad["errors"][0]["reason"], bad["errors"][0]["location"]) == (1, "invalid", location)
    assert message in bad["errors"][0]["message"]
    assert db.rows("SELECT COUNT(*) FROM {d}.t") == [(0,)]


def test_an_insert_id_counts_for_one_table_and_rows_of_one_request(db: Database) -> None:
    """docs/streaming-data-into-bigquery#dataconsistency."""
    for name in "tu":
        path = db.table(name, "a INT64")
        db.client.insert_rows_json(path, [{"a": 1}, {"a": 2}, {"a": 3}], row_ids=["x", "x", "y"], **CALL)

    assert db.rows("SELECT a FROM {d}.t ORDER BY a") == [(1,), (3,)]
    assert db.rows("SELECT a FROM {d}.u ORDER BY a") == [(1,), (3,)]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "No rows present in the request."),
        ({"rows": []}, 400, "No rows present in the request."),
        ({"rows": [{"json": {"a": 1}}] * 50_001}, 400, "Too many rows present in the request, limit: 50000"),
        ({"rows": [{"json": {"a": 1}}], "templateSuffix": "_x"}, 501, "templateSuffix"),
    ],
)
def test_a_streaming_request_that_cannot_be_is_refused(
    db: Database, body: dict[str, Any], status: int, message: str
) -> None:
    """docs/reference/rest/v2/tabledata/insertAll; quotas page, "Maximum rows per request"."""
    db.table("t", "a INT64")
    found, answer = db.call("POST", f"datasets/{db.dataset}/tables/t/insertAll", body)

    assert found == status
    assert message in answer["error"]["message"]


def test_streaming_into_a_view_is_refused(db: Database) -> None:
    db.run("CREATE VIEW {d}.v AS SELECT 1 AS a")
    refused = refusal(lambda: db.client.insert_rows_json(f"{db.path}.v", [{"a": 1}], **CALL))

    assert (refused.status, refused.reason) == (400, "invalid")


def test_streamed_rows_go_to_their_partitions(db: Database) -> None:
    db.table("t", "a INT64,d DATE", time_partitioning=bigquery.TimePartitioning(field="d"))
    db.client.insert_rows_json(f"{db.path}.t", [{"a": 1, "d": "2025-01-01"}, {"a": 2, "d": "2025-01-02"}], **CALL)
    with db.clock.later(minutes=31):
        db.run(
            "SELECT 9 AS a, DATE '2025-01-01' AS d", destination=f"{db.path}.t$20250101",
            write_disposition="WRITE_TRUNCATE",
        )  # fmt: skip

    assert db.rows("SELECT a FROM {d}.t ORDER BY a") == [(2,), (9,)]


def test_the_half_hour_is_that_of_each_row(db: Database) -> None:
    """docs/data-manipulation-language#limitations: rows written recently by streaming."""
    db.table("t", "a INT64")
    db.client.insert_rows_json(f"{db.path}.t", [{"a": 1}], **CALL)
    with db.clock.later(minutes=20):
        db.client.insert_rows_json(f"{db.path}.t", [{"a": 2}], **CALL)
    with db.clock.later(minutes=31):
        assert db.stored("t") == [(1,)]
        assert "streaming buffer" in db.refused("UPDATE {d}.t SET a = 3 WHERE a = 1").message
    with db.clock.later(minutes=51):
        assert sorted(db.stored("t")) == [(1,), (2,)]
        assert db.run("DELETE FROM {d}.t WHERE a = 1").num_dml_affected_rows == 1


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


def test_no_rows_are_listed_for_max_results_zero(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    status, answer = db.call("GET", f"datasets/{db.dataset}/tables/t/data?maxResults=0")

    assert (status, answer["totalRows"], "rows" in answer, "pageToken" in answer) == (200, "1", False, False)


@pytest.mark.parametrize(("query", "status"), [("selectedFields=nope", 400), ("selectedFields=r.k", 501),
                                               ("formatOptions.useInt64Timestamp=maybe", 400),
                                               ("startIndex=-1", 400)])  # fmt: skip
def test_a_listing_that_cannot_be_is_refused(db: Database, query: str, status: int) -> None:
    schema = [field("a INT64"), bigquery.SchemaField("r", "RECORD", fields=[field("k INT64")])]
    db.client.create_table(bigquery.Table(f"{db.path}.t", schema=schema), **CALL)

    assert db.call("GET", f"datasets/{db.dataset}/tables/t/data?{query}")[0] == status


def test_a_timestamp_is_written_as_asked_for(db: Database) -> None:
    """docs/reference/rest/v2/DataFormatOptions: useInt64Timestamp; else seconds as a float."""
    db.table("t", "a TIMESTAMP", [{"a": "2024-01-01T00:00:00.123456Z"}])
    path = f"datasets/{db.dataset}/tables/t/data"

    whole = db.call("GET", f"{path}?formatOptions.useInt64Timestamp=true")[1]["rows"]
    assert whole == [{"f": [{"v": "1704067200123456"}]}]
    ((cell,),) = (row["f"] for row in db.call("GET", path)[1]["rows"])
    assert float(cell["v"]) == 1704067200.123456


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
