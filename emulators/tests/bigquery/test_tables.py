"""Tables: what is kept, changed, listed, refused.

Pages: docs/reference/rest/v2/tables, docs/managing-table-schemas (of https://cloud.google.com/bigquery).
"""

from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal


def test_a_table_keeps_what_it_is_given(db: Database) -> None:
    inner = [field("key STRING"), field("n NUMERIC REPEATED")]
    schema = [
        bigquery.SchemaField("a", "INTEGER", "REQUIRED", description="the a"),
        bigquery.SchemaField("r", "RECORD", "REPEATED", fields=inner),
        field("at_ TIMESTAMP"),
    ]
    table = bigquery.Table(f"{db.path}.t", schema=schema)
    table.time_partitioning = bigquery.TimePartitioning(field="at_")
    table.clustering_fields, table.labels, table.description = ["a"], {"k": "v"}, "what it is"
    table.require_partition_filter = True
    db.client.create_table(table, **CALL)
    seen = db.client.get_table(table.reference, **CALL)

    assert seen.schema == schema
    assert (seen.time_partitioning.type_, seen.time_partitioning.field) == ("DAY", "at_")
    assert (seen.clustering_fields, seen.labels, seen.description) == (["a"], {"k": "v"}, "what it is")
    assert seen.require_partition_filter is True
    assert (seen.num_rows, seen.table_type, seen.location) == (0, "TABLE", "US")


def test_a_table_that_exists_is_not_created_again(db: Database) -> None:
    path = db.table("t", "a INT64")
    refused = refusal(lambda: db.client.create_table(path, **CALL))

    assert (refused.status, refused.reason) == (409, "duplicate")
    assert f"Already Exists: Table {db.project}:{db.dataset}.t" in refused.message


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([{"name": "a b", "type": "STRING"}], "Invalid field name"),
        ([{"name": "a", "type": "NOPE"}], "not a valid value"),
        ([{"name": "a", "type": "STRING", "mode": "NOPE"}], "not a valid value"),
        ([{"name": "a", "type": "STRING"}, {"name": "A", "type": "STRING"}], "already exists in schema"),
        ([{"name": "a", "type": "RECORD"}], "has no schema"),
        ([{"name": "_PARTITIONTIME", "type": "TIMESTAMP"}], "reserved prefix"),
    ],
)
def test_a_schema_that_cannot_be_is_refused(db: Database, schema: list[dict[str, str]], message: str) -> None:
    body = {
        "tableReference": {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"},
        "schema": {"fields": schema},
    }
    status, answer = db.call("POST", f"datasets/{db.dataset}/tables", body)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert message in answer["error"]["message"]


@pytest.mark.parametrize(
    "extra",
    [
        {"timePartitioning": {"type": "DAY", "field": "s"}},
        {"timePartitioning": {"type": "HOUR", "field": "d"}},
        {"timePartitioning": {"type": "DECADE"}},
        {"timePartitioning": {"type": "DAY", "field": "nope"}},
        {"clustering": {"fields": ["nope"]}},
        {"clustering": {"fields": ["f"]}},
        {"labels": {"Upper": "x"}},
        {"rangePartitioning": {"field": "s", "range": {"start": "0", "end": "9", "interval": "1"}}},
    ],
)
def test_partitioning_clustering_and_labels_must_fit(db: Database, extra: dict[str, Any]) -> None:
    fields = [{"name": "s", "type": "STRING"}, {"name": "d", "type": "DATE"}, {"name": "f", "type": "FLOAT"}]
    body = {
        "tableReference": {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"},
        "schema": {"fields": fields},
    }
    status, answer = db.call("POST", f"datasets/{db.dataset}/tables", body | extra)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid"), answer


@pytest.mark.parametrize(
    "extra",
    [
        {"expirationTime": "9999999999999"},
        {"externalDataConfiguration": {"x": 1}},
        {"materializedView": {"query": "x"}},
    ],
)
def test_table_properties_that_would_do_nothing_are_refused(db: Database, extra: dict[str, Any]) -> None:
    body = {"tableReference": {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"}}
    assert db.call("POST", f"datasets/{db.dataset}/tables", body | extra)[0] == 501


def test_a_patch_adds_columns_and_relaxes_required_ones(db: Database) -> None:
    path = db.table("t", "a INT64 REQUIRED", [{"a": 1}])
    table = db.client.get_table(path, **CALL)
    nested = bigquery.SchemaField("r", "RECORD", fields=[field("x INT64")])
    table.schema = [field("a INT64"), field("b STRING"), nested]
    db.client.update_table(table, ["schema"], **CALL)

    assert db.stored("t") == [(1, None, None)]
    table.schema = [
        field("a INT64"),
        field("b STRING"),
        bigquery.SchemaField("r", "RECORD", fields=[field("x INT64"), field("y INT64")]),
    ]
    table._properties.pop("etag")
    db.client.update_table(table, ["schema"], **CALL)
    db.load("t", [{"a": 2, "b": "x", "r": {"x": 1, "y": 2}}])
    assert db.rows("SELECT a, b, r.y FROM {d}.t ORDER BY a") == [(1, None, None), (2, "x", 2)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("b STRING", "Field a is missing in new schema"),
        ("a STRING", "Field a has changed type"),
        ("a INT64,b STRING REQUIRED", "Cannot add required fields"),
    ],
)
def test_a_patch_that_breaks_the_schema_is_refused(db: Database, columns: str, message: str) -> None:
    path = db.table("t", "a INT64")
    table = db.client.get_table(path, **CALL)
    table.schema = [field(c) for c in columns.split(",")]
    refused = refusal(lambda: db.client.update_table(table, ["schema"], **CALL))

    assert refused.reason == "invalid"
    assert message in refused.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": {"fields": [{"name": "a", "type": "INT64", "mode": "REPEATED"}]}}, "Field a has changed mode"),
        ({"schema": {"fields": []}}, "Field a is missing in new schema"),
        ({"rangePartitioning": {"field": "a", "range": {"start": "0", "end": "9", "interval": "1"}}},
         "Cannot change partitioning"),
        ({"clustering": {"fields": ["nope"]}}, "cannot be found in the schema"),
        ({"labels": {"k": "Upper"}}, "Label value 'Upper' has invalid format"),
    ],
)  # fmt: skip
def test_changes_of_a_table_that_are_refused(db: Database, changes: dict[str, Any], message: str) -> None:
    """docs/managing-table-schemas, docs/reference/rest/v2/tables/patch."""
    db.table("t", "a INT64", [{"a": 1}])
    status, answer = db.call("PATCH", f"datasets/{db.dataset}/tables/t", changes)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert message in answer["error"]["message"]
    assert db.stored("t") == [(1,)]


def test_a_table_is_patched_and_updated(db: Database) -> None:
    """docs/reference/rest/v2/tables: patch changes what is submitted, null removes; update replaces."""
    db.table("t", "a INT64,b STRING", clustering_fields=["a"])
    path = f"datasets/{db.dataset}/tables/t"
    db.call("PATCH", path, {"labels": {"a": "1", "b": "2"}, "description": "d", "friendlyName": "f"})
    patched = db.call("PATCH", path, {"labels": {"a": None}, "friendlyName": None, "clustering": None})[1]

    assert (patched["labels"], patched["description"]) == ({"b": "2"}, "d")
    assert {"friendlyName", "clustering"}.isdisjoint(patched)
    fields = [{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "STRING"}]
    updated = db.call("PUT", path, {"schema": {"fields": fields}, "labels": {"c": "3"}})[1]
    assert (updated["labels"], "description" in updated) == ({"c": "3"}, False)


def test_a_table_update_with_an_old_etag_is_refused_with_412(db: Database) -> None:
    path = db.table("t", "a INT64")
    first, second = (db.client.get_table(path, **CALL) for _ in range(2))
    first.description = "first"
    db.client.update_table(first, ["description"], **CALL)
    second.description = "second"
    refused = refusal(lambda: db.client.update_table(second, ["description"], **CALL))

    assert (refused.status, refused.reason) == (412, "conditionNotMet")
    assert db.client.get_table(path, **CALL).description == "first"
    headers = {"if-match": "*"}
    assert db.call("PATCH", f"datasets/{db.dataset}/tables/t", {"description": "any"}, headers)[0] == 200


def test_a_partition_is_listed_and_deleted_by_its_decorator(db: Database) -> None:
    """docs/managing-partitioned-tables#delete_a_partition."""
    rows = [{"a": 1, "d": "2025-01-01"}, {"a": 2, "d": "2025-01-02"}]
    db.table("t", "a INT64,d DATE", rows, time_partitioning=bigquery.TimePartitioning(field="d"))
    path = f"datasets/{db.dataset}/tables/t"

    (row,) = db.call("GET", f"{path}$20250102/data")[1]["rows"]
    assert [c["v"] for c in row["f"]] == ["2", "2025-01-02"]
    assert db.call("DELETE", f"{path}$20250101")[0] == 204
    assert [a for a, _ in db.stored("t")] == [2]
    status, answer = db.call("DELETE", f"{path}$2025")
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")


def test_partitioning_cannot_be_changed(db: Database) -> None:
    path = db.table("t", "a INT64,d DATE")
    table = db.client.get_table(path, **CALL)
    table.time_partitioning = bigquery.TimePartitioning(field="d")

    assert (
        "Cannot change partitioning"
        in refusal(lambda: db.client.update_table(table, ["time_partitioning"], **CALL)).message
    )


def test_tables_are_listed_in_pages(db: Database) -> None:
    for i in range(12):
        db.table(f"t{i:02}", "a INT64")

    assert [t.table_id for t in db.client.list_tables(db.path, page_size=5, **CALL)] == [f"t{i:02}" for i in range(12)]


def test_a_deleted_table_is_gone_with_its_rows(db: Database) -> None:
    path = db.table("t", "a INT64", [{"a": 1}])
    db.client.delete_table(path, **CALL)

    assert db.refused(f"SELECT * FROM {path}").message.startswith(
        f"Not found: Table {db.project}:{db.dataset}.t was not found in location US"
    )
    db.table("t", "a INT64")
    assert db.rows(f"SELECT * FROM {path}") == []


@pytest.mark.parametrize("name", ["a!", "a*", "a.b", "a/b", "a'b", "é" * 513])
def test_a_table_id_of_other_characters_is_refused(db: Database, name: str) -> None:
    """docs/tables#table_naming: letters, marks, numbers, connectors, dashes, spaces; 1,024 bytes of UTF-8."""
    status, answer = db.call("POST", f"datasets/{db.dataset}/tables", {"tableReference": {"tableId": name}})

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")


@pytest.mark.parametrize("name", ["a b", "a-b_c", "Größe", "表1"])
def test_a_table_id_may_be_of_any_script(db: Database, name: str) -> None:
    made = db.client.create_table(bigquery.Table(f"{db.path}.{name}"), **CALL)

    assert db.client.get_table(made.reference, **CALL).table_id == name
