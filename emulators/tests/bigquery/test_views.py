"""Views, and what INFORMATION_SCHEMA and __TABLES__ show.

Pages: docs/views, docs/information-schema-intro (of https://cloud.google.com/bigquery).
"""

from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, refusal


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
