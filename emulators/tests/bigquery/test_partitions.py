"""Partitions: what a decorator replaces, where rows go, what must fit.

Pages: docs/managing-partitioned-table-data, docs/partitioned-tables (of https://cloud.google.com/bigquery).
"""

import datetime as dt
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import Database

DAY = dt.date(2025, 11, 15)


def by_day(name: str | None = "d", kind: str = "DAY") -> bigquery.TimePartitioning:
    return bigquery.TimePartitioning(type_=kind, field=name)


def day_table(db: Database) -> str:
    rows = [{"a": 1, "d": "2025-11-14"}, {"a": 2, "d": "2025-11-15"}, {"a": 3, "d": "2025-11-15"}]
    return db.table("out", "a INT64,d DATE", rows, time_partitioning=by_day())


def truncate(db: Database, sql: str, part: str = "20251115", **options: Any) -> None:
    db.run(sql, destination=f"{db.path}.out${part}", write_disposition="WRITE_TRUNCATE", **options)


def test_a_decorator_replaces_one_partition(db: Database) -> None:
    day_table(db)
    for _ in range(2):
        truncate(db, "SELECT 9 AS a, DATE '2025-11-15' AS d")

    assert sorted(db.stored("out")) == [(1, dt.date(2025, 11, 14)), (9, DAY)]


def test_zero_rows_empty_the_partition_and_leave_the_others(db: Database) -> None:
    day_table(db)
    truncate(db, "SELECT 9 AS a, DATE '2025-11-15' AS d FROM UNNEST([1]) WHERE FALSE")

    assert db.stored("out") == [(1, dt.date(2025, 11, 14))]


def test_a_row_outside_of_the_partition_fails_the_job_and_changes_nothing(db: Database) -> None:
    day_table(db)
    before = db.stored("out")
    refused = db.refused(
        "SELECT 9 AS a, DATE '2025-11-15' AS d UNION ALL SELECT 8, DATE '2025-11-16'",
        destination=f"{db.path}.out$20251115",
        write_disposition="WRITE_TRUNCATE",
    )

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "Some rows belong to different partitions rather than destination partition" in refused.message
    assert db.stored("out") == before


@pytest.mark.parametrize("part", ["2025111512", "202511", "2025", "20251340", "x"])
def test_a_decorator_that_is_no_day_is_refused_for_a_daily_table(db: Database, part: str) -> None:
    day_table(db)
    refused = db.refused(
        "SELECT 9 AS a, DATE '2025-11-15' AS d",
        destination=f"{db.path}.out${part}",
        write_disposition="WRITE_TRUNCATE",
    )
    assert refused.reason == "invalid"


def test_a_decorator_on_a_table_without_partitions_is_refused(db: Database) -> None:
    db.table("out", "a INT64")
    refused = db.refused("SELECT 1 AS a", destination=f"{db.path}.out$20251115", write_disposition="WRITE_TRUNCATE")

    assert "not partitioned" in refused.message


def test_a_missing_table_is_created_by_a_decorator_partitioned_by_ingestion_time(db: Database) -> None:
    truncate(db, "SELECT 9 AS a, DATE '2025-11-15' AS d")
    table = db.client.get_table(f"{db.path}.out")

    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", None)
    assert db.rows("SELECT a, _PARTITIONTIME, _PARTITIONDATE FROM {d}.out") == [
        (9, dt.datetime(2025, 11, 15, tzinfo=dt.UTC), DAY)
    ]


def test_schema_may_grow_with_a_partition(db: Database) -> None:
    day_table(db)
    truncate(db, "SELECT 9 AS a, DATE '2025-11-15' AS d, 'n' AS b", schema_update_options=["ALLOW_FIELD_ADDITION"])

    assert sorted(db.stored("out")) == [(1, dt.date(2025, 11, 14), None), (9, DAY, "n")]


def test_a_partitioned_table_can_be_made_by_a_query(db: Database) -> None:
    db.run(
        "SELECT 1 AS a, TIMESTAMP '2025-11-15 10:00:00+00' AS at_",
        destination=f"{db.path}.out",
        time_partitioning=by_day("at_", "HOUR"),
        clustering_fields=["a"],
    )
    table = db.client.get_table(f"{db.path}.out")

    partitioning = table.time_partitioning
    assert (partitioning.type_, partitioning.field, table.clustering_fields) == ("HOUR", "at_", ["a"])
    sql = "SELECT partition_id FROM {d}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'out'"
    assert db.rows(sql) == [("2025111510",)]


def test_another_partitioning_than_the_tables_is_refused(db: Database) -> None:
    day_table(db)
    refused = db.refused(
        "SELECT 9 AS a, DATE '2025-11-15' AS d",
        destination=f"{db.path}.out",
        write_disposition="WRITE_TRUNCATE",
        time_partitioning=by_day(None),
    )

    assert "Incompatible table partitioning specification" in refused.message


def test_a_partition_field_must_be_in_the_schema(db: Database) -> None:
    refused = db.refused("SELECT 1 AS a", destination=f"{db.path}.out", time_partitioning=by_day("nope"))

    assert "The field specified for partitioning cannot be found in the schema" in refused.message


def test_a_required_partition_filter_is_required(db: Database) -> None:
    day_table(db)
    table = db.client.get_table(f"{db.path}.out")
    table.require_partition_filter = True
    db.client.update_table(table, ["require_partition_filter"])

    refused = db.refused("SELECT a FROM {d}.out")
    assert refused.reason == "invalidQuery"
    assert "without a filter over column(s) 'd' that can be used for partition elimination" in refused.message
    assert db.rows("SELECT a FROM {d}.out WHERE d = '2025-11-14'") == [(1,)]


def test_null_rows_have_a_partition_of_their_own(db: Database) -> None:
    db.table("out", "a INT64,d DATE", [{"a": 1}, {"a": 2, "d": "2025-11-15"}], time_partitioning=by_day())
    sql = "SELECT partition_id, total_rows FROM {d}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'out' ORDER BY 1"

    assert db.rows(sql) == [("20251115", 1), ("__NULL__", 1)]


@pytest.mark.parametrize(
    ("kind", "part", "other"),
    [("HOUR", "2025111510", "2025111511"), ("DAY", "20251115", "20251116"), ("MONTH", "202511", "202512"),
     ("YEAR", "2025", "2024")],
)  # fmt: skip
@pytest.mark.parametrize("column", ["at_", None], ids=["column", "ingestion"])
def test_decorators_of_every_granularity(db: Database, kind: str, part: str, other: str, column: str | None) -> None:
    """docs/managing-partitioned-table-data#write-to-partition: yyyymmddhh, yyyymmdd, yyyymm, yyyy."""
    db.table("out", "a INT64,at_ TIMESTAMP", time_partitioning=by_day(column, kind))
    sql = "SELECT {} AS a, TIMESTAMP '2025-11-15 10:30:00+00' AS at_"
    for value in (1, 2):
        truncate(db, sql.format(value), part)
    partitions = "SELECT partition_id, total_rows FROM {d}.INFORMATION_SCHEMA.PARTITIONS WHERE table_name = 'out'"

    assert [a for a, _ in db.stored("out")] == [2]
    assert db.rows(partitions) == [(part, 1)]
    if column is None:
        truncate(db, sql.format(3), other)
        assert sorted(db.rows(partitions)) == sorted([(part, 1), (other, 1)])
    else:
        refused = db.refused(sql.format(3), destination=f"{db.path}.out${other}", write_disposition="WRITE_TRUNCATE")
        assert "Some rows belong to different partitions rather than destination partition" in refused.message


@pytest.mark.parametrize(("kind", "wrong"), [("HOUR", "20251115"), ("MONTH", "20251115"), ("YEAR", "202511")])
def test_a_decorator_of_another_granularity_is_refused(db: Database, kind: str, wrong: str) -> None:
    db.table("out", "a INT64,at_ TIMESTAMP", time_partitioning=by_day("at_", kind))
    refused = db.refused(
        "SELECT 1 AS a, TIMESTAMP '2025-11-15 10:30:00+00' AS at_",
        destination=f"{db.path}.out${wrong}",
        write_disposition="WRITE_TRUNCATE",
    )

    assert (refused.status, refused.reason) == (400, "invalid")
    assert f"Invalid partition id {wrong}" in refused.message


@pytest.mark.parametrize(("part", "status"), [("5", 501), ("x", 400)])
def test_decorators_of_integer_ranges_are_refused(db: Database, part: str, status: int) -> None:
    span = bigquery.PartitionRange(start=0, end=100, interval=10)
    db.table("out", "a INT64", range_partitioning=bigquery.RangePartitioning(range_=span, field="a"))

    assert db.refused("SELECT 1 AS a", destination=f"{db.path}.out${part}").status == status


def test_a_decorator_appends_to_one_partition_and_write_empty_looks_at_it_alone(db: Database) -> None:
    day_table(db)
    sql = "SELECT 9 AS a, DATE '2025-11-16' AS d"
    db.run(sql, destination=f"{db.path}.out$20251116", write_disposition="WRITE_EMPTY")
    db.run(sql, destination=f"{db.path}.out$20251116", write_disposition="WRITE_APPEND")

    assert len(db.stored("out")) == 5
    refused = db.refused(sql, destination=f"{db.path}.out$20251116", write_disposition="WRITE_EMPTY")
    assert (refused.status, refused.reason) == (409, "duplicate")


def test_create_never_with_a_decorator_refuses_a_missing_table(db: Database) -> None:
    refused = db.refused(
        "SELECT 1 AS a", destination=f"{db.path}.no$20251115", create_disposition="CREATE_NEVER",
        write_disposition="WRITE_TRUNCATE",
    )  # fmt: skip

    assert (refused.status, refused.reason) == (404, "notFound")


def test_rows_go_to_the_partition_of_their_ingestion(db: Database) -> None:
    """docs/partitioned-tables#ingestion_time: of the time of writing, in UTC."""
    db.table("out", "a INT64", time_partitioning=by_day(None))
    db.run("INSERT INTO {d}.out (a) VALUES (1)")
    with db.clock.later(days=40):
        db.run("SELECT 2 AS a", destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    (first, second) = (day for _, day in sorted(db.rows("SELECT a, _PARTITIONDATE FROM {d}.out")))
    assert (second - first).days == 40


@pytest.mark.parametrize(
    ("options", "disposition", "part", "message"),
    [
        ([], "WRITE_APPEND", "", "Cannot add fields (field: b)"),
        (["ALLOW_FIELD_RELAXATION"], "WRITE_APPEND", "", "Cannot add fields (field: b)"),
        ([], "WRITE_TRUNCATE", "$20251115", "Cannot add fields (field: b)"),
        (["ALLOW_FIELD_ADDITION"], "WRITE_EMPTY", "", "should only be specified with WRITE_APPEND"),
        (["ALLOW_FIELD_ADDITION"], "WRITE_TRUNCATE", "", "should only be specified with WRITE_APPEND"),
    ],
)
def test_schema_updates_that_are_refused(
    db: Database, options: list[str], disposition: str, part: str, message: str
) -> None:
    """docs/reference/rest/v2/Job: schemaUpdateOptions."""
    day_table(db)
    before = db.stored("out")
    refused = db.refused(
        "SELECT 9 AS a, DATE '2025-11-15' AS d, 'n' AS b", destination=f"{db.path}.out{part}",
        write_disposition=disposition, schema_update_options=options,
    )  # fmt: skip

    assert (refused.status, refused.reason) == (400, "invalid")
    assert message in refused.message
    assert db.stored("out") == before
