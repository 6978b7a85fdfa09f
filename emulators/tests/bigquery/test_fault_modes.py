"""What BigQuery does now and then, on demand: 404 after 409, queues, columns that streaming does not know yet.

Pages: docs/query-queues, docs/reference/rest/v2/Job (jobTimeoutMs), docs/error-messages (of
https://cloud.google.com/bigquery); for jobs.get after a 409 github.com/googleapis/python-bigquery/issues/2134.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, field, refusal

BATCH = {"priority": "BATCH"}


@pytest.fixture(autouse=True)
def _all_off(db: Database) -> Iterator[None]:
    yield
    db.emulator("DELETE", "faults")


def fresh() -> str:
    return f"job-{uuid.uuid4().hex}"


def switch(db: Database, **modes: Any) -> None:
    assert db.emulator("POST", "faults", modes)[0] == 200


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def statuses(db: Database, job_id: str, calls: int) -> list[int]:
    return [db.call("GET", f"jobs/{job_id}?location=US")[0] for _ in range(calls)]


# -- switching -------------------------------------------------------------------------------------------


def test_modes_are_switched_on_and_off_by_name(db: Database) -> None:
    switch(db, batch_jobs_pending={"seconds": 1.5}, new_columns_unknown={"calls": 2})
    switch(db, batch_jobs_pending=None)

    assert db.emulator("GET", "faults") == (200, {"new_columns_unknown": {"calls": 2}})
    assert db.emulator("DELETE", "faults") == (200, {})


@pytest.mark.parametrize(
    "modes",
    [{"nope": {"calls": 1}}, {"batch_jobs_pending": {"calls": 1}}, {"new_columns_unknown": {}},
     {"new_columns_unknown": {"calls": "2"}}, {"new_columns_unknown": {"seconds": -1}}, {"new_columns_unknown": 3}],
)  # fmt: skip
def test_a_mode_that_there_is_not_is_refused_and_changes_nothing(db: Database, modes: dict[str, Any]) -> None:
    status, answer = db.emulator("POST", "faults", {"batch_jobs_pending": {"seconds": 1}, **modes})

    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert db.emulator("GET", "faults") == (200, {})


# -- 404 after 409 ---------------------------------------------------------------------------------------


def test_a_query_job_is_not_found_for_some_calls_after_its_id_was_refused(db: Database) -> None:
    switch(db, job_not_found_after_conflict={"calls": 2})
    used = fresh()
    db.run("SELECT 1", job_id=used)
    before = statuses(db, used, 1)

    assert db.refused("SELECT 1", job_id=used).status == 409
    assert (before, statuses(db, used, 3)) == ([200], [404, 404, 200])
    assert db.refused("SELECT 1", job_id=used).status == 409
    assert statuses(db, used, 1) == [200]  # it stays found


def test_a_load_job_is_not_found_for_a_time_after_its_id_was_refused(db: Database) -> None:
    switch(db, job_not_found_after_conflict={"seconds": 30})
    db.table("t", "a INT64")
    used = fresh()
    config = bigquery.LoadJobConfig(schema=[field("a INT64")])

    def load() -> None:
        db.client.load_table_from_json([{"a": 1}], f"{db.path}.t", job_id=used, job_config=config, timeout=30).result()

    load()
    assert refusal(load).status == 409

    hidden = refusal(lambda: db.client.get_job(used, location="US", **CALL))
    assert (hidden.status, hidden.reason) == (404, "notFound")
    assert f"Not found: Job {db.project}:US.{used}" in hidden.message
    with db.clock.later(seconds=31):
        assert db.client.get_job(used, location="US", **CALL).state == "DONE"


def test_other_jobs_are_found_meanwhile(db: Database) -> None:
    switch(db, job_not_found_after_conflict={"seconds": 30})
    used, other = fresh(), fresh()
    for job_id in (used, other):
        db.run("SELECT 1", job_id=job_id)
    db.refused("SELECT 1", job_id=used)

    assert statuses(db, other, 1) == [200]


# -- queues ----------------------------------------------------------------------------------------------


def test_a_batch_query_is_pending_until_the_queue_lets_it_start(db: Database) -> None:
    switch(db, batch_jobs_pending={"seconds": 60})
    job = db.client.query("SELECT 1 AS a", bigquery.QueryJobConfig(**BATCH), job_retry=None, **CALL)
    listed = [j.job_id for j in db.client.list_jobs(state_filter="pending", **CALL)]

    assert (job.state, job.started, job.ended, listed) == ("PENDING", None, None, [job.job_id])
    assert "startTime" not in db.call("GET", f"jobs/{job.job_id}?location=US")[1]["statistics"]
    assert db.call("GET", f"queries/{job.job_id}?location=US&timeoutMs=1")[1]["jobComplete"] is False
    with db.clock.later(seconds=61):
        assert [r.a for r in job.result(timeout=30)] == [1]
        job.reload(**CALL)
        assert (job.started - job.created).total_seconds() >= 60


def test_interactive_queries_and_loads_do_not_queue(db: Database) -> None:
    switch(db, batch_jobs_pending={"seconds": 60})
    db.table("t", "a INT64", [{"a": 1}])

    assert db.rows("SELECT a FROM {d}.t") == [(1,)]


def test_the_timeout_of_a_job_counts_from_its_creation(db: Database) -> None:
    switch(db, batch_jobs_pending={"seconds": 60})
    config = bigquery.QueryJobConfig(job_timeout_ms=10_000, **BATCH)
    job = db.client.query("SELECT 1 AS a", config, job_retry=None, **CALL)
    with db.clock.later(seconds=11):
        until(lambda: db.client.get_job(job.job_id, location="US", **CALL).state == "DONE")
        seen = db.client.get_job(job.job_id, location="US", **CALL)

    assert (seen.error_result["reason"], seen.started) == ("timeout", None)


def test_a_pending_job_can_be_cancelled_and_never_starts(db: Database) -> None:
    switch(db, batch_jobs_pending={"seconds": 60})
    db.table("t", "a INT64")
    config = bigquery.QueryJobConfig(**BATCH)
    job = db.client.query(f"INSERT INTO {db.path}.t (a) VALUES (1)", config, job_retry=None, **CALL)
    assert job.state == "PENDING"

    status, answer = db.call("POST", f"jobs/{job.job_id}/cancel?location=US")

    assert (status, answer["job"]["status"]["state"]) == (200, "DONE")
    assert answer["job"]["status"]["errorResult"]["reason"] == "stopped"
    assert "startTime" not in answer["job"]["statistics"]
    assert db.stored("t") == []


def test_the_id_of_a_pending_job_is_used(db: Database) -> None:
    switch(db, batch_jobs_pending={"seconds": 60})
    used = fresh()
    job = db.client.query("SELECT 1", bigquery.QueryJobConfig(**BATCH), job_id=used, job_retry=None, **CALL)

    assert db.refused("SELECT 1", job_id=used).status == 409
    db.client.cancel_job(job.job_id, location="US", **CALL)


# -- new columns -----------------------------------------------------------------------------------------


def _patched(db: Database) -> None:
    table = db.client.get_table(f"{db.path}.t", **CALL)
    table.schema = [*table.schema, field("b STRING")]
    db.client.update_table(table, ["schema"], **CALL)


def _by_ddl(db: Database) -> None:
    db.run("ALTER TABLE {d}.t ADD COLUMN b STRING")


def _by_query(db: Database) -> None:
    options: dict[str, Any] = {"write_disposition": "WRITE_APPEND", "schema_update_options": ["ALLOW_FIELD_ADDITION"]}
    db.run("SELECT 7 AS a, 'x' AS b", destination=f"{db.path}.t", **options)


@pytest.mark.parametrize("add", [_patched, _by_ddl, _by_query])
def test_streaming_does_not_know_a_new_column_for_a_time(db: Database, add: Callable[[Database], None]) -> None:
    switch(db, new_columns_unknown={"seconds": 60})
    path = db.table("t", "a INT64")
    add(db)

    refused = db.client.insert_rows_json(path, [{"a": 1}, {"a": 2, "b": "x"}], **CALL)

    assert [(e["index"], e["errors"][0]["reason"], e["errors"][0]["message"]) for e in refused] == [
        (0, "stopped", ""),
        (1, "invalid", "no such field: b."),
    ]
    assert refused[1]["errors"][0]["location"] == "b"
    assert db.client.insert_rows_json(path, [{"a": 3}], **CALL) == []
    with db.clock.later(seconds=61):
        assert db.client.insert_rows_json(path, [{"a": 2, "b": "x"}], **CALL) == []


def test_streaming_knows_a_new_column_after_some_calls(db: Database) -> None:
    switch(db, new_columns_unknown={"calls": 2})
    path = db.table("t", "a INT64")
    _patched(db)

    answers = [db.client.insert_rows_json(path, [{"b": "x"}], **CALL) for _ in range(3)]

    assert [bool(answer) for answer in answers] == [True, True, False]
    assert db.rows("SELECT b FROM {d}.t") == [("x",)]


def test_a_field_within_a_record_is_new_too(db: Database) -> None:
    switch(db, new_columns_unknown={"calls": 1})
    inner = [field("x INT64")]
    path = db.table("t", [bigquery.SchemaField("r", "RECORD", fields=inner)])  # type: ignore[arg-type]
    table = db.client.get_table(path, **CALL)
    table.schema = [bigquery.SchemaField("r", "RECORD", fields=[*inner, field("y INT64")])]
    db.client.update_table(table, ["schema"], **CALL)

    (refused,) = db.client.insert_rows_json(path, [{"r": {"x": 1, "y": 2}}], **CALL)

    assert refused["errors"][0]["message"] == "no such field: r.y."


def test_without_the_mode_a_new_column_is_known_at_once(db: Database) -> None:
    path = db.table("t", "a INT64")
    _patched(db)

    assert db.client.insert_rows_json(path, [{"b": "x"}], **CALL) == []
