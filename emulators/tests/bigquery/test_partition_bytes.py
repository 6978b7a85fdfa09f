"""A query is charged for the partitions that its constant filters leave.

Pages: docs/querying-partitioned-tables, docs/best-practices-costs, docs/estimate-costs (of
https://cloud.google.com/bigquery): a filter prunes when its constants are known before anything is read.
"""

import datetime as dt
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import Database, parameter

# Bytes of the two columns in each row: DATE (or TIMESTAMP, INT64) and INT64.
ROW = 16
ALL = "WITH w AS (SELECT d, v FROM {d}.p)"


def processed(db: Database, sql: str, *parameters: Any) -> int:
    estimate = db.run(sql, *parameters, dry_run=True).total_bytes_processed
    assert estimate is not None
    assert db.run(sql, *parameters).total_bytes_processed == estimate  # as it runs, too
    return int(estimate)


@pytest.fixture
def p(db: Database) -> Database:
    """Four days of one row each, and one without a day."""
    db.table("p", "d DATE, v INT64", time_partitioning=bigquery.TimePartitioning(field="d"))
    db.run("INSERT INTO {d}.p VALUES ('2025-01-01', 1), ('2025-01-02', 2), ('2025-01-03', 3), ('2025-02-01', 4)")
    db.load("p", [{"v": 5}])
    return db


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("d = '2025-01-02'", 1),
        ("'2025-01-02' = d", 1),
        ("d = DATE '2020-01-01'", 0),
        ("d < '2025-01-02'", 1),
        ("d <= '2025-01-02'", 2),
        ("d > '2025-01-02'", 2),
        ("d >= '2025-01-02'", 3),
        ("'2025-01-02' > d", 1),
        ("d BETWEEN '2025-01-02' AND '2025-01-31'", 2),
        ("d IN ('2025-01-01', '2025-02-01')", 2),
        ("d IN UNNEST([DATE '2025-01-01', DATE '2025-02-01', DATE '2026-01-01'])", 2),
        ("d IS NULL OR d = '2025-01-01'", None),
        ("d = DATE_ADD(DATE '2025-01-01', INTERVAL 1 DAY)", 1),
        ("d >= '2025-01-02' AND d < '2025-02-01'", 2),
        ("d = '2025-01-01' OR d = '2025-02-01'", 2),
        ("d = '2025-01-01' AND v > 0", 1),
        ("DATE_TRUNC(d, MONTH) = '2025-01-01'", 3),
        ("TIMESTAMP(d) >= '2025-01-03 00:00:00+00'", 2),
        ("d > CURRENT_DATE()", 0),
    ],
)
def test_a_constant_filter_leaves_its_partitions(p: Database, where: str, rows: int | None) -> None:
    size = ROW + 8 if rows is None else rows * ROW  # the row without a day has one value

    assert processed(p, f"SELECT d, v FROM {{d}}.p WHERE {where}") == size


@pytest.mark.parametrize(
    "where",
    ["v = 1", "d = '2025-01-01' OR v = 1", "d = (SELECT MAX(d) FROM {d}.p)", "NOT d = '2025-01-01'",
     "EXTRACT(DAY FROM d) = 1", "d != '2025-01-01'", "d NOT IN ('2025-01-01')"],
)  # fmt: skip
def test_any_other_filter_leaves_all(p: Database, where: str) -> None:
    """docs/querying-partitioned-tables: a filter that needs data of the table does not prune."""
    assert processed(p, f"SELECT d, v FROM {{d}}.p WHERE {where}") == 4 * ROW + 8


def test_null_has_a_partition_of_its_own(p: Database) -> None:
    assert processed(p, "SELECT d, v FROM {d}.p WHERE d IS NULL") == 8


def test_parameters_are_constants(p: Database) -> None:
    sql = "SELECT d, v FROM {d}.p WHERE d >= @since AND d < @until"
    until = parameter("until", "DATE", dt.date(2025, 2, 1))

    assert [
        processed(p, sql, parameter("since", "DATE", dt.date(2025, 1, day)), until) // ROW for day in (1, 2, 3, 1)
    ] == [3, 2, 1, 3]
    days = bigquery.ArrayQueryParameter("days", "DATE", [dt.date(2025, 1, 1), dt.date(2025, 1, 2)])
    assert processed(p, "SELECT d, v FROM {d}.p WHERE d IN UNNEST(@days)", days) == 2 * ROW


def test_only_the_columns_read_count_in_the_partitions_left(p: Database) -> None:
    assert processed(p, "SELECT d FROM {d}.p WHERE d = '2025-01-01'") == 8


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT * FROM (SELECT d, v FROM {d}.p) WHERE d = '2025-01-01'", 1),
        (f"{ALL} SELECT * FROM w WHERE d = '2025-01-01'", 1),
        ("WITH w AS (SELECT d, v FROM {d}.p WHERE d < '2025-01-03') SELECT * FROM w WHERE d > '2025-01-01'", 1),
        (f"{ALL} SELECT * FROM w WHERE d = '2025-01-01' UNION ALL SELECT * FROM w WHERE d = '2025-01-02'", 2),
        ("SELECT a.d, b.v FROM {d}.p a JOIN {d}.p b ON a.v = b.v AND b.d = '2025-01-03' WHERE a.d = '2025-01-01'", 2),
        ("SELECT * FROM {d}.view WHERE d = '2025-01-02'", 1),
    ],
)  # fmt: skip
def test_filters_prune_through_subqueries_ctes_joins_and_views(p: Database, sql: str, rows: int) -> None:
    p.run("CREATE VIEW {d}.view AS SELECT d, v FROM {d}.p")

    assert processed(p, sql) == rows * ROW


def test_what_is_read_without_a_filter_anywhere_counts_whole(p: Database) -> None:
    sql = "SELECT a.d, b.v FROM {d}.p AS a CROSS JOIN {d}.p AS b WHERE a.d = '2025-01-01'"

    assert processed(p, sql) == 4 * ROW + 8


def test_the_limit_of_bytes_billed_looks_at_what_is_left(db: Database) -> None:
    db.table("p", "d DATE, s STRING", time_partitioning=bigquery.TimePartitioning(field="d"))
    days = "UNNEST([DATE '2025-01-01', '2025-01-02']) AS d"
    db.run(f"INSERT INTO {{d}}.p SELECT d, REPEAT('x', 1000000) FROM {days}, UNNEST(GENERATE_ARRAY(1, 12))")
    limit = 20 * 1024 * 1024

    whole = db.refused("SELECT s FROM {d}.p", maximum_bytes_billed=limit)
    job = db.run("SELECT s FROM {d}.p WHERE d = '2025-01-01'", maximum_bytes_billed=limit)

    assert whole.reason == "bytesBilledLimitExceeded"
    assert job.total_bytes_billed == 12 * 1024 * 1024


@pytest.mark.parametrize(("kind", "rows"), [("HOUR", 1), ("DAY", 2), ("MONTH", 3), ("YEAR", 4)])
def test_partitions_of_timestamps_are_left_whole(db: Database, kind: str, rows: int) -> None:
    partitioning = bigquery.TimePartitioning(type_=kind, field="d")
    db.table("p", "d TIMESTAMP, v INT64", time_partitioning=partitioning)
    db.run("INSERT INTO {d}.p VALUES ('2025-03-04 05:06:07+00', 1), ('2025-03-04 06:00:00+00', 2), "
           "('2025-03-05 00:00:00+00', 3), ('2025-04-01 00:00:00+00', 4), ('2026-01-01 00:00:00+00', 5)")  # fmt: skip

    assert processed(db, "SELECT d, v FROM {d}.p WHERE d = '2025-03-04 05:30:00+00'") == rows * ROW
    assert processed(db, "SELECT d, v FROM {d}.p WHERE DATE(d) >= '2026-01-01'") == ROW


def test_ranges_of_integers_are_pruned(db: Database) -> None:
    db.run("CREATE TABLE {d}.p (n INT64, v INT64) PARTITION BY RANGE_BUCKET(n, GENERATE_ARRAY(0, 100, 10))")
    db.run("INSERT INTO {d}.p VALUES (1, 1), (9, 2), (10, 3), (95, 4), (1000, 5)")

    # what lies outside of all ranges is in a partition that is always read
    assert processed(db, "SELECT n, v FROM {d}.p WHERE n = 5") == 3 * ROW
    assert processed(db, "SELECT n, v FROM {d}.p WHERE n BETWEEN 10 AND 20") == 2 * ROW


@pytest.mark.parametrize("column", ["_PARTITIONTIME", "_PARTITIONDATE"])
def test_partitions_of_ingestion_are_pruned_by_their_pseudo_columns(db: Database, column: str) -> None:
    db.table("p", "a INT64, v INT64", time_partitioning=bigquery.TimePartitioning())
    for day in ("20250101", "20250102", "20250103"):
        db.run("SELECT 1 AS a, 2 AS v", destination=f"{db.path}.p${day}", write_disposition="WRITE_TRUNCATE")

    assert processed(db, f"SELECT a, v FROM {{d}}.p WHERE {column} >= '2025-01-02'") == 2 * ROW
    assert processed(db, f"SELECT a, v FROM {{d}}.p WHERE {column} = '2025-01-02'") == ROW


def test_a_change_of_the_table_is_seen(p: Database) -> None:
    sql = "SELECT d, v FROM {d}.p WHERE d = '2025-01-01'"
    before = processed(p, sql)
    p.run("INSERT INTO {d}.p VALUES ('2025-01-01', 6)")

    assert (before, processed(p, sql)) == (ROW, 2 * ROW)


def test_dml_is_charged_for_the_partitions_that_it_touches(p: Database) -> None:
    """docs/reference/standard-sql/dml-syntax, "On-demand query size calculation"."""
    sql = "UPDATE {d}.p SET v = 9 WHERE d = '2025-01-01'"

    assert p.run(sql, dry_run=True).total_bytes_processed == ROW
    assert p.run("DELETE FROM {d}.p WHERE d < '2025-01-03'", dry_run=True).total_bytes_processed == 2 * ROW


def test_a_merge_without_a_filter_reads_the_whole_table(p: Database) -> None:
    sql = """MERGE {d}.p USING (SELECT DATE '2025-01-01' AS d) AS s ON p.d = s.d
             WHEN NOT MATCHED BY SOURCE THEN DELETE"""

    assert p.run(sql, dry_run=True).total_bytes_processed == 4 * ROW + 8


def test_a_table_made_by_a_query_is_charged_for_what_the_query_reads(p: Database) -> None:
    sql = "CREATE TABLE {d}.u AS SELECT d, v FROM {d}.p WHERE d = '2025-01-01'"

    assert p.run(sql, dry_run=True).total_bytes_processed == ROW


def test_the_partitions_read_are_counted(p: Database) -> None:
    """docs/reference/rest/v2/Job, totalPartitionsProcessed."""
    job = p.run("SELECT v FROM {d}.p WHERE d >= '2025-01-03'")
    status, answer = p.call("GET", f"jobs/{job.job_id}?location=US")

    assert (status, answer["statistics"]["query"]["totalPartitionsProcessed"]) == (200, "2")
