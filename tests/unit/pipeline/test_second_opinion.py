"""The service itself is asked what a query reads: once an hour, however many tenants run it."""

import pytest

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef
from shared.errors import IsolationRefused, QueryFailed, Unavailable
from shared.pipeline.second_opinion import DryRunOpinion
from shared.ports import JobError
from tests.builders import DATA, OTHER, TENANT
from tests.fakes import Answer, FakeBigQuery, FakeClock, FakeJobs


def table(tenant_id: str) -> TableRef:
    return TableRef(DATA, f"{tenant_id}_silver", "costs")


def sql(tenant_id: str = TENANT, value: str = "2025-11-15") -> Sql:
    text = f"SELECT * FROM `{table(tenant_id)}` WHERE day = @p1"
    return Sql(text, (Parameter("p1", "STRING", value),), frozenset({table(tenant_id)}))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs() -> FakeJobs:
    made = FakeJobs(FakeBigQuery())
    for tenant_id in (TENANT, OTHER):
        made.answer(sql(tenant_id).text, Answer(reads=frozenset({table(tenant_id)})))
    return made


def test_what_the_service_sees_too_is_confirmed(clock: FakeClock, jobs: FakeJobs) -> None:
    DryRunOpinion(jobs, clock).confirm(sql(), TENANT)
    assert jobs.calls == ["dry_run"]


def test_a_table_that_the_guard_did_not_see_is_refused(clock: FakeClock, jobs: FakeJobs) -> None:
    jobs.answer(sql().text, Answer(reads=frozenset({table(TENANT), table(OTHER)})))
    with pytest.raises(IsolationRefused):
        DryRunOpinion(jobs, clock).confirm(sql(), TENANT)


def test_other_values_and_other_tenants_of_the_same_query_cost_no_call(clock: FakeClock, jobs: FakeJobs) -> None:
    opinion = DryRunOpinion(jobs, clock)
    opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(value="2025-11-16"), TENANT)
    opinion.confirm(sql(OTHER), OTHER)
    assert jobs.calls == ["dry_run"]


def test_a_query_of_one_tenant_over_another_tenants_table_is_another_query(clock: FakeClock, jobs: FakeJobs) -> None:
    opinion = DryRunOpinion(jobs, clock)
    opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(), OTHER)
    assert jobs.calls == ["dry_run", "dry_run"]


def test_a_verdict_is_kept_for_an_hour(clock: FakeClock, jobs: FakeJobs) -> None:
    opinion = DryRunOpinion(jobs, clock)
    for seconds in (0, 3_599, 2):
        clock.advance(seconds)
        opinion.confirm(sql(), TENANT)
    assert jobs.calls == ["dry_run", "dry_run"]


@pytest.mark.parametrize("error", [Unavailable("down"), QueryFailed("invalidQuery: x", reason="invalidQuery")])
def test_a_call_that_failed_is_no_verdict(clock: FakeClock, jobs: FakeJobs, error: Exception) -> None:
    opinion = DryRunOpinion(jobs, clock)
    jobs.fail("dry_run", error)
    with pytest.raises(type(error)):
        opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(), TENANT)


def test_a_wrong_query_is_refused_with_bigquerys_words(clock: FakeClock, jobs: FakeJobs) -> None:
    jobs.answer(sql().text, Answer(error=JobError("invalidQuery", "Unrecognized name: day", False)))
    with pytest.raises(QueryFailed, match="Unrecognized name"):
        DryRunOpinion(jobs, clock).confirm(sql(), TENANT)
