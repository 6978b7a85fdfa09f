"""DML and DDL, and several statements in a row.

Pages: docs/reference/standard-sql/dml-syntax, docs/data-manipulation-language,
docs/reference/standard-sql/data-definition-language (of https://cloud.google.com/bigquery).
"""

import concurrent.futures

import pytest

from emulators.tests.bigquery.database import Database, parameter


@pytest.fixture
def t(db: Database) -> Database:
    db.run("CREATE TABLE {d}.t AS SELECT 1 AS id, 'a' AS s UNION ALL SELECT 2, 'b' UNION ALL SELECT 3, NULL")
    return db


def now(db: Database, columns: str = "*", table: str = "t") -> list[tuple[object, ...]]:
    return db.rows(f"SELECT {columns} FROM {{d}}.{table} ORDER BY 1")


def test_insert_values_with_parameters(t: Database) -> None:
    job = t.run(
        "INSERT INTO {d}.t (id, s) VALUES (@id, @s), (5, DEFAULT)",
        parameter("id", "INT64", 4),
        parameter("s", "STRING", "d"),
    )

    assert (job.num_dml_affected_rows, job.statement_type) == (2, "INSERT")
    assert now(t)[3:] == [(4, "d"), (5, None)]
    assert t.stored("t")[-1] == (5, None)


def test_insert_select(t: Database) -> None:
    t.run("INSERT {d}.t SELECT id + 10, UPPER(s) FROM {d}.t WHERE s IS NOT NULL")

    assert now(t)[3:] == [(11, "A"), (12, "B")]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("INSERT INTO {d}.t (id, s) VALUES (1)", "Inserted row has wrong column count; Has 1, expected 2"),
        ("INSERT INTO {d}.t (id, nope) VALUES (1, 2)", "Column nope is not present in table"),
        ("INSERT INTO {d}.t (id) VALUES ('x')", "Value of type STRING cannot be assigned to id, which has type INT64"),
        ("INSERT INTO {d}.t (id, id) VALUES (1, 2)", "INSERT has columns with duplicate name: id"),
        ("UPDATE {d}.t SET id = 1", "UPDATE must have a WHERE clause"),
        ("DELETE FROM {d}.t", "DELETE must have a WHERE clause"),
        ("UPDATE {d}.t SET nope = 1 WHERE TRUE", "Column nope is not present in table"),
        ("UPDATE {d}.t SET id = 1, id = 2 WHERE TRUE", "assigned more than once"),
    ],
)
def test_wrong_dml_is_refused(t: Database, sql: str, message: str) -> None:
    refused = t.refused(sql)

    assert refused.reason == "invalidQuery"
    assert message in refused.message


def test_update_and_delete(t: Database) -> None:
    job = t.run("UPDATE {d}.t SET s = CONCAT(s, '!'), id = id * 10 WHERE id < 3")
    assert job.num_dml_affected_rows == 2
    assert now(t) == [(3, None), (10, "a!"), (20, "b!")]

    job = t.run("DELETE FROM {d}.t AS x WHERE x.s IS NULL OR x.id = @id", parameter("id", "INT64", 10))
    assert job.num_dml_affected_rows == 2
    assert now(t) == [(20, "b!")]


def test_update_from_another_table(t: Database) -> None:
    t.run("UPDATE {d}.t AS t SET s = u.s FROM (SELECT 1 AS id, 'new' AS s) AS u WHERE t.id = u.id")
    assert now(t)[0] == (1, "new")

    refused = t.refused(
        "UPDATE {d}.t AS t SET s = u.s FROM UNNEST([STRUCT(1 AS id, 'x' AS s), (1, 'y')]) AS u WHERE t.id = u.id"
    )
    assert "must match at most one source row" in refused.message
    assert now(t)[0] == (1, "new")


def test_merge_with_every_clause(t: Database) -> None:
    job = t.run(
        """MERGE {d}.t AS t USING UNNEST([STRUCT(1 AS id, 'one' AS s), (2, 'two'), (9, 'nine')]) AS u ON t.id = u.id
           WHEN MATCHED AND u.id = 2 THEN DELETE
           WHEN MATCHED THEN UPDATE SET s = u.s
           WHEN NOT MATCHED THEN INSERT (id, s) VALUES (u.id, u.s)
           WHEN NOT MATCHED BY SOURCE THEN UPDATE SET s = 'gone'"""
    )

    assert now(t) == [(1, "one"), (3, "gone"), (9, "nine")]
    stats = job.dml_stats
    assert stats is not None
    assert (stats.inserted_row_count, stats.updated_row_count, stats.deleted_row_count) == (1, 2, 1)


def test_merge_insert_row(t: Database) -> None:
    t.run("MERGE INTO {d}.t USING (SELECT 7 AS id, 'g' AS s) AS u ON FALSE WHEN NOT MATCHED THEN INSERT ROW")

    assert now(t)[-1] == (7, "g")


def test_truncate_table(t: Database) -> None:
    t.run("TRUNCATE TABLE {d}.t")

    assert (now(t), t.client.get_table(f"{t.path}.t").num_rows) == ([], 0)


def test_dml_keeps_partitions(db: Database) -> None:
    db.run("CREATE TABLE {d}.t (id INT64, d DATE) PARTITION BY d")
    db.run("INSERT INTO {d}.t (id, d) VALUES (1, DATE '2025-01-01'), (2, '2025-01-02'), (3, NULL)")
    db.run("UPDATE {d}.t SET d = DATE '2025-01-02' WHERE id = 1")
    parts = "SELECT partition_id, total_rows FROM {d}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 't' ORDER BY 1"

    assert db.rows(parts) == [("20250102", 2), ("__NULL__", 1)]


def test_inserts_and_updates_at_once_lose_nothing(t: Database) -> None:
    def work(number: int) -> None:
        if number % 2:
            t.run(f"INSERT INTO {{d}}.t (id, s) VALUES ({100 + number}, 'n')")
        else:
            t.run("UPDATE {d}.t SET id = id - 1 WHERE s = 'a'")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(20)))

    assert t.rows("SELECT COUNTIF(s = 'n'), MIN(IF(s = 'a', id, NULL)) FROM {d}.t") == [(10, 1 - 10)]


def test_several_statements_run_in_a_row_and_the_last_select_answers(db: Database) -> None:
    rows = db.rows("CREATE TABLE {d}.x (a INT64); INSERT INTO {d}.x VALUES (1), (2); SELECT SUM(a) FROM {d}.x;")

    assert rows == [(3,)]


# -- DDL ---------------------------------------------------------------------------------------------------------------


def test_create_table_with_everything(db: Database) -> None:
    job = db.run(
        """CREATE TABLE {d}.x (id INT64 NOT NULL OPTIONS(description = 'the id'), at_ TIMESTAMP,
             r ARRAY<STRUCT<key STRING, n NUMERIC>>)
           PARTITION BY DATE(at_) CLUSTER BY id
           OPTIONS(description = 'what', labels = [('k', 'v')], require_partition_filter = TRUE)"""
    )
    table = db.client.get_table(f"{db.path}.x")

    assert (job.statement_type, job.ddl_operation_performed, job.ddl_target_table.table_id) == (
        "CREATE_TABLE",
        "CREATE",
        "x",
    )
    assert [(f.name, f.field_type, f.mode) for f in table.schema] == [
        ("id", "INTEGER", "REQUIRED"),
        ("at_", "TIMESTAMP", "NULLABLE"),
        ("r", "RECORD", "REPEATED"),
    ]
    assert (table.schema[0].description, table.description, table.labels) == ("the id", "what", {"k": "v"})
    assert (table.time_partitioning.field, table.clustering_fields, table.require_partition_filter) == (
        "at_",
        ["id"],
        True,
    )


def test_create_or_replace_and_if_not_exists(t: Database) -> None:
    assert t.refused("CREATE TABLE {d}.t (x INT64)").reason == "duplicate"
    assert t.run("CREATE TABLE IF NOT EXISTS {d}.t (x INT64)").ddl_operation_performed == "SKIP"
    assert t.run("CREATE OR REPLACE TABLE {d}.t AS SELECT 5 AS five").ddl_operation_performed == "REPLACE"
    assert now(t) == [(5,)]


def test_create_table_as_select_partitioned(db: Database) -> None:
    db.run(
        "CREATE TABLE {d}.x PARTITION BY RANGE_BUCKET(n, GENERATE_ARRAY(0, 100, 10)) AS SELECT n FROM UNNEST([5, 25, 500]) AS n"  # noqa: E501
    )
    parts = "SELECT partition_id FROM {d}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'x' ORDER BY 1"

    assert db.rows(parts) == [("0",), ("20",), ("__UNPARTITIONED__",)]


def test_alter_table(t: Database) -> None:
    t.run("ALTER TABLE {d}.t ADD COLUMN n NUMERIC, ADD COLUMN IF NOT EXISTS s STRING")
    t.run("ALTER TABLE {d}.t DROP COLUMN s")
    t.run("ALTER TABLE {d}.t SET OPTIONS (description = 'new')")
    t.run("ALTER TABLE {d}.t RENAME TO u")

    assert now(t, table="u") == [(1, None), (2, None), (3, None)]
    assert t.client.get_table(f"{t.path}.u").description == "new"
    assert "Column not found" in t.refused("ALTER TABLE {d}.u DROP COLUMN nope").message


def test_a_required_column_takes_no_null(db: Database) -> None:
    db.run("CREATE TABLE {d}.x (a INT64 NOT NULL, b INT64)")

    assert db.refused("INSERT INTO {d}.x (b) VALUES (1)").message == "Required field a cannot be null"


def test_drop_and_views(t: Database) -> None:
    t.run("CREATE VIEW {d}.v AS SELECT id FROM {d}.t WHERE id > 1".replace("{d}.t", f"{t.path}.t"))
    assert now(t, table="v") == [(2,), (3,)]
    t.run("CREATE OR REPLACE VIEW {d}.v AS SELECT 1 AS one")
    assert now(t, table="v") == [(1,)]
    assert t.refused("DROP TABLE {d}.v").reason == "invalid"
    t.run("DROP VIEW {d}.v")
    assert t.refused("SELECT * FROM {d}.v").status == 404
    assert t.run("DROP TABLE IF EXISTS {d}.never").ddl_operation_performed == "SKIP"
    assert t.refused("DROP TABLE {d}.never").status == 404


def test_create_and_drop_schema(db: Database) -> None:
    db.run("CREATE SCHEMA {d}_new OPTIONS(location = 'EU')")
    assert db.client.get_dataset(f"{db.path}_new").location == "EU"
    db.run("DROP SCHEMA {d}_new")
    assert db.refused("DROP SCHEMA {d}_new").status == 404


def test_create_view_lists_what_its_query_names(t: Database) -> None:
    """Page: docs/reference/rest/v2/Job#JobStatistics2 (referencedTables)."""
    t.run("CREATE VIEW {d}.v AS SELECT id FROM {d}.t")

    job = t.run("CREATE VIEW {d}.w AS SELECT v.id, t.s FROM {d}.v JOIN {d}.t ON v.id = t.id")

    assert sorted(r.table_id for r in job.referenced_tables) == ["t", "v"]
