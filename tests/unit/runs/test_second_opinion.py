"""The service itself is asked what a query reads: once an hour, however many tenants run it."""

from dataclasses import replace

import pytest

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import Column, DatasetRef, TableRef
from shared.contracts.tenant import TENANT_LABEL, owner_of_dataset
from shared.errors import IsolationRefused, NotFound, NotOurs, QueryFailed, Unavailable
from shared.ports import Dataset, DryRun, JobError
from shared.runs.second_opinion import DryRunOpinion
from shared.templating.isolation import guard
from tests.builders import DATA, OTHER, TENANT
from tests.fakes import Answer, FakeBigQuery, FakeCatalog, FakeClock, FakeJobs
from tests.unit.templating.given import policy


def table(tenant_id: str) -> TableRef:
    return TableRef(DATA, f"{tenant_id}_silver", "costs")


def sql(tenant_id: str = TENANT, value: str = "2025-11-15") -> Sql:
    text = f"SELECT * FROM `{table(tenant_id)}` WHERE day = @p1"
    return Sql(text, (Parameter("p1", "STRING", value),), frozenset({table(tenant_id)}))


class Labelled(FakeCatalog):
    """A catalog where every dataset bears the label of the tenant that it is named for."""

    def __init__(self) -> None:
        self.warehouse = FakeBigQuery()
        super().__init__(self.warehouse)

    def get_dataset(self, ref: DatasetRef) -> Dataset | None:
        with self._call("get_dataset"):
            return Dataset(ref, {TENANT_LABEL: owner_of_dataset(ref.dataset) or ""})


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
    DryRunOpinion(jobs, Labelled(), clock).confirm(sql(), TENANT)
    assert jobs.calls == ["dry_run"]


def test_a_table_that_the_guard_did_not_see_is_refused(clock: FakeClock, jobs: FakeJobs) -> None:
    jobs.answer(sql().text, Answer(reads=frozenset({table(TENANT), table(OTHER)})))
    with pytest.raises(IsolationRefused):
        DryRunOpinion(jobs, Labelled(), clock).confirm(sql(), TENANT)


def test_other_values_and_other_tenants_of_the_same_query_cost_no_call(clock: FakeClock, jobs: FakeJobs) -> None:
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(value="2025-11-16"), TENANT)
    opinion.confirm(sql(OTHER), OTHER)
    assert jobs.calls == ["dry_run"]


def test_a_query_of_one_tenant_over_another_tenants_table_is_another_query(clock: FakeClock, jobs: FakeJobs) -> None:
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(), OTHER)
    assert jobs.calls == ["dry_run", "dry_run"]


def test_the_columns_are_told_where_they_are_this_tenants_too(clock: FakeClock, jobs: FakeJobs) -> None:
    columns = (Column(name="cost", type="FLOAT64"),)
    everybodys = Sql("SELECT cost FROM `p.d.shared`", (), frozenset({TableRef("p", "d", "shared")}))
    jobs.answer(everybodys.text, Answer(columns=columns, reads=everybodys.reads))
    jobs.answer(sql().text, Answer(columns=columns, reads=sql().reads))
    opinion = DryRunOpinion(jobs, Labelled(), clock)

    assert [opinion.confirm(everybodys, who) for who in (TENANT, OTHER)] == [columns, columns]
    assert [opinion.confirm(sql(who), who) for who in (TENANT, OTHER, TENANT)] == [columns, None, None]
    assert jobs.calls == ["dry_run"] * 2


def test_a_verdict_is_kept_for_an_hour(clock: FakeClock, jobs: FakeJobs) -> None:
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    for seconds in (0, 3_599, 2):
        clock.advance(seconds)
        opinion.confirm(sql(), TENANT)
    assert jobs.calls == ["dry_run", "dry_run"]


@pytest.mark.parametrize("error", [Unavailable("down"), QueryFailed("invalidQuery: x", reason="invalidQuery")])
def test_a_call_that_failed_is_no_verdict(clock: FakeClock, jobs: FakeJobs, error: Exception) -> None:
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    jobs.fail("dry_run", error)
    with pytest.raises(type(error)):
        opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(), TENANT)


def test_a_wrong_query_is_refused_with_bigquerys_words(clock: FakeClock, jobs: FakeJobs) -> None:
    jobs.answer(sql().text, Answer(error=JobError("invalidQuery", "Unrecognized name: day", False)))
    with pytest.raises(QueryFailed, match="Unrecognized name"):
        DryRunOpinion(jobs, Labelled(), clock).confirm(sql(), TENANT)


def test_the_tenants_own_table_is_looked_at_once_an_hour(clock: FakeClock, jobs: FakeJobs) -> None:
    catalog = Labelled()
    opinion = DryRunOpinion(jobs, catalog, clock)
    for seconds in (0, 3_599, 2):
        clock.advance(seconds)
        opinion.confirm(sql(), TENANT)
    assert catalog.calls == ["get_dataset", "is_view"] * 2


def test_a_view_is_refused_also_where_another_tenants_verdict_is_kept(clock: FakeClock, jobs: FakeJobs) -> None:
    catalog = Labelled()
    opinion = DryRunOpinion(jobs, catalog, clock)
    opinion.confirm(sql(OTHER), OTHER)
    catalog.warehouse.views.add(table(TENANT))
    for _ in range(2):
        with pytest.raises(IsolationRefused, match="is no table of rows"):
            opinion.confirm(sql(), TENANT)


def test_a_dataset_that_only_bears_the_tenants_name_is_not_read(clock: FakeClock, jobs: FakeJobs) -> None:
    warehouse = FakeBigQuery()
    opinion = DryRunOpinion(jobs, FakeCatalog(warehouse), clock)
    with pytest.raises(NotFound):
        opinion.confirm(sql(), TENANT)
    for labels in ({}, {TENANT_LABEL: OTHER}):
        warehouse.put(table(TENANT).dataset_ref, labels)
        with pytest.raises(NotOurs, match="nothing is read from it"):
            opinion.confirm(sql(), TENANT)
    assert jobs.calls == []

    warehouse.put(table(TENANT).dataset_ref, {TENANT_LABEL: TENANT})
    opinion.confirm(sql(), TENANT)
    assert jobs.calls == ["dry_run"]


class AgreeingJobs(FakeJobs):
    """Dry runs that see just what the guard saw."""

    def dry_run(self, sql: Sql) -> DryRun:
        with self._call("dry_run"):
            return DryRun(0, sql.reads)


def test_a_batch_of_ten_thousand_tenants_makes_a_handful_of_dry_runs(clock: FakeClock) -> None:
    jobs = AgreeingJobs(FakeBigQuery())
    opinion, base = DryRunOpinion(jobs, Labelled(), clock), policy()
    queries = (
        "SELECT * FROM `source-p.billing.export` WHERE day = @p1",
        "SELECT * FROM `data-p.{t}_silver.daily` JOIN `source-p.billing.prices` USING (x) WHERE day = @p1",
        "SELECT COUNT(*) FROM `data-p.{t}.x_meta_step_logs`",
    )
    for number in range(10_000):
        tenant_id = f"tenant{number}_abcd"
        mine = replace(base, tenant_id=tenant_id, filter_variables={"tenant_id": tenant_id})
        for query in queries:
            day = Parameter("p1", "STRING", f"2025-11-{1 + number % 28:02}")
            guarded = guard(Sql(query.replace("{t}", tenant_id), (day,)), mine)
            opinion.confirm(guarded, tenant_id)

    assert jobs.calls == ["dry_run"] * len(queries)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        # (tenant, table that it reads) twice: the texts differ in more than each one's own id
        (("acmeinc_23xv2", "p.mine.t"), ("techcorp_99zx4", "p.theirs.t")),
        (("acmeinc_23xv2", "p.acmeinc_23xv2_a.t"), ("techcorp_99zx4", "p.techcorp_99zx4_b.t")),
        (("acmeinc_23xv2", "p.acmeinc_23xv2_a.t"), ("techcorp_99zx4", "q.techcorp_99zx4_a.t")),
        (("acmeinc_23xv2", "p.acmeinc_23xv2.t"), ("techcorp_99zx4", "p.acmeinc_23xv2.t")),
        (("ab_1234", "p.ab_1234.t"), ("cab_1234", "p.ab_1234.t")),
        (("ab_1234", "p.cab_1234.t"), ("cab_1234", "p.cab_1234.t")),
        (("ab_1234", "p.ab_12345.t"), ("ab_12345", "p.ab_12345.t")),
        (("ab_1234", "p.ab_1234_ab_1234.t"), ("cd_5678", "p.cd_5678_ab_1234.t")),
        (("ab_1234", "p.{tenant}.t"), ("cd_5678", "p.cd_5678.t")),
    ],
)
def test_no_verdict_serves_another_tenants_other_tables(
    clock: FakeClock, mine: tuple[str, str], theirs: tuple[str, str]
) -> None:
    jobs = AgreeingJobs(FakeBigQuery())
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    for tenant_id, path in (mine, theirs):
        opinion.confirm(Sql(f"SELECT * FROM `{path}`", (), frozenset({TableRef.parse(path)})), tenant_id)

    assert jobs.calls == ["dry_run", "dry_run"]


def test_a_verdict_is_of_the_parameters_types_too(clock: FakeClock) -> None:
    jobs = AgreeingJobs(FakeBigQuery())
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    for parameter in (
        Parameter("p1", "STRING", "1"), Parameter("p1", "INT64", 1), Parameter("p1", "STRING", ["1"], array=True),
        Parameter("p1", "STRING", "2"),
    ):  # fmt: skip
        opinion.confirm(Sql("SELECT @p1", (parameter,)), TENANT)

    assert jobs.calls == ["dry_run"] * 3


def test_one_tenants_refusal_or_view_is_not_kept_for_others(clock: FakeClock, jobs: FakeJobs) -> None:
    jobs.answer(sql().text, Answer(reads=frozenset({table(TENANT), table(OTHER)})))
    opinion = DryRunOpinion(jobs, Labelled(), clock)
    for _ in range(2):
        with pytest.raises(IsolationRefused):
            opinion.confirm(sql(), TENANT)
    opinion.confirm(sql(OTHER), OTHER)

    assert jobs.calls == ["dry_run"] * 3
