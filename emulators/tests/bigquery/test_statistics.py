"""What a job says that it wrote, and what its results show.

Pages: docs/reference/rest/v2/Job (statistics.query.queryPlan, ExplainQueryStage, numDmlAffectedRows, JobStatistics3),
docs/reference/rest/v2/jobs/getQueryResults, docs/query-plan-explanation (of https://cloud.google.com/bigquery).
"""

from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database


def written(job: bigquery.QueryJob) -> int | None:
    """Rows that the last stage wrote."""
    return int(job.query_plan[-1].records_written) if job.query_plan else None


def results(db: Database, job: bigquery.QueryJob) -> dict[str, Any]:
    status, answer = db.call("GET", f"queries/{job.job_id}?location=US")
    assert status == 200
    found: dict[str, Any] = answer
    return found


def test_the_results_of_an_append_show_the_whole_table_and_the_plan_what_was_added(db: Database) -> None:
    """shared recording api_configuration/write_append_schema_matching: both rows come back."""
    db.table("out", "a INT64", [{"a": 1}, {"a": 2}])
    job = db.run("SELECT 3 AS a", destination=f"{db.path}.out", write_disposition="WRITE_APPEND")

    shown = results(db, job)

    assert (shown["totalRows"], len(shown["rows"])) == ("3", 3)
    assert job.result(timeout=30).total_rows == 3
    assert written(job) == 1


@pytest.mark.parametrize("disposition", ["WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA"])
def test_a_replacement_wrote_what_the_results_show(db: Database, disposition: str) -> None:
    db.table("out", "a INT64", [{"a": 1}])
    sql = "SELECT x AS a FROM UNNEST([7, 8, 9]) AS x"
    job = db.run(sql, destination=f"{db.path}.out", write_disposition=disposition)

    assert (results(db, job)["totalRows"], written(job)) == ("3", 3)


def test_a_query_that_found_nothing_wrote_nothing(db: Database) -> None:
    db.table("out", "a INT64", [{"a": 1}])
    sql = "SELECT a FROM {d}.out WHERE a > 1"

    assert written(db.run(sql)) == 0
    appended = db.run(sql, destination=f"{db.path}.out", write_disposition="WRITE_APPEND")
    assert (results(db, appended)["totalRows"], written(appended)) == ("1", 0)


def test_a_query_without_a_destination_wrote_its_rows(db: Database) -> None:
    assert written(db.run("SELECT x FROM UNNEST([1, 2]) AS x")) == 2


def test_a_stage_of_the_plan_is_complete_and_lies_within_the_job(db: Database) -> None:
    job = db.run("SELECT 1 AS a")
    ((stage),) = job.query_plan
    assert stage.status == "COMPLETE"
    assert job.started <= stage.start <= stage.end
    assert [step.kind for step in stage.steps] == ["WRITE"]


def test_a_plan_survives_in_the_history(db: Database) -> None:
    job = db.run("SELECT 1 AS a")

    seen = db.client.get_job(job.job_id, location="US", **CALL)
    assert isinstance(seen, bigquery.QueryJob)
    assert written(seen) == 1


def test_a_table_made_by_a_query_was_written_by_it(db: Database) -> None:
    assert written(db.run("CREATE TABLE {d}.u AS SELECT x FROM UNNEST([1, 2, 3]) AS x")) == 3
    assert written(db.run("CREATE TABLE {d}.v (a INT64)")) is None


@pytest.mark.parametrize(
    ("sql", "affected"),
    [("INSERT INTO {d}.t (a) VALUES (3), (4)", 2), ("UPDATE {d}.t SET a = 5 WHERE a = 1", 1),
     ("DELETE FROM {d}.t WHERE TRUE", 2)],
)  # fmt: skip
def test_dml_says_how_many_rows_it_changed(db: Database, sql: str, affected: int) -> None:
    db.table("t", "a INT64", [{"a": 1}, {"a": 2}])
    job = db.run(sql)
    status, answer = db.call("POST", "queries", {"query": sql.replace("{d}", db.path), "useLegacySql": False})

    assert job.num_dml_affected_rows == affected
    assert results(db, job)["numDmlAffectedRows"] == str(affected)
    assert (status, "numDmlAffectedRows" in answer) == (200, True)


def test_an_insert_wrote_the_rows_that_it_inserted(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])

    assert written(db.run("INSERT INTO {d}.t (a) SELECT a + 1 FROM {d}.t")) == 1


def test_a_load_says_how_many_rows_it_wrote(db: Database) -> None:
    db.table("t", "a INT64", [{"a": 1}])

    assert db.load("t", [{"a": 2}, {"a": 3}]).output_rows == 2


def test_a_dry_run_and_a_failed_job_have_no_plan(db: Database) -> None:
    db.table("out", "a INT64", [{"a": 1}])
    job = db.client.query("SELECT 1 AS a", bigquery.QueryJobConfig(destination=f"{db.path}.out"), job_retry=None)
    status, answer = db.call("GET", f"jobs/{job.job_id}?location=US")

    assert (status, answer["status"]["errorResult"]["reason"]) == (200, "duplicate")
    assert "queryPlan" not in answer["statistics"].get("query", {})
    assert written(db.run("SELECT 1 AS a", dry_run=True)) is None
