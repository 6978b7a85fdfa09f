"""A tenant's own record is changed as it was seen, and the registry follows it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import Tenant
from shared.errors import QueryFailed, TenantUnknown, Unavailable
from shared.ports import Job, JobError, QueryJob
from shared.tenants.records import TenantRecord, TenantRecords
from shared.tenants.registry import Registry
from tests.builders import DATA, OTHER, OTHER_KEY, TENANT, TENANTS, make_tenant, put_record, schema, services, tenant
from tests.fakes import START, FakeServices

RECORD = DatasetRef(DATA, TENANT).table("x_meta_tenant")


@pytest.fixture
def world() -> FakeServices:
    made = services()
    make_tenant(made.warehouse, tenant(tenant_id=OTHER), OTHER_KEY)
    return made


@pytest.fixture
def records(world: FakeServices) -> TenantRecords:
    return TenantRecords(world.rows, world.jobs, world.clock, data_project=DATA, schema=schema("x_meta_tenant"))


def suspended(seen: Tenant) -> Tenant:
    return replace(seen, status="suspended")


def with_variable(name: str) -> Callable[[Tenant], Tenant]:
    return lambda seen: replace(seen, variables={**seen.variables, name: "x"})


def registered(world: FakeServices) -> dict[str, str]:
    return {row["tenant_id"]: row["status"] for row in world.warehouse.events(TENANTS)}


# ── the record ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_changed_is_read_again(world: FakeServices, records: TenantRecords) -> None:
    world.clock.advance(60)
    wanted = replace(
        tenant(), status="suspended", variables={"a": 'b"\n'}, enabled_templates=("gcp/cost/cost_billing",)
    )
    made = records.change(TENANT, lambda _: wanted, request="r")
    assert made == records.get(TENANT) == TenantRecord(wanted, START, START + timedelta(seconds=60))


def test_the_record_of_another_onboarding_is_not_written_over(world: FakeServices, records: TenantRecords) -> None:
    def overtaken(seen: Tenant) -> Tenant:
        put_record(world.warehouse, tenant(epoch="epoch-2"))  # at the same time, by an instance with a slower clock
        if seen.epoch != "epoch-1":
            raise TenantUnknown("onboarded anew")
        return suspended(seen)

    with pytest.raises(TenantUnknown):
        records.change(TENANT, overtaken, request="r")
    assert records.get(TENANT) == TenantRecord(tenant(epoch="epoch-2"), START, START)


def test_what_stays_the_same_is_not_written(world: FakeServices, records: TenantRecords) -> None:
    records.change(TENANT, lambda seen: seen, request="r")
    assert world.jobs.inserted == []


def test_of_two_changes_at_once_none_is_lost(world: FakeServices, records: TenantRecords) -> None:
    asked: list[Tenant] = []

    def changed(seen: Tenant) -> Tenant:
        if not asked:
            asked.append(seen)
            records.change(TENANT, with_variable("theirs"), request="other")
        return with_variable("ours")(seen)

    made = records.change(TENANT, changed, request="r")
    assert set(made.tenant.variables) == {"theirs", "ours"}
    assert records.get(TENANT) == made


def test_a_record_from_a_clock_that_goes_ahead_is_changed_all_the_same(
    world: FakeServices, records: TenantRecords
) -> None:
    world.clock.advance(60)
    records.change(TENANT, with_variable("a"), request="r")
    world.clock.advance(-120)
    made = records.change(TENANT, with_variable("b"), request="s")
    assert set(made.tenant.variables) == {"a", "b"}
    assert made.updated_at == START + timedelta(seconds=60, microseconds=1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["insert", "wait"])
def test_a_lost_answer_is_looked_for(world: FakeServices, records: TenantRecords, method: str, after: bool) -> None:
    world.jobs.fail(method, Unavailable("down"), after=after)
    assert records.change(TENANT, suspended, request="r").tenant.status == "suspended"


def test_a_record_that_others_change_all_the_time_is_unavailable(world: FakeServices, records: TenantRecords) -> None:
    numbers = iter(range(100))

    def always(seen: Tenant) -> Tenant:
        records.change(TENANT, with_variable(f"n{next(numbers)}"), request=f"other-{next(numbers)}")
        return suspended(seen)

    with pytest.raises(Unavailable):
        records.change(TENANT, always, request="r")


def test_a_statement_that_is_wrong_is_no_conflict(world: FakeServices, records: TenantRecords) -> None:
    world.jobs.dml_errors = [JobError("invalidQuery", "Unrecognized name: x at [1:1]", False)]
    with pytest.raises(QueryFailed):
        records.change(TENANT, suspended, request="r")


@pytest.mark.parametrize("tenant_id", ["nobody_1234", "x", "", "../x"])
def test_who_is_no_tenant_has_no_record(records: TenantRecords, tenant_id: str) -> None:
    assert records.get(tenant_id) is None
    with pytest.raises(TenantUnknown):
        records.change(tenant_id, suspended, request="r")


def test_a_row_of_another_tenant_is_no_record_of_ours(world: FakeServices, records: TenantRecords) -> None:
    world.warehouse.tables[RECORD].stored = [{"tenant_id": OTHER, "status": "active"}]
    assert records.get(TENANT) is None


# ── the registry ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_registry_follows_the_record(world: FakeServices, records: TenantRecords) -> None:
    records.change(TENANT, suspended, request="r")
    Registry(world.jobs, world.settings).follow(TENANT, records, request="r")
    assert registered(world) == {TENANT: "suspended", OTHER: "active"}


def test_the_slower_of_two_does_not_leave_what_the_faster_has_replaced(
    world: FakeServices, records: TenantRecords
) -> None:
    registry = Registry(world.jobs, world.settings)
    insert, late = world.jobs.insert, ["resume"]

    def slow(job_id: str, job: QueryJob) -> Job:
        if TENANTS.table in job.sql.text and late:
            late.clear()
            records.change(TENANT, lambda seen: replace(seen, status="active"), request="second")
            registry.follow(TENANT, records, request="second")
        return insert(job_id, job)

    records.change(TENANT, suspended, request="first")
    vars(world.jobs)["insert"] = slow
    registry.follow(TENANT, records, request="first")
    assert registered(world)[TENANT] == "active"


def test_who_is_taken_out_is_gone_and_the_others_stay(world: FakeServices) -> None:
    registry = Registry(world.jobs, world.settings)
    assert [registry.remove(TENANT, "epoch-1", request=request) for request in "ab"] == [True, False]
    assert (registry.has(TENANT), registry.has(OTHER)) == (False, True)


def test_the_row_of_another_onboarding_stays(world: FakeServices) -> None:
    registry = Registry(world.jobs, world.settings)
    assert not registry.remove(TENANT, "epoch-0", request="r")
    assert registry.epoch(TENANT) == "epoch-1"


def test_who_is_entered_twice_by_one_request_is_there_once(world: FakeServices) -> None:
    registry = Registry(world.jobs, world.settings)
    for _ in range(2):
        registry.enter(tenant(tenant_id="newcomer_1234"), onboarded_at=START, request="r")
    assert list(registered(world)) == [TENANT, OTHER, "newcomer_1234"]
