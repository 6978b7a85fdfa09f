"""A BigQuery job is run once, however often it is asked for."""

import json
from dataclasses import replace

import pytest

from shared.contracts.sql import Sql
from shared.contracts.tables import TableRef
from shared.errors import (
    AccessDenied,
    BytesLimitExceeded,
    NotFound,
    NotOurs,
    QueryFailed,
    QuotaExceeded,
    RowOutsidePartition,
    StillRunning,
    Unavailable,
)
from shared.once import GENERATIONS, is_alive, job_id, permanent, run_once
from shared.ports import Job, JobError, QueryJob
from tests.builders import DATA, TENANT
from tests.fakes import Answer, FakeBigQuery, FakeJobs

QUERY = QueryJob(Sql("SELECT 1"), labels={"convergence_tenant": TENANT})
IDS = (TENANT, "0" * 32, "extract", "write")
BROKEN = Answer(error=JobError("backendError", "try again", True))


@pytest.fixture
def jobs() -> FakeJobs:
    made = FakeJobs(FakeBigQuery())
    made.answer("SELECT 1", Answer(rows=[{"one": 1}]))
    return made


def once(jobs: FakeJobs, job: QueryJob = QUERY) -> Job:
    return run_once(jobs, job, ids=IDS, timeout_s=1)


def test_the_job_has_the_id_of_its_first_generation(jobs: FakeJobs) -> None:
    assert once(jobs).job_id == job_id(*IDS, 0)


def test_asked_twice_it_runs_once_and_gives_the_same_job(jobs: FakeJobs) -> None:
    first, second = once(jobs), once(jobs)
    assert (second, len(jobs.inserted)) == (first, 1)


def test_a_job_whose_answer_was_lost_is_found_again(jobs: FakeJobs) -> None:
    jobs.fail("insert", Unavailable("the answer was lost"), after=True)
    with pytest.raises(Unavailable):
        once(jobs)
    assert once(jobs).rows == 1
    assert len(jobs.inserted) == 1


def test_a_job_that_is_still_running_is_left_alone_and_found_again(jobs: FakeJobs) -> None:
    jobs.stuck = True
    with pytest.raises(StillRunning):
        once(jobs)
    jobs.stuck = False
    assert once(jobs).done
    assert len(jobs.inserted) == 1


def test_a_job_that_ended_in_an_error_that_may_pass_gets_the_next_generation(jobs: FakeJobs) -> None:
    jobs.answer("SELECT 1", BROKEN, BROKEN, Answer(rows=[{"one": 1}]))
    assert once(jobs).job_id == job_id(*IDS, 2)


def test_a_redelivery_goes_on_with_the_generation_after_the_last_that_broke(jobs: FakeJobs) -> None:
    jobs.answer("SELECT 1", BROKEN, Answer(rows=[{"one": 1}]))
    once(jobs)
    once(jobs)
    assert [id_ for id_, _ in jobs.inserted] == [job_id(*IDS, 0), job_id(*IDS, 1)]


def test_there_are_no_more_generations_than_promised(jobs: FakeJobs) -> None:
    jobs.answer("SELECT 1", BROKEN)
    for _ in range(2):
        with pytest.raises(Unavailable, match="backendError"):
            once(jobs)
    assert len(jobs.inserted) == GENERATIONS


def test_a_job_that_failed_for_good_is_not_run_again(jobs: FakeJobs) -> None:
    jobs.answer("SELECT 1", Answer(error=JobError("invalidQuery", "Syntax error", False)))
    for _ in range(2):
        with pytest.raises(QueryFailed, match="invalidQuery: Syntax error"):
            once(jobs)
    assert len(jobs.inserted) == 1


@pytest.mark.parametrize(
    "other",
    [
        QueryJob(Sql("SELECT 1"), labels={"convergence_tenant": "bytefactory_xv23"}),
        QueryJob(Sql("SELECT 1")),
    ],
)
def test_a_job_of_that_id_with_other_labels_is_not_ours(jobs: FakeJobs, other: QueryJob) -> None:
    jobs.insert(job_id(*IDS), other)
    with pytest.raises(NotOurs):
        once(jobs)


@pytest.mark.parametrize(("table", "partition"), [("other", "20251115"), ("costs", "20251116"), ("costs", None)])
def test_a_job_of_that_id_with_another_destination_is_not_ours(
    jobs: FakeJobs, table: str, partition: str | None
) -> None:
    ours = replace(QUERY, destination=TableRef(DATA, f"{TENANT}_silver", "costs"), partition="20251115")
    theirs = replace(ours, destination=TableRef(DATA, f"{TENANT}_silver", table), partition=partition)
    jobs.insert(job_id(*IDS), theirs)
    with pytest.raises(NotOurs):
        once(jobs, ours)


def test_a_call_that_fails_passes_untouched(jobs: FakeJobs) -> None:
    jobs.fail("insert", QuotaExceeded("slow down"))
    with pytest.raises(QuotaExceeded):
        once(jobs)


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("invalidQuery", "Syntax error at [1:1]", QueryFailed),
        ("notFound", "Not found: Table p:d.t", NotFound),
        ("bytesBilledLimitExceeded", "Query exceeded limit", BytesLimitExceeded),
        (
            "invalid",
            "Some rows belong to different partitions rather than destination partition t$20251115",
            RowOutsidePartition,
        ),
    ],
)
def test_an_error_keeps_bigquerys_reason_and_words(reason: str, message: str, expected: type[Exception]) -> None:
    error = permanent(JobError(reason, message, False))
    assert (type(error), str(error)) == (expected, f"{reason}: {message}")


def test_a_job_is_alive_until_it_is_done_whatever_its_generation(jobs: FakeJobs) -> None:
    assert not is_alive(jobs, IDS)
    jobs.answer("SELECT 1", BROKEN, Answer())
    once(jobs)
    assert not is_alive(jobs, IDS)
    jobs.stuck = True
    jobs.insert(job_id(*IDS, 2), QUERY)
    assert is_alive(jobs, IDS)


def test_whether_a_job_is_alive_is_asked_without_its_results(jobs: FakeJobs) -> None:
    once(jobs)
    jobs.calls.clear()
    is_alive(jobs, IDS)
    assert jobs.calls == ["is_running"] * 2


def test_a_job_that_may_not_be_looked_at_is_not_known_to_be_alive(
    jobs: FakeJobs, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs.stuck = True
    jobs.insert(job_id(*IDS), QUERY)
    jobs.fail("is_running", AccessDenied("not this account's"))
    assert not is_alive(jobs, IDS)
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["job_id"]) == ("job_not_shown", job_id(*IDS))
