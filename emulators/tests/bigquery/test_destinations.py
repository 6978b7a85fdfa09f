"""Where query results go: dispositions, schema changes, all at once.

Pages: docs/reference/rest/v2/Job#JobConfigurationQuery, docs/writing-results, docs/managing-table-schemas
(of https://cloud.google.com/bigquery).
"""

import concurrent.futures
from collections.abc import Callable

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal


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


DESCRIBED = [
    bigquery.SchemaField("a", "INT64", description="what it is"),
    bigquery.SchemaField("b", "STRING", description="more of it"),
]


def described(db: Database) -> list[tuple[str, str | None]]:
    return [(f.name, f.description) for f in db.client.get_table(f"{db.path}.out", **CALL).schema]


@pytest.mark.parametrize("write", [write_by_query, write_by_load])
def test_write_truncate_data_keeps_the_schema_and_its_descriptions(
    db: Database, write: Callable[[Database, str], None]
) -> None:
    """docs/reference/rest/v2/Job: it overwrites the data, but keeps the constraints and schema of the table."""
    db.table("out", DESCRIBED, [{"a": 1, "b": "x"}])  # type: ignore[arg-type]

    write(db, "WRITE_TRUNCATE_DATA")

    assert described(db) == [("a", "what it is"), ("b", "more of it")]
    assert db.stored("out") == [(9, None)]


@pytest.mark.parametrize("write", [write_by_query, write_by_load])
@pytest.mark.parametrize("before", [None, []], ids=["missing", "empty"])
def test_write_truncate_data_fills_a_table_that_is_missing_or_empty(
    db: Database, before: list[int] | None, write: Callable[[Database, str], None]
) -> None:
    if before is not None:
        db.table("out", "a INT64")

    write(db, "WRITE_TRUNCATE_DATA")

    assert db.stored("out") == [(9,)]


@pytest.mark.parametrize("write", [write_by_query, write_by_load])
def test_write_truncate_drops_columns_and_descriptions(db: Database, write: Callable[[Database, str], None]) -> None:
    """docs/reference/auditlogs/rest/Shared.Types/BigQueryAuditMetadata.WriteDisposition."""
    db.table("out", DESCRIBED, [{"a": 1, "b": "x"}])  # type: ignore[arg-type]

    write(db, "WRITE_TRUNCATE")

    assert described(db) == [("a", None)]


@pytest.mark.parametrize(
    ("sql", "message"), [("SELECT 'x' AS a", "has changed type"), ("SELECT 1 AS c", "Cannot add fields (field: c)")]
)
def test_write_truncate_data_refuses_rows_of_another_schema(db: Database, sql: str, message: str) -> None:
    db.table("out", "a INT64", [{"a": 1}])

    refused = db.refused(sql, destination=f"{db.path}.out", write_disposition="WRITE_TRUNCATE_DATA")

    assert (refused.status, refused.reason) == (400, "invalid")
    assert message in refused.message
    assert db.stored("out") == [(1,)]


def test_write_truncate_data_adds_columns_where_that_is_allowed(db: Database) -> None:
    """docs/reference/rest/v2/Job, schemaUpdateOptions: supported in three cases, this is one."""
    db.table("out", DESCRIBED[:1], [{"a": 1}])  # type: ignore[arg-type]

    db.run(
        "SELECT 2 AS a, 'y' AS c",
        destination=f"{db.path}.out",
        write_disposition="WRITE_TRUNCATE_DATA",
        schema_update_options=["ALLOW_FIELD_ADDITION"],
    )

    assert described(db) == [("a", "what it is"), ("c", None)]
    assert db.stored("out") == [(2, "y")]


def test_write_truncate_data_replaces_one_partition(db: Database) -> None:
    db.table("out", "d DATE, a INT64", time_partitioning=bigquery.TimePartitioning(field="d"))
    db.run("INSERT INTO {d}.out VALUES ('2025-11-15', 1), ('2025-11-16', 2)")

    sql = "SELECT DATE '2025-11-15' AS d, 3 AS a"
    db.run(sql, destination=f"{db.path}.out$20251115", write_disposition="WRITE_TRUNCATE_DATA")

    assert sorted(a for _, a in db.stored("out")) == [2, 3]


def test_a_copy_with_write_truncate_data_is_refused_by_name(db: Database) -> None:
    """docs/reference/rest/v2/Job: JobConfigurationTableCopy has the other three."""
    refused = refusal(lambda: write_by_copy(db, "WRITE_TRUNCATE_DATA"))

    assert (refused.status, refused.reason) == (501, "notImplemented")
    assert "WRITE_TRUNCATE_DATA" in refused.message


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
