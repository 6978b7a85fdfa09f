"""Jobs: ids, states, errors, options.

Pages: docs/reference/rest/v2/jobs/insert, …/jobs/query, …/jobs/getQueryResults, …/jobs/list, …/jobs/cancel,
…/v2/Job, docs/error-messages, docs/running-jobs (of https://cloud.google.com/bigquery).
"""

import concurrent.futures
import time
import uuid

import pytest
from google.cloud import bigquery

from tests.contract.bigquery.conftest import CALL, Database, parameter, refusal

# Hours of work, unless somebody ends it.
_MANY = "UNNEST(GENERATE_ARRAY(1, 3000))"
SLOW = f"SELECT COUNT(*) FROM {_MANY} AS a, {_MANY} AS b, {_MANY} AS c"


def fresh() -> str:
    return f"job-{uuid.uuid4().hex}"


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


@pytest.mark.parametrize("labels", [{"Upper": "x"}, {"k": "Upper"}, {"1k": "x"}, {"k": "x" * 64}, {"": "x"}])
def test_labels_of_other_characters_are_refused(db: Database, labels: dict[str, str]) -> None:
    assert db.refused("SELECT 1", labels=labels).reason == "invalid"


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


def test_a_job_past_its_timeout_is_ended(db: Database) -> None:

    refused = db.refused(SLOW, job_timeout_ms=300)

    assert "timed out" in refused.message or refused.reason in {"timeout", "stopped"}


def test_a_cancelled_job_ends_as_stopped(db: Database) -> None:
    job = db.client.query(SLOW, job_retry=None, **CALL)
    assert job.state == "RUNNING"

    db.client.cancel_job(job.job_id, location="US", **CALL)
    error = refusal(lambda: job.result(job_retry=None, timeout=30))

    assert error.reason == "stopped"
    assert db.client.get_job(job.job_id, **CALL).error_result["reason"] == "stopped"


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


def test_jobs_are_listed_newest_first_in_pages(db: Database) -> None:
    ids = [db.run(f"SELECT {i}").job_id for i in range(5)]

    listed = [j.job_id for j in db.client.list_jobs(page_size=2, max_results=50, **CALL)]

    positions = [listed.index(i) for i in ids]
    assert positions == sorted(positions, reverse=True)


def test_an_unknown_job_is_not_found(db: Database) -> None:
    refused = refusal(lambda: db.client.get_job("never-was", **CALL))

    assert (refused.status, refused.reason) == (404, "notFound")
    assert "Not found: Job" in refused.message


def test_results_come_in_pages(db: Database) -> None:
    job = db.run("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x")

    pages = [len(list(page)) for page in job.result(page_size=10, timeout=30).pages]

    assert pages == [10, 10, 5]
    assert job.result(timeout=30).total_rows == 25


def test_no_rows_are_sent_for_max_results_zero(db: Database) -> None:
    job = db.run("SELECT 1 AS a")
    status, answer = db.call("GET", f"queries/{job.job_id}?location=US&maxResults=0")

    assert (status, answer["totalRows"], "rows" in answer) == (200, "1", False)
    assert answer["jobComplete"] is True


def test_the_short_path_answers_with_rows_and_the_job(db: Database) -> None:
    rows = db.client.query_and_wait("SELECT 1 AS a, TIMESTAMP '2024-01-01 00:00:00.123456+00' AS happened")

    assert rows.job_id
    ((a, happened),) = [tuple(r.values()) for r in rows]
    assert (a, happened.isoformat()) == (1, "2024-01-01T00:00:00.123456+00:00")


def test_a_repeated_request_id_runs_nothing_twice(db: Database) -> None:
    db.table("t", "a INT64")
    body = {"query": f"INSERT INTO {db.path}.t (a) VALUES (1)", "useLegacySql": False, "requestId": fresh()}

    first, second = (db.call("POST", "queries", body)[1] for _ in range(2))

    assert first["jobReference"] == second["jobReference"]
    assert db.stored("t") == [(1,)]


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
