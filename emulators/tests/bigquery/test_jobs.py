"""Jobs: ids, states, errors, options.

Pages: docs/reference/rest/v2/jobs/insert, …/jobs/query, …/jobs/cancel,
…/v2/Job, docs/error-messages, docs/running-jobs (of https://cloud.google.com/bigquery).
"""

import concurrent.futures
import time
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, parameter, refusal
from emulators.tests.bigquery.job_ids import SLOW, fresh


def test_a_used_job_id_is_refused_with_409(db: Database) -> None:
    used = fresh()
    db.run("SELECT 1", job_id=used)

    again = db.refused("SELECT 2", job_id=used)

    assert (again.status, again.reason) == (409, "duplicate")
    assert f"Already Exists: Job {db.project}:US.{used}" in again.message


def test_of_two_jobs_with_one_id_that_arrive_at_once_one_is_taken(db: Database) -> None:
    for _ in range(5):
        used = fresh()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(db.run, f"SELECT {i}", job_id=used) for i in range(4)]
            errors = [f.exception() for f in futures]
        assert [getattr(e, "code", None) for e in errors if e is not None] == [409, 409, 409]


def test_the_id_of_a_failed_job_is_used_too(db: Database) -> None:
    used = fresh()
    db.refused("SELECT nope", job_id=used)

    assert db.refused("SELECT 1", job_id=used).status == 409


def test_the_id_of_a_load_job_is_used_too(db: Database) -> None:
    db.table("t", "a INT64")
    used = fresh()
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("a", "INT64")])

    def load() -> None:
        db.client.load_table_from_json([{"a": 1}], f"{db.path}.t", job_id=used, job_config=config, timeout=30).result()

    load()
    assert refusal(load).status == 409
    assert db.stored("t") == [(1,)]


def test_an_id_is_used_in_the_location_where_the_job_ran(db: Database) -> None:
    """docs/locations#specify_locations: without a location a job runs where its tables are."""
    dataset = bigquery.Dataset(f"{db.path}_eu")
    dataset.location = "EU"
    db.client.create_dataset(dataset, **CALL)
    used = fresh()
    assert db.run("CREATE TABLE {d}_eu.t AS SELECT 1 AS a", job_id=used).location == "EU"

    again = db.refused("CREATE TABLE {d}_eu.u AS SELECT 1 AS a", job_id=used)

    assert (again.status, again.reason) == (409, "duplicate")
    assert refusal(lambda: db.client.get_table(f"{db.path}_eu.u", **CALL)).status == 404
    assert db.run("SELECT 1", job_id=f"{used}-other").location == "US"


def test_of_two_loads_with_one_id_that_arrive_at_once_one_is_taken(db: Database) -> None:
    db.table("t", "a INT64")
    used = fresh()
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("a", "INT64")])

    def load(number: int) -> int:
        try:
            db.client.load_table_from_json(
                [{"a": number}], f"{db.path}.t", job_id=used, job_config=config, timeout=30
            ).result(timeout=30)
        except Exception as error:  # noqa: BLE001 - its status is what is asked for
            return int(getattr(error, "code", 0))
        return 200

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(load, range(4))) == [200, 409, 409, 409]
    assert len(db.stored("t")) == 1


@pytest.mark.parametrize("bad", ["has space", "dot.ted", "", "x" * 1025, "ümlaut"])
def test_a_job_id_of_other_characters_is_refused(db: Database, bad: str) -> None:
    body = {
        "jobReference": {"projectId": db.project, "jobId": bad or " "},
        "configuration": {"query": {"query": "SELECT 1", "useLegacySql": False}},
    }
    status, answer = db.call("POST", "jobs", body)

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")


def test_a_failed_query_is_a_job_that_is_done_with_an_error_result(db: Database) -> None:
    used = fresh()
    job = db.client.query("SELECT nope", job_id=used, job_retry=None, **CALL)
    error = refusal(lambda: job.result(job_retry=None, timeout=30))

    assert (error.status, error.reason) == (400, "invalidQuery")
    seen = db.client.get_job(used, **CALL)
    assert seen.state == "DONE"
    assert seen.error_result["reason"] == "invalidQuery"
    assert seen.error_result["location"] == "query"
    status, answer = db.call("GET", f"queries/{used}?location=US")
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalidQuery")


def test_labels_priority_and_statement_type_are_kept(db: Database) -> None:
    job = db.run("SELECT 1", labels={"tenant": "a-1", "run": "x_2"}, priority="BATCH")
    seen = db.client.get_job(job.job_id, **CALL)
    assert isinstance(seen, bigquery.QueryJob)

    assert seen.labels == {"tenant": "a-1", "run": "x_2"}
    assert seen.priority == "BATCH"
    assert seen.statement_type == "SELECT"
    assert seen.created <= seen.started <= seen.ended


@pytest.mark.parametrize(
    "labels",
    [{"Upper": "x"}, {"k": "Upper"}, {"1k": "x"}, {"k": "x" * 64}, {"k" * 64: "x"}, {"": "x"}, {"k": "a.b"},
     {"k": "a b"}, {f"k{i}": "x" for i in range(65)}],
)  # fmt: skip
def test_labels_against_the_rules_are_refused(db: Database, labels: dict[str, str]) -> None:
    """docs/labels-intro#requirements: 64 labels, 63 characters, small letters, digits, _ and -."""
    refused = db.refused("SELECT 1", labels=labels)

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "abel" in refused.message


@pytest.mark.parametrize("labels", [{"k" * 63: "v" * 63}, {"k": ""}, {"é": "ü-1_"}, {f"k{i}": "x" for i in range(64)}])
def test_labels_within_the_rules_are_kept(db: Database, labels: dict[str, str]) -> None:
    assert db.client.get_job(db.run("SELECT 1", labels=labels).job_id, **CALL).labels == labels


def test_an_unknown_priority_is_refused(db: Database) -> None:
    refused = db.refused("SELECT 1", priority="SOON")

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "Invalid value for priority: SOON is not a valid value" in refused.message


def test_a_query_beyond_maximum_bytes_billed_fails(db: Database) -> None:
    table = db.table("t", "a INT64", [{"a": 1}])

    refused = db.refused(f"SELECT a FROM {table}", maximum_bytes_billed=10 * 1024 * 1024 - 1)

    assert refused.reason == "bytesBilledLimitExceeded"
    assert "10485760 or higher required" in refused.message
    assert db.rows(f"SELECT a FROM {table}", maximum_bytes_billed=10 * 1024 * 1024) == [(1,)]


def test_ten_mib_are_billed_for_each_table_at_least(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])
    db.table("u", "a INT64", [{"a": 1}])

    job = db.run("SELECT t.a FROM {d}.t AS t JOIN {d}.u AS u ON t.a = u.a")

    assert job.total_bytes_processed == 16
    assert job.total_bytes_billed == 2 * 10 * 1024 * 1024


def test_creating_a_table_of_a_query_reads_what_the_query_reads(db: Database) -> None:
    """docs/estimate-costs#query_costs; data-definition-language#create_table_statement."""
    db.table("t", "a INT64", [{"a": 1}])
    sql = "CREATE TABLE {d}.u AS SELECT a FROM {d}.t"

    estimate = db.run(sql, dry_run=True)
    refused = db.refused(sql, maximum_bytes_billed=1)
    job = db.run(sql)

    assert refused.reason == "bytesBilledLimitExceeded"
    for seen in (estimate, job):
        assert (seen.total_bytes_processed, seen.statement_type) == (8, "CREATE_TABLE_AS_SELECT")
        assert [t.table_id for t in seen.referenced_tables] == ["t"]
    assert db.stored("u") == [(1,)]


def test_a_dry_run_says_bytes_schema_and_tables_and_leaves_no_job(db: Database) -> None:
    db.table("t", "a INT64,s STRING", [{"a": 1, "s": "xyz"}, {"a": 2, "s": None}])

    job = db.run("SELECT a, UPPER(s) AS up FROM {d}.t WHERE a > @a", parameter("a", "INT64", 0), dry_run=True)

    assert job.total_bytes_processed == 2 * 8 + 5
    assert [t.table_id for t in job.referenced_tables] == ["t"]
    assert [(f.name, f.field_type) for f in job.schema or ()] == [("a", "INTEGER"), ("up", "STRING")]
    assert refusal(lambda: db.client.get_job(job.job_id or "none", **CALL)).status == 404


def test_a_dry_run_reports_errors_at_once(db: Database) -> None:
    assert db.refused("SELECT nope FROM {d}.t", dry_run=True).status == 404
    assert db.refused("SELECT 1 +", dry_run=True).reason == "invalidQuery"


def test_a_dry_run_finds_tables_in_every_corner(db: Database) -> None:
    for name in "abcd":
        db.table(name, "x INT64")
    sql = """WITH w AS (SELECT x FROM {d}.a) SELECT (SELECT MAX(x) FROM {d}.b) AS m FROM w
             WHERE x IN (SELECT x FROM {d}.c) AND EXISTS (SELECT 1 FROM {d}.d AS d WHERE d.x = w.x)"""

    assert {t.table_id for t in db.run(sql, dry_run=True).referenced_tables} == set("abcd")


@pytest.mark.parametrize("kind", ["load", "copy"])
def test_dry_runs_are_of_queries_only(db: Database, kind: str) -> None:
    db.table("t", "a INT64")
    table = {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"}
    inner: dict[str, Any] = {"destinationTable": table | {"tableId": "u"}, "sourceTable": table}
    if kind == "load":
        inner = {"destinationTable": table, "sourceUris": ["gs://b/x"]}
    status, answer = db.call("POST", "jobs", {"configuration": {kind: inner, "dryRun": True}})

    assert status in {400, 501}, answer


@pytest.mark.parametrize(
    "sql",
    ["INSERT INTO {d}.t (a) VALUES (2)", "DELETE FROM {d}.t WHERE TRUE", "CREATE TABLE {d}.u AS SELECT 1 AS a",
     "DROP TABLE {d}.t", "TRUNCATE TABLE {d}.t", "ALTER TABLE {d}.t ADD COLUMN b STRING", "CREATE SCHEMA {d}_new"],
)  # fmt: skip
def test_a_dry_run_changes_nothing(db: Database, sql: str) -> None:
    """docs/running-queries#dry-run."""
    db.table("t", "a INT64", [{"a": 1}])
    db.run(sql, dry_run=True)

    assert db.stored("t") == [(1,)]
    assert [f.name for f in db.client.get_table(f"{db.path}.t", **CALL).schema] == ["a"]
    assert [t.table_id for t in db.client.list_tables(db.path, **CALL)] == ["t"]
    assert refusal(lambda: db.client.get_dataset(f"{db.path}_new", **CALL)).status == 404


def test_a_dry_run_takes_no_id(db: Database) -> None:
    used = fresh()
    db.run("SELECT 1", dry_run=True, job_id=used)

    assert db.run("SELECT 1", job_id=used).state == "DONE"


def test_a_job_past_its_timeout_is_ended(db: Database) -> None:
    """docs/reference/rest/v2/Job: jobTimeoutMs; docs/error-messages: timeout. How it is worded is not documented."""
    job = db.client.query(SLOW, bigquery.QueryJobConfig(job_timeout_ms=300), job_retry=None, **CALL)
    status, answer = db.call("GET", f"queries/{job.job_id}?location=US")

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "timeout")
    assert "timed out" in answer["error"]["message"]


def test_a_load_or_copy_past_its_timeout_writes_all_or_nothing(db: Database) -> None:
    schema = [bigquery.SchemaField("a", "INT64")]
    config = bigquery.LoadJobConfig(schema=schema, job_timeout_ms=1)
    job = db.client.load_table_from_json([{"a": i} for i in range(20_000)], f"{db.path}.t", job_config=config)
    try:
        job.result(timeout=30)
    except Exception as error:  # noqa: BLE001 - which of both it is depends on the machine
        assert "timed out" in str(error)  # noqa: PT017
        assert refusal(lambda: db.client.get_table(f"{db.path}.t", **CALL)).status == 404
    else:
        assert db.rows("SELECT COUNT(*) FROM {d}.t") == [(20_000,)]


def test_a_cancelled_job_ends_as_stopped(db: Database) -> None:
    job = db.client.query(SLOW, job_retry=None, **CALL)
    assert job.state == "RUNNING"

    db.client.cancel_job(job.job_id, location="US", **CALL)
    error = refusal(lambda: job.result(job_retry=None, timeout=30))

    assert error.reason == "stopped"
    assert db.client.get_job(job.job_id, **CALL).error_result["reason"] == "stopped"


def test_a_finished_job_stays_as_it_is_when_cancelled(db: Database) -> None:
    """docs/reference/rest/v2/jobs/cancel: the answer is the job, whose state tells."""
    job = db.run("SELECT 1 AS a")
    status, answer = db.call("POST", f"jobs/{job.job_id}/cancel?location=US")

    assert (status, answer["kind"]) == (200, "bigquery#jobCancelResponse")
    assert answer["job"]["status"] == {"state": "DONE"}
    assert [r.a for r in job.result(timeout=30)] == [1]


def test_an_unknown_job_cannot_be_cancelled_or_deleted(db: Database) -> None:
    for method, path in (("POST", "jobs/never/cancel"), ("DELETE", "jobs/never/delete")):
        status, answer = db.call(method, path)
        assert (status, answer["error"]["errors"][0]["reason"]) == (404, "notFound")


def test_a_deleted_job_is_forgotten_and_a_running_one_is_not_deleted(db: Database) -> None:
    """docs/reference/rest/v2/jobs/delete."""
    done = db.run("SELECT 1 AS a").job_id
    running = db.client.query(SLOW, job_retry=None, **CALL)
    try:
        status, answer = db.call("DELETE", f"jobs/{running.job_id}/delete?location=US")
        assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
        assert db.call("DELETE", f"jobs/{done}/delete?location=US")[0] == 204
        assert refusal(lambda: db.client.get_job(done, **CALL)).status == 404
    finally:
        db.client.cancel_job(running.job_id, location="US", **CALL)


def test_a_slow_query_delays_nobody(db: Database) -> None:
    job = db.client.query(SLOW, job_retry=None, **CALL)
    try:
        started = time.perf_counter()
        for _ in range(10):
            db.client.get_dataset(db.path, **CALL)
        each = (time.perf_counter() - started) / 10
    finally:
        db.client.cancel_job(job.job_id, location="US", **CALL)
    assert each < 0.1


def test_a_job_is_bound_to_the_location_of_its_tables(db: Database) -> None:
    dataset = bigquery.Dataset(f"{db.path}_eu")
    dataset.location = "EU"
    db.client.create_dataset(dataset, **CALL)
    db.client.create_table(bigquery.Table(f"{db.path}_eu.t", schema=[bigquery.SchemaField("a", "INT64")]), **CALL)

    job = db.run(f"SELECT a FROM {db.path}_eu.t")
    assert job.location == "EU"
    config = bigquery.QueryJobConfig()
    refused = refusal(
        lambda: db.client.query(f"SELECT a FROM {db.path}_eu.t", config, location="US", job_retry=None, **CALL).result()
    )
    assert (refused.status, refused.reason) == (404, "notFound")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT u.a FROM {d}.t AS u JOIN {d}_eu.t AS e ON u.a = e.a",
        "INSERT {d}.t (a) SELECT a FROM {d}_eu.t",
        "MERGE {d}.t USING {d}_eu.t AS e ON t.a = e.a WHEN MATCHED THEN DELETE",
        "CREATE TABLE {d}.u AS SELECT a FROM {d}_eu.t",
        "CREATE TABLE {d}.u LIKE {d}_eu.t",
        "CREATE VIEW {d}.u AS SELECT a FROM {d}_eu.t",
    ],
)
def test_all_tables_of_a_statement_are_in_one_location(db: Database, sql: str) -> None:
    """docs/locations: a query's datasets are in the location where it runs."""
    dataset = bigquery.Dataset(f"{db.path}_eu")
    dataset.location = "EU"
    db.client.create_dataset(dataset, **CALL)
    db.client.create_table(bigquery.Table(f"{db.path}_eu.t", schema=[bigquery.SchemaField("a", "INT64")]), **CALL)
    db.table("t", "a INT64")

    refused = db.refused(sql)

    assert (refused.status, refused.reason) == (404, "notFound")
    assert refused.message == f"Not found: Dataset {db.project}:{db.dataset}_eu was not found in location US"
    assert db.refused("SELECT 1 FROM {d}_eu.nope").message.endswith(
        f"{db.dataset}_eu.nope was not found in location EU"
    )


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"query": {"query": "SELECT 1"}}, "legacy SQL"),
        ({"extract": {"sourceTable": {}, "destinationUris": ["gs://x"]}}, "extract"),
        ({"query": {"query": "SELECT 1", "useLegacySql": False, "tableDefinitions": {"x": {}}}}, "tableDefinitions"),
        (
            {
                "load": {
                    "sourceUris": ["gs://b/x"],
                    "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"},
                }
            },
            "Cloud Storage",
        ),
    ],
)
def test_what_is_not_served_is_refused_by_name(db: Database, body: dict[str, object], what: str) -> None:
    status, answer = db.call("POST", "jobs", {"configuration": body})

    assert (status, answer["error"]["errors"][0]["reason"]) == (501, "notImplemented")
    assert what in answer["error"]["message"]


@pytest.mark.parametrize("path", ["datasets/x/models", "datasets/x/routines", "jobs/x/unknown"])
def test_an_unknown_path_is_refused_by_name(db: Database, path: str) -> None:
    status, answer = db.call("GET", path)

    assert status == 501, answer
