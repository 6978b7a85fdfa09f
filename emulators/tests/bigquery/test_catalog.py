"""Datasets and tables: what is kept, changed, listed, refused.

Pages: docs/reference/rest/v2/datasets, docs/reference/rest/v2/tables, docs/managing-table-schemas,
docs/information-schema-intro, docs/views, docs/labels-intro (of https://cloud.google.com/bigquery).
"""

import datetime as dt
import itertools
from typing import Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery.enums import DatasetView, UpdateMode

from emulators.tests.bigquery.database import CALL, Clock, Database, connect, field, refusal

_number = itertools.count()


def test_a_dataset_keeps_what_it_is_given(db: Database) -> None:
    dataset = bigquery.Dataset(f"{db.path}_x")
    dataset.location = "EU"
    dataset.labels = {"tenant": "acme"}
    dataset.description = "what it is"
    dataset.access_entries = [bigquery.AccessEntry("READER", "userByEmail", "a@example.com")]
    made = db.client.create_dataset(dataset, **CALL)
    seen = db.client.get_dataset(made.reference, **CALL)

    assert (seen.location, seen.labels, seen.description) == ("EU", {"tenant": "acme"}, "what it is")
    assert [(e.role, e.entity_id) for e in seen.access_entries] == [("READER", "a@example.com")]
    assert seen.etag
    assert abs(seen.created - db.clock()) < dt.timedelta(minutes=1)


def test_a_dataset_without_access_gets_the_projects_roles(db: Database) -> None:
    roles = {(e.role, e.entity_id) for e in db.client.get_dataset(db.path, **CALL).access_entries}

    assert {("WRITER", "projectWriters"), ("OWNER", "projectOwners"), ("READER", "projectReaders")} <= roles


def test_a_dataset_can_be_seen_and_labelled_without_who_may_open_it(db: Database) -> None:
    seen = db.client.get_dataset(db.path, dataset_view=DatasetView.METADATA, **CALL)
    before = db.client.get_dataset(db.path, **CALL).access_entries
    seen.labels = {"tenant": "acme"}
    db.client.update_dataset(seen, ["labels"], update_mode=UpdateMode.UPDATE_METADATA, **CALL)
    after = db.client.get_dataset(db.path, dataset_view=DatasetView.FULL, **CALL)

    assert not seen.access_entries
    assert after.labels == {"tenant": "acme"}
    assert after.access_entries == before


def test_who_may_open_a_dataset_is_not_changed_by_halves(db: Database) -> None:
    seen = db.client.get_dataset(db.path, **CALL)

    refused = refusal(
        lambda: db.client.update_dataset(seen, ["access_entries"], update_mode=UpdateMode.UPDATE_METADATA, **CALL)
    )

    assert (refused.status, refused.reason) == (501, "notImplemented")


def test_a_dataset_that_exists_is_not_created_again(db: Database) -> None:
    refused = refusal(lambda: db.client.create_dataset(db.path, **CALL))

    assert (refused.status, refused.reason) == (409, "duplicate")
    assert f"Already Exists: Dataset {db.project}:{db.dataset}" in refused.message


@pytest.mark.parametrize("bad", ["with-dash", "ümlaut", "x" * 1025, "a.b"])
def test_dataset_ids_are_letters_digits_and_underscores(db: Database, bad: str) -> None:
    body = {"datasetReference": {"projectId": db.project, "datasetId": bad}}
    status, answer = db.call("POST", "datasets", body)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert "Invalid dataset ID" in answer["error"]["message"]


def test_a_missing_dataset_is_not_found(db: Database) -> None:
    refused = refusal(lambda: db.client.get_dataset(f"{db.project}.never", **CALL))

    assert (refused.status, refused.reason, refused.message) == (
        404,
        "notFound",
        f"Not found: Dataset {db.project}:never",
    )


def test_an_update_with_an_old_etag_is_refused_with_412(db: Database) -> None:
    first, second = (db.client.get_dataset(db.path, **CALL) for _ in range(2))
    first.labels = {"a": "1"}
    db.client.update_dataset(first, ["labels"], **CALL)

    second.labels = {"a": "2"}
    refused = refusal(lambda: db.client.update_dataset(second, ["labels"], **CALL))

    assert (refused.status, refused.reason) == (412, "conditionNotMet")
    assert db.client.get_dataset(db.path, **CALL).labels == {"a": "1"}


def test_a_delete_with_an_old_etag_is_refused_with_412(db: Database) -> None:
    """googleapis/google-cloud-java, issue 468: Dataset.delete fails if If-Match does not match."""
    old = db.client.get_dataset(db.path, **CALL)
    db.call("PATCH", f"datasets/{db.dataset}", {"labels": {"a": "1"}})

    def delete() -> None:
        db.client._call_api(None, method="DELETE", path=old.path, headers={"If-Match": old.etag})

    refused = refusal(delete)

    assert (refused.status, refused.reason) == (412, "conditionNotMet")
    assert db.client.get_dataset(db.path, **CALL).labels == {"a": "1"}


def test_a_patch_keeps_what_it_does_not_name(db: Database) -> None:
    dataset = db.client.get_dataset(db.path, **CALL)
    dataset.labels, dataset.description = {"a": "1"}, "d"
    db.client.update_dataset(dataset, ["labels", "description"], **CALL)
    dataset = db.client.get_dataset(db.path, **CALL)
    dataset.labels = {"a": None, "b": "2"}
    db.client.update_dataset(dataset, ["labels"], **CALL)

    seen = db.client.get_dataset(db.path, **CALL)
    assert (seen.labels, seen.description) == ({"b": "2"}, "d")


def test_an_update_replaces_and_a_patch_merges(db: Database) -> None:
    """docs/reference/rest/v2/datasets: update replaces the whole resource, patch only what is submitted."""
    path = f"datasets/{db.dataset}"
    db.call("PATCH", path, {"labels": {"a": "1"}, "description": "d", "friendlyName": "f"})
    patched = db.call("PATCH", path, {"labels": {"b": "2"}, "friendlyName": None})[1]
    assert (patched["labels"], patched["description"], "friendlyName" in patched) == ({"a": "1", "b": "2"}, "d", False)
    assert db.call("PATCH", path, {"labels": None})[1].get("labels") is None

    replaced = db.call("PUT", path, {"labels": {"c": "3"}})[1]
    assert (replaced["labels"], "description" in replaced) == ({"c": "3"}, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"location": "EU"}, "location cannot be changed"),
        ({"datasetReference": {"datasetId": "other"}}, "must match the URL"),
        ({"labels": {"Upper": "x"}}, "Label key 'Upper' has invalid format"),
        ({"access": [{"role": "KING", "userByEmail": "a@example.com"}]}, "Invalid value for role: KING"),
        ({"access": [{"role": "READER"}]}, "Exactly one of the members of an access entry"),
        ({"maxTimeTravelHours": "47"}, "Invalid value for maxTimeTravelHours: 47"),
        ({"storageBillingModel": "FREE"}, "Invalid value for storageBillingModel: FREE"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_changes_of_a_dataset_that_are_refused(
    db: Database, method: str, changes: dict[str, Any], message: str
) -> None:
    status, answer = db.call(method, f"datasets/{db.dataset}", changes)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert message in answer["error"]["message"]


@pytest.mark.parametrize(
    "extra",
    [
        {"defaultTableExpirationMs": "3600000"},
        {"defaultPartitionExpirationMs": "3600000"},
        {"defaultEncryptionConfiguration": {"kmsKeyName": "k"}},
        {"isCaseInsensitive": True},
    ],
)
def test_dataset_properties_that_would_do_nothing_are_refused(db: Database, extra: dict[str, Any]) -> None:
    status, answer = db.call("PATCH", f"datasets/{db.dataset}", extra)

    assert (status, answer["error"]["errors"][0]["reason"]) == (501, "notImplemented")
    assert next(iter(extra)) in answer["error"]["message"]


def test_a_dataset_of_another_project_is_not_created(db: Database) -> None:
    body = {"datasetReference": {"projectId": "somebody-else", "datasetId": "x"}}
    status, answer = db.call("POST", "datasets", body)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")


def test_a_dataset_with_tables_is_deleted_only_with_its_contents(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    refused = refusal(lambda: db.client.delete_dataset(db.path, **CALL))

    assert (refused.status, refused.reason) == (400, "resourceInUse")
    assert f"Dataset {db.project}:{db.dataset} is still in use" in refused.message
    db.client.delete_dataset(db.path, delete_contents=True, **CALL)
    assert refusal(lambda: db.client.get_dataset(db.path, **CALL)).status == 404


def test_datasets_are_listed_in_pages_and_by_label(url: str) -> None:
    client = connect(url, f"listing-{next(_number)}")
    for i in range(23):
        dataset = bigquery.Dataset(f"{client.project}.d{i:02}")
        dataset.labels = {"even": str(i % 2 == 0).lower(), "n": str(i)}
        client.create_dataset(dataset, **CALL)

    assert [d.dataset_id for d in client.list_datasets(page_size=5, **CALL)] == [f"d{i:02}" for i in range(23)]
    assert len(list(client.list_datasets(filter="labels.even:true", page_size=3, **CALL))) == 12
    assert [d.dataset_id for d in client.list_datasets(filter="labels.even:true labels.n:4", **CALL)] == ["d04"]
    client.close()  # type: ignore[no-untyped-call]  # it has no types


def test_ten_thousand_datasets_are_listed_in_pages(url: str) -> None:
    """docs/reference/rest/v2/datasets/list: maxResults, pageToken, filter."""
    client = connect(url, f"many-{next(_number)}")
    for start in range(0, 10_000, 500):
        client.query_and_wait("".join(f"CREATE SCHEMA d{i:05};" for i in range(start, start + 500)))
    for i in range(0, 10_000, 400):
        dataset = client.get_dataset(f"{client.project}.d{i:05}", **CALL)
        dataset.labels = {"every": "400"}
        client.update_dataset(dataset, ["labels"], **CALL)

    pages = [[d.dataset_id for d in page] for page in client.list_datasets(page_size=900, **CALL).pages]
    assert [len(page) for page in pages] == [900] * 11 + [100]
    assert [name for page in pages for name in page] == [f"d{i:05}" for i in range(10_000)]
    assert [d.dataset_id for d in client.list_datasets(filter="labels.every:400", page_size=7, **CALL)] == [
        f"d{i:05}" for i in range(0, 10_000, 400)
    ]
    client.close()  # type: ignore[no-untyped-call]  # it has no types


@pytest.mark.parametrize("filter_", ["tenth:3", "labels.", "labels.a.b:c", "labels.a:b:c", "name:x"])
def test_a_filter_of_another_form_is_refused(db: Database, filter_: str) -> None:
    refused = refusal(lambda: list(db.client.list_datasets(filter=filter_, **CALL)))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "filters are of the form labels.name[:value]" in refused.message


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


def test_a_view_is_its_query(db: Database) -> None:
    db.table("t", "a INT64,s STRING", [{"a": 1, "s": "x"}, {"a": 2, "s": "y"}])
    view = bigquery.Table(f"{db.path}.v")
    view.view_query = f"SELECT a, UPPER(s) AS s FROM `{db.path}.t`"
    db.client.create_table(view, **CALL)

    assert db.client.get_table(view.reference, **CALL).table_type == "VIEW"
    assert db.rows("SELECT s FROM {d}.v WHERE a = 2") == [("Y",)]
    assert "x" not in str(db.rows("WITH t AS (SELECT 9 AS a) SELECT s FROM {d}.v WHERE a = 1"))
    assert db.refused("INSERT INTO {d}.v (a) VALUES (1)").reason in {"invalidQuery", "invalid"}


def test_a_view_with_a_broken_query_is_refused(db: Database) -> None:
    view = bigquery.Table(f"{db.path}.v")
    view.view_query = f"SELECT nope FROM `{db.path}.t`"

    assert refusal(lambda: db.client.create_table(view, **CALL)).status in {400, 404}


def test_a_view_is_changed_by_a_patch(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    path = f"datasets/{db.dataset}/tables"
    reference = {"tableReference": {"tableId": "v"}}
    view = {"query": f"SELECT a FROM `{db.path}.t`", "useLegacySql": False}
    db.call("POST", path, reference | {"view": view})
    changed = db.call("PATCH", f"{path}/v", {"view": view | {"query": f"SELECT a + 1 AS b FROM `{db.path}.t`"}})[1]

    assert [f["name"] for f in changed["schema"]["fields"]] == ["b"]
    assert db.rows("SELECT b FROM {d}.v") == [(2,)]


@pytest.mark.parametrize(
    ("view", "status", "message"),
    [
        ({"query": "SELECT 1 AS a"}, 501, "legacy SQL"),
        ({"useLegacySql": False}, 400, "view.query"),
        ({}, 400, "view.query"),
        ({"query": "SELECT 1 AS a; SELECT 2 AS b", "useLegacySql": False}, 400, "one query"),
    ],
)
def test_a_view_that_cannot_be_is_refused(db: Database, view: dict[str, Any], status: int, message: str) -> None:
    body = {"tableReference": {"tableId": "v"}, "view": view}
    found, answer = db.call("POST", f"datasets/{db.dataset}/tables", body)

    assert found == status, answer
    assert message in answer["error"]["message"]


def test_partitions_are_shown_with_their_rows_and_bytes(db: Database) -> None:
    """docs/information-schema-partitions."""
    rows: list[dict[str, Any]] = [
        {"a": 1, "d": "2025-01-01"},
        {"a": 2, "d": "2025-01-02"},
        {"a": 3, "d": "2025-01-02"},
        {"a": 4},
    ]
    db.table("t", "a INT64,d DATE", rows, time_partitioning=bigquery.TimePartitioning(field="d"))
    db.table("plain", "a INT64", [{"a": 1}])
    sql = """SELECT table_catalog, table_schema, table_name, partition_id, total_rows, total_logical_bytes, storage_tier
             FROM {d}.INFORMATION_SCHEMA.PARTITIONS ORDER BY table_name, partition_id"""

    of = (db.project, db.dataset)
    assert db.rows(sql) == [
        (*of, "plain", None, 1, 8, "ACTIVE"),
        (*of, "t", "20250101", 1, 16, "ACTIVE"),
        (*of, "t", "20250102", 2, 32, "ACTIVE"),
        (*of, "t", "__NULL__", 1, 8, "ACTIVE"),
    ]


TABLE = ["table_catalog STRING", "table_schema STRING", "table_name STRING"]


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        ("{d}.INFORMATION_SCHEMA.TABLES",
         [*TABLE, "table_type STRING", "is_insertable_into STRING", "is_typed STRING", "creation_time TIMESTAMP",
          "base_table_catalog STRING", "base_table_schema STRING", "base_table_name STRING",
          "snapshot_time_ms TIMESTAMP"]),
        ("{d}.INFORMATION_SCHEMA.COLUMNS",
         [*TABLE, "column_name STRING", "ordinal_position INTEGER", "is_nullable STRING", "data_type STRING",
          "is_generated STRING", "generation_expression STRING", "is_stored STRING", "is_hidden STRING",
          "is_updatable STRING", "is_system_defined STRING", "is_partitioning_column STRING",
          "clustering_ordinal_position INTEGER", "rounding_mode STRING"]),
        ("{d}.INFORMATION_SCHEMA.PARTITIONS",
         [*TABLE, "partition_id STRING", "total_rows INTEGER", "total_logical_bytes INTEGER",
          "total_billable_bytes INTEGER", "last_modified_time TIMESTAMP", "storage_tier STRING"]),
        ("INFORMATION_SCHEMA.SCHEMATA",
         ["catalog_name STRING", "schema_name STRING", "schema_owner STRING", "creation_time TIMESTAMP",
          "last_modified_time TIMESTAMP", "location STRING"]),
    ],
)  # fmt: skip
def test_information_schema_has_the_columns_that_are_documented(db: Database, view: str, columns: list[str]) -> None:
    """docs/information-schema-tables, …-columns, …-partitions, …-datasets-schemata; what is missing is not served."""
    job = db.run(f"SELECT * FROM {view}", dry_run=True)

    assert [f"{f.name} {f.field_type}" for f in job.schema or ()] == columns


def test_partitioning_and_clustering_are_shown_by_column(db: Database) -> None:
    db.table(
        "t", "d DATE,a INT64 REQUIRED,b STRING", time_partitioning=bigquery.TimePartitioning(field="d"),
        clustering_fields=["b", "a"],
    )  # fmt: skip
    sql = """SELECT column_name, is_nullable, is_partitioning_column, clustering_ordinal_position
             FROM {d}.INFORMATION_SCHEMA.COLUMNS ORDER BY ordinal_position"""

    assert db.rows(sql) == [("d", "YES", "YES", None), ("a", "NO", "NO", 2), ("b", "YES", "NO", 1)]


def test_information_schema_shows_the_catalog(db: Database) -> None:
    db.table("t", "a INT64 REQUIRED,tags STRING REPEATED", [{"a": 1}])
    db.run("CREATE VIEW {d}.v AS SELECT 1 AS x")

    assert db.rows("SELECT table_name, table_type FROM {d}.INFORMATION_SCHEMA.TABLES ORDER BY table_name") == [
        ("t", "BASE TABLE"),
        ("v", "VIEW"),
    ]
    columns = "column_name, ordinal_position, is_nullable, data_type"
    sql = f"SELECT {columns} FROM {{d}}.INFORMATION_SCHEMA.COLUMNS WHERE table_name = 't' ORDER BY 2"
    assert db.rows(sql) == [("a", 1, "NO", "INT64"), ("tags", 2, "YES", "ARRAY<STRING>")]
    assert (db.dataset,) in db.rows("SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA")
    assert db.rows("SELECT view_definition FROM {d}.INFORMATION_SCHEMA.VIEWS") == [("SELECT 1 AS x",)]
    assert db.refused("SELECT * FROM {d}.INFORMATION_SCHEMA.ROUTINES").status == 501


def test_another_project_is_denied(db: Database) -> None:
    refused = db.refused("SELECT * FROM `somebody-elses.d.t`")

    assert (refused.status, refused.reason) == (403, "accessDenied")


def test_times_follow_the_injected_clock(db: Database, clock: Clock) -> None:
    with clock.later(days=400):
        db.table("t", "a INT64")
        (now,) = db.rows("SELECT CURRENT_TIMESTAMP()")[0]

    assert now - dt.datetime.now(dt.UTC) > dt.timedelta(days=399)  # noqa: TID251 - compared with the injected one
    assert db.client.get_table(f"{db.path}.t", **CALL).created > clock() + dt.timedelta(days=399)


@pytest.mark.parametrize("name", ["a!", "a*", "a.b", "a/b", "a'b", "é" * 513])
def test_a_table_id_of_other_characters_is_refused(db: Database, name: str) -> None:
    """docs/tables#table_naming: letters, marks, numbers, connectors, dashes, spaces; 1,024 bytes of UTF-8."""
    status, answer = db.call("POST", f"datasets/{db.dataset}/tables", {"tableReference": {"tableId": name}})

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")


@pytest.mark.parametrize("name", ["a b", "a-b_c", "Größe", "表1"])
def test_a_table_id_may_be_of_any_script(db: Database, name: str) -> None:
    made = db.client.create_table(bigquery.Table(f"{db.path}.{name}"), **CALL)

    assert db.client.get_table(made.reference, **CALL).table_id == name


def test_the_meta_table_of_a_dataset(db: Database) -> None:
    """No page of its own; docs/information-schema-tables is what came after it."""
    db.table("t", "x INT64", [{"x": 1}, {"x": 2}])
    db.run("CREATE VIEW {d}.v AS SELECT 1 AS one")

    found = db.rows(
        "SELECT project_id, dataset_id, table_id, row_count, size_bytes, type FROM {d}.__TABLES__ ORDER BY 3"
    )

    assert found == [(db.project, db.dataset, "t", 2, 16, 1), (db.project, db.dataset, "v", 0, 0, 2)]
    assert db.one("(SELECT TIMESTAMP_MILLIS(MAX(last_modified_time)) > '2020-01-01' FROM {d}.__TABLES__)") is True
    assert "Not found: Dataset" in db.refused("SELECT * FROM never_made.__TABLES__").message


def test_the_meta_table_of_partitions_is_refused_by_name(db: Database) -> None:
    """Page: docs/managing-partitioned-tables, "List partitions in a table"."""
    db.run("CREATE TABLE {d}.p (day DATE) PARTITION BY day")

    refused = refusal(lambda: db.client.list_partitions(f"{db.path}.p", timeout=30))

    assert (refused.status, "PARTITIONS_SUMMARY" in refused.message) == (501, True)
