"""Jobs listed, found, and their results in pages.

Pages: docs/reference/rest/v2/jobs/list, …/jobs/getQueryResults, …/jobs/query (of https://cloud.google.com/bigquery).
"""

import datetime as dt
from typing import Any

import pytest

from emulators.tests.bigquery.database import CALL, Database, connect, refusal
from emulators.tests.bigquery.job_ids import SLOW, fresh


def test_jobs_are_listed_newest_first_in_pages(db: Database) -> None:
    ids = [db.run(f"SELECT {i}").job_id for i in range(5)]

    listed = [j.job_id for j in db.client.list_jobs(page_size=2, max_results=50, **CALL)]

    positions = [listed.index(i) for i in ids]
    assert positions == sorted(positions, reverse=True)


def test_jobs_are_listed_by_state_and_time(db: Database, url: str) -> None:
    """docs/reference/rest/v2/jobs/list: stateFilter, minCreationTime, maxCreationTime."""
    with connect(url, f"listing-{fresh()}") as client:
        with db.clock.later(days=2):
            late = client.query("SELECT 1", job_retry=None, **CALL)
            late.result(timeout=30)
        early = client.query("SELECT 2", job_retry=None, **CALL)
        early.result(timeout=30)
        running = client.query(SLOW, job_retry=None, **CALL)
        try:
            tomorrow = db.clock() + dt.timedelta(days=1)

            def listed(**options: Any) -> list[str]:
                return [j.job_id for j in client.list_jobs(**options, **CALL)]

            assert listed() == [late.job_id, running.job_id, early.job_id]
            assert listed(state_filter="done") == [late.job_id, early.job_id]
            assert listed(state_filter="running") == [running.job_id]
            assert listed(state_filter="pending") == []
            assert listed(min_creation_time=tomorrow) == [late.job_id]
            assert listed(max_creation_time=tomorrow) == [running.job_id, early.job_id]
        finally:
            client.cancel_job(running.job_id, location="US", **CALL)


def test_a_minimal_listing_leaves_out_the_configuration(db: Database) -> None:
    """docs/reference/rest/v2/jobs/list: projection."""
    job = db.run("SELECT 1", labels={"k": "v"})
    (minimal,) = (j for j in db.call("GET", "jobs?maxResults=500")[1]["jobs"] if job.job_id in j["id"])
    (full,) = (j for j in db.call("GET", "jobs?maxResults=500&projection=full")[1]["jobs"] if job.job_id in j["id"])

    assert "configuration" not in minimal
    assert (minimal["state"], minimal["id"]) == ("DONE", full["id"])
    assert full["configuration"]["labels"] == {"k": "v"}


@pytest.mark.parametrize("query", ["stateFilter=nope", "projection=nope", "minCreationTime=nope", "maxResults=0"])
def test_a_listing_by_something_else_is_refused(db: Database, query: str) -> None:
    status, answer = db.call("GET", f"jobs?{query}")

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert query.partition("=")[0] in answer["error"]["message"]


def test_an_unknown_job_is_not_found(db: Database) -> None:
    refused = refusal(lambda: db.client.get_job("never-was", **CALL))

    assert (refused.status, refused.reason) == (404, "notFound")
    assert "Not found: Job" in refused.message


def test_results_come_in_pages(db: Database) -> None:
    job = db.run("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x")

    pages = [len(list(page)) for page in job.result(page_size=10, timeout=30).pages]

    assert pages == [10, 10, 5]
    assert job.result(timeout=30).total_rows == 25


def test_results_begin_at_a_row(db: Database) -> None:
    """docs/reference/rest/v2/jobs/getQueryResults: startIndex, maxResults, pageToken."""
    job = db.run("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 9)) AS x ORDER BY x")
    path = f"queries/{job.job_id}?location=US"
    first = db.call("GET", f"{path}&startIndex=3&maxResults=2")[1]
    second = db.call("GET", f"{path}&maxResults=2&pageToken={first['pageToken']}")[1]

    assert [[c["v"] for c in r["f"]] for r in first["rows"] + second["rows"]] == [["4"], ["5"], ["6"], ["7"]]
    beyond = db.call("GET", f"{path}&startIndex=100")[1]
    assert ("rows" in beyond, beyond["totalRows"], "pageToken" in beyond) == (False, "9", False)


def test_results_expire_after_a_day(db: Database) -> None:
    """docs/writing-results#temporary_and_permanent_tables: about 24 hours."""
    job = db.run("SELECT 1 AS a")
    with db.clock.later(hours=25):
        status, answer = db.call("GET", f"queries/{job.job_id}?location=US")

    assert (status, answer["error"]["errors"][0]["reason"]) == (404, "notFound")


def test_a_load_job_has_no_results(db: Database) -> None:
    db.table("t", "a INT64")
    job = db.load("t", [{"a": 1}])
    status, answer = db.call("GET", f"queries/{job.job_id}?location=US")

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert "is not a query job" in answer["error"]["message"]


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
