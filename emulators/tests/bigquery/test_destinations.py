"""Where query results go: dispositions, partitions, schema changes, all at once.

Pages: docs/reference/rest/v2/Job#JobConfigurationQuery, docs/writing-results, docs/managing-partitioned-table-data,
docs/managing-table-schemas, docs/partitioned-tables (of https://cloud.google.com/bigquery).
"""

import concurrent.futures
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal

DAY = dt.date(2025, 11, 15)


def by_day(name: str | None = "d", kind: str = "DAY") -> bigquery.TimePartitioning:
    return bigquery.TimePartitioning(type_=kind, field=name)


def write_by_query(db: Database, disposition: str) -> None:
    db.run("SELECT 9 AS a", destination=f"{db.path}.out", write_disposition=disposition)


def write_by_load(db: Database, disposition: str) -> None:
    db.load("out", [{"a": 9}], [field("a INT64")], write_disposition=disposition)


def write_by_copy(db: Database, disposition: str) -> None:
    db.table("src", "a INT64", [{"a": 9}])
    config = bigquery.CopyJobConfig(write_disposition=disposition)
    db.client.copy_table(f"{db.path}.src", f"{db.path}.out", job_config=config, **CALL).result(timeout=30)


@pytest.mark.parametrize("write", [write_by_query, write_by_load, write_by_copy])
@pytest.mark.parametrize("before", [None, [], [1]], ids=["missing", "empty", "rows"])
@pytest.mark.parametrize("disposition", ["WRITE_EMPTY", "WRITE_TRUNCATE", "WRITE_APPEND"])
def test_every_disposition_on_every_kind_of_table(
    db: Database, disposition: str, before: list[int] | None, write: Callable[[Database, str], None]
) -> None:
    """docs/reference/rest/v2/Job: writeDisposition of JobConfigurationQuery, …Load and …TableCopy."""
    if before is not None:
        db.table("out", "a INT64", [{"a": a} for a in before])
    if disposition == "WRITE_EMPTY" and before:
        refused = refusal(lambda: write(db, disposition))
        assert (refused.status, refused.reason) == (409, "duplicate")
        assert f"Already Exists: Table {db.project}:{db.dataset}.out" in refused.message
        assert db.stored("out") == [(1,)]
        return

    write(db, disposition)

    kept = before or [] if disposition == "WRITE_APPEND" else []
    assert db.stored("out") == [(a,) for a in [*kept, 9]]


@pytest.mark.parametrize("name", ["createDisposition", "writeDisposition", "schemaUpdateOptions"])
def test_an_unknown_disposition_is_refused(db: Database, name: str) -> None:
    target = {"projectId": db.project, "datasetId": db.dataset, "tableId": "out"}
    value = ["NOPE"] if name == "schemaUpdateOptions" else "NOPE"
    query = {"query": "SELECT 1 AS a", "useLegacySql": False, "destinationTable": target, name: value}
    status, answer = db.call("POST", "jobs", {"configuration": {"query": query}})

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert f"Invalid value for {name}: NOPE is not a valid value" in answer["error"]["message"]


def test_write_truncate_data_is_refused_by_name(db: Database) -> None:
    refused = db.refused("SELECT 1 AS a", destination=f"{db.path}.out", write_disposition="WRITE_TRUNCATE_DATA")

    assert (refused.status, refused.reason) == (501, "notImplemented")


def test_write_empty_is_the_default_and_refuses_a_table_with_rows(db: Database) -> None:
    out = f"{db.path}.out"
    db.run("SELECT 1 AS a", destination=out)

    refused = db.refused("SELECT 2 AS a", destination=out)

    assert (refused.status, refused.reason) == (409, "duplicate")
    assert f"Already Exists: Table {db.project}:{db.dataset}.out" in refused.message
    assert db.stored("out") == [(1,)]


def test_write_empty_takes_an_empty_table(db: Database) -> None:
    db.table("out", "a INT64")
    db.run("SELECT 2 AS a", destination=f"{db.path}.out")

    assert db.stored("out") == [(2,)]


def test_write_truncate_takes_the_schema_of_the_query(db: Database) -> None:
    db.table("out", "a INT64,b STRING", [{"a": 1, "b": "x"}])
    db.run("SELECT 'y' AS c", destination=f"{db.path}.out", write_disposition="WRITE_TRUNCATE")

    assert [f.name for f in db.client.get_table(f"{db.path}.out").schema] == ["c"]
    assert db.stored("out") == [("y",)]


def test_write_append_adds_rows_by_column_name(db: Database) -> None:
    db.table("out", "a INT64,b STRING", [{"a": 1, "b": "x"}])
    db.run("SELECT 'y' AS b, 2 AS a", destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    assert db.stored("out") == [(1, "x"), (2, "y")]


def test_the_result_of_a_query_with_a_destination_is_the_destination(db: Database) -> None:
    db.table("out", "a INT64", [{"a": 1}])
    job = db.run("SELECT 2 AS a", destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    assert [r.a for r in job.result(timeout=30)] == [1, 2]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1 AS a, 2 AS b", "Cannot add fields (field: b)"),
        ("SELECT 'x' AS a", "Field a has changed type from INTEGER to STRING"),
        ("SELECT [1] AS a", "Field a has changed mode from NULLABLE to REPEATED"),
    ],
)
def test_an_append_whose_schema_does_not_fit_is_refused(db: Database, sql: str, message: str) -> None:
    db.table("out", "a INT64", [{"a": 1}])
    refused = db.refused(sql, destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    assert refused.reason == "invalid"
    assert f"Provided Schema does not match Table {db.project}:{db.dataset}.out. {message}" in refused.message
    assert db.stored("out") == [(1,)]


def test_outputs_are_nullable_so_a_required_column_refuses_them(db: Database) -> None:
    db.table("out", "a INT64 REQUIRED")
    refused = db.refused("SELECT 1 AS a", destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    assert "Field a has changed mode from REQUIRED to NULLABLE" in refused.message


def test_allow_field_addition_and_relaxation_change_the_schema(db: Database) -> None:
    db.table("out", "a INT64 REQUIRED", [{"a": 1}])
    db.run(
        "SELECT 2 AS a, 'x' AS b",
        destination=f"{db.path}.out",
        write_disposition="WRITE_APPEND",
        schema_update_options=["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"],
    )

    assert db.stored("out") == [(1, None), (2, "x")]
    assert [f.mode for f in db.client.get_table(f"{db.path}.out").schema] == ["NULLABLE", "NULLABLE"]


def test_nested_fields_can_be_added(db: Database) -> None:
    db.run("SELECT STRUCT(1 AS x) AS s", destination=f"{db.path}.out")
    db.run(
        "SELECT STRUCT(2 AS x, 'n' AS y) AS s",
        destination=f"{db.path}.out",
        write_disposition="WRITE_APPEND",
        schema_update_options=["ALLOW_FIELD_ADDITION"],
    )

    assert db.stored("out") == [({"x": 1, "y": None},), ({"x": 2, "y": "n"},)]
    assert db.rows("SELECT s.y FROM {d}.out ORDER BY s.x") == [(None,), ("n",)]


def test_schema_update_options_with_truncate_of_a_whole_table_are_refused(db: Database) -> None:
    db.table("out", "a INT64")
    refused = db.refused(
        "SELECT 1 AS a",
        destination=f"{db.path}.out",
        write_disposition="WRITE_TRUNCATE",
        schema_update_options=["ALLOW_FIELD_ADDITION"],
    )

    assert refused.reason == "invalid"
    assert "Schema update options should only be specified with WRITE_APPEND" in refused.message


def test_create_never_refuses_a_missing_table(db: Database) -> None:
    refused = db.refused("SELECT 1 AS a", destination=f"{db.path}.no", create_disposition="CREATE_NEVER")

    assert (refused.status, refused.reason) == (404, "notFound")
    assert f"Not found: Table {db.project}:{db.dataset}.no" in refused.message


def test_a_missing_dataset_is_not_created(db: Database) -> None:
    refused = db.refused("SELECT 1 AS a", destination=f"{db.project}.nowhere_at_all.t")

    assert (refused.status, refused.reason) == (404, "notFound")


def test_nested_and_repeated_columns_survive_select_star(db: Database) -> None:
    rows: list[dict[str, object]] = [
        {"a": 1, "labels": [{"key": "k", "value": "v"}], "p": {"id": "x", "tags": ["t", "u"]}},
        {"a": 2},
    ]
    schema = [
        field("a INT64"),
        bigquery.SchemaField("labels", "RECORD", "REPEATED", fields=[field("key STRING"), field("value STRING")]),
        bigquery.SchemaField("p", "RECORD", fields=[field("id STRING"), field("tags STRING REPEATED")]),
    ]
    db.client.create_table(bigquery.Table(f"{db.path}.src", schema=schema))
    db.load("src", rows, schema)
    sql = """SELECT * FROM (SELECT * FROM {d}.src AS t
             WHERE EXISTS (SELECT 1 FROM UNNEST(t.labels) AS l WHERE l.key = 'k' AND l.value = 'v')) AS t"""

    db.run(sql, destination=f"{db.path}.out")

    (row,) = db.stored("out")
    assert row == (1, [{"key": "k", "value": "v"}], {"id": "x", "tags": ["t", "u"]})
    assert db.client.get_table(f"{db.path}.out").schema == db.client.get_table(f"{db.path}.src").schema


# -- partitions --------------------------------------------------------------------------------------------------------


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


# -- at once -----------------------------------------------------------------------------------------------------------


def test_of_concurrent_replacements_one_wins_whole(db: Database) -> None:
    def replace(number: int) -> None:
        db.run(
            f"SELECT {number} AS n FROM UNNEST(GENERATE_ARRAY(1, 50))",
            destination=f"{db.path}.out",
            write_disposition="WRITE_TRUNCATE",
        )

    replace(0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(1, 13)))

    (row,) = db.rows("SELECT COUNT(*), COUNT(DISTINCT n) FROM {d}.out")
    assert row == (50, 1)


def test_of_two_jobs_that_both_want_an_empty_table_one_is_refused(db: Database) -> None:
    def write(number: int) -> int:
        try:
            db.run(f"SELECT {number} AS n", destination=f"{db.path}.out")
        except Exception as error:  # noqa: BLE001 - its status is what is asked for
            return int(getattr(error, "code", 0))
        return 200

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, range(4))) == [200, 409, 409, 409]


def test_appends_at_once_lose_nothing(db: Database) -> None:
    db.table("out", "n INT64")

    def append(number: int) -> None:
        db.run(f"SELECT {number} AS n", destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(80)))

    assert sorted(n for (n,) in db.stored("out")) == list(range(80))
    assert db.rows("SELECT COUNT(DISTINCT n) FROM {d}.out") == [(80,)]
