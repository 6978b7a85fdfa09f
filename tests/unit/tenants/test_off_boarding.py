"""Off-boarding removes all that is the tenant's and nothing else; cut short anywhere, the same call completes it."""

from contextlib import suppress

import pytest

from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import OnboardingInProgress, RunsLive, TenantUnknown, Unavailable
from shared.ports import Dataset
from shared.runs.live_runs import LiveRuns, live_runs
from shared.tenants.claim import LEASE_LABEL
from shared.tenants.off_boarding import OffBoarding, Removed
from shared.tenants.records import TenantRecords
from tests.builders import (
    CONTROL,
    DATA,
    OTHER,
    OTHER_KEY,
    RUNS,
    TENANT,
    TENANTS,
    make_table,
    make_tenant,
    schema,
    services,
    table_schema,
    tenant,
)  # fmt: skip
from tests.fakes import START, Answer, FakeCatalog, FakeServices

OWN = DatasetRef(DATA, TENANT)
SILVER = DatasetRef(DATA, f"{TENANT}_gcp_silver_cost")
# Each begins as the tenant's own do, or bears its label, or both but not for this tenant.
NEIGHBOURS = {
    f"{TENANT}x": {TENANT_LABEL: f"{TENANT}x"},
    f"{TENANT}x_gcp_silver_cost": {TENANT_LABEL: f"{TENANT}x"},
    f"x{TENANT}": {TENANT_LABEL: f"x{TENANT}"},
    TENANT[:-1]: {TENANT_LABEL: TENANT[:-1]},
    f"{TENANT}_unlabelled": {},
    f"{TENANT}_theirs": {TENANT_LABEL: OTHER},
    f"{TENANT}__double": {TENANT_LABEL: TENANT},
    "something_else": {TENANT_LABEL: TENANT},
    f"{OTHER}_silver": {TENANT_LABEL: TENANT},
}


@pytest.fixture
def world() -> FakeServices:
    made = services()
    make_tenant(made.warehouse, tenant(tenant_id=OTHER), OTHER_KEY)
    make_table(made.warehouse, SILVER.table("billing_cost_daily"), table_schema("cost FLOAT64"), TENANT)
    for name, labels in NEIGHBOURS.items():
        made.warehouse.put(DatasetRef(DATA, name), labels)
        make_table(made.warehouse, DatasetRef(DATA, name).table("costs"), table_schema("cost FLOAT64"))
    return made


def off_boarding(world: FakeServices) -> OffBoarding:
    records = TenantRecords(world.rows, world.jobs, world.clock, data_project=DATA, schema=schema("x_meta_tenant"))
    live = LiveRuns(world.jobs, world.clock, CONTROL, run_deadline_s=world.settings.run_deadline_s)
    return OffBoarding(world.catalog, world.jobs, records, live, clock=world.clock, settings=world.settings)


def remove(world: FakeServices, tenant_id: str = TENANT, *, force: bool = False, request: str = "r") -> Removed:
    return off_boarding(world).remove(tenant_id, force=force, request=request)


def registered(world: FakeServices) -> dict[str, str]:
    return {row["tenant_id"]: row["status"] for row in world.warehouse.events(TENANTS)}


def of_tenant(world: FakeServices) -> set[str]:
    return {ref.dataset for ref in world.warehouse.datasets} & {OWN.dataset, SILVER.dataset}


def runs(world: FakeServices, *ids: str) -> None:
    """What the query for live runs finds."""
    since = START.replace(hour=START.hour - 6).isoformat()
    world.jobs.answer(live_runs(RUNS, TENANT, since).text, Answer(rows=[{"pipeline_logging_id": each} for each in ids]))


# ── what goes and what stays ────────────────────────────────────────────────────────────────────────────────────────


def test_the_tenants_datasets_and_its_row_are_gone_and_the_report_names_them(world: FakeServices) -> None:
    done = remove(world)
    assert of_tenant(world) == set()
    assert registered(world) == {OTHER: "active"}
    assert list(done.datasets) == [SILVER.dataset, OWN.dataset]
    assert done.datasets[SILVER.dataset] == ["billing_cost_daily"]
    assert set(done.datasets[OWN.dataset]) >= {"x_meta_api_keys", "x_meta_tenant"}
    assert done.was_registered


def test_neighbours_and_what_bears_no_label_are_not_touched(world: FakeServices) -> None:
    before = {name: world.warehouse.datasets[DatasetRef(DATA, name)] for name in NEIGHBOURS}
    before[OTHER] = world.warehouse.datasets[DatasetRef(DATA, OTHER)]
    remove(world)
    for name, dataset in before.items():
        assert world.warehouse.datasets[DatasetRef(DATA, name)] == dataset
    assert all(DatasetRef(DATA, name).table("costs") in world.warehouse.tables for name in NEIGHBOURS)
    assert CONTROL in world.warehouse.datasets


def test_the_own_dataset_goes_last_and_says_until_then_that_the_tenant_is_suspended(world: FakeServices) -> None:
    seen: list[tuple[str, str]] = []

    class Watched(FakeCatalog):
        def delete_dataset(self, dataset: Dataset) -> bool:
            found = world.directory
            found.forget(TENANT)
            now = found.get(TENANT)
            seen.append((dataset.ref.dataset, now.status if now else "gone"))
            return super().delete_dataset(dataset)

    world.catalog = Watched(world.warehouse)
    remove(world)
    assert seen == [(SILVER.dataset, "suspended"), (OWN.dataset, "suspended")]


def test_a_dataset_that_lost_its_label_meanwhile_is_left_alone(world: FakeServices) -> None:
    class Relabelled(FakeCatalog):
        def get_dataset(self, ref: DatasetRef) -> Dataset | None:
            if ref == SILVER:
                world.warehouse.put(SILVER, {})
            return super().get_dataset(ref)

    world.catalog = Relabelled(world.warehouse)
    assert list(remove(world).datasets) == [OWN.dataset]
    assert SILVER in world.warehouse.datasets


def test_what_a_run_makes_meanwhile_goes_too(world: FakeServices) -> None:
    late = DatasetRef(DATA, f"{TENANT}_late")

    class Late(FakeCatalog):
        def delete_dataset(self, dataset: Dataset) -> bool:
            if dataset.ref == OWN:
                world.warehouse.put(late, {TENANT_LABEL: TENANT})
            return super().delete_dataset(dataset)

    world.catalog = Late(world.warehouse)
    assert list(remove(world).datasets) == [SILVER.dataset, OWN.dataset, late.dataset]


@pytest.mark.parametrize("tenant_id", ["nobody_1234", "acmeinc", "", "convergence__control", "x" * 5_000])
def test_who_is_no_tenant_cannot_be_removed(world: FakeServices, tenant_id: str) -> None:
    before = dict(world.warehouse.datasets)
    with pytest.raises(TenantUnknown):
        remove(world, tenant_id)
    assert world.warehouse.datasets == before


def test_who_was_removed_is_unknown(world: FakeServices) -> None:
    remove(world)
    with pytest.raises(TenantUnknown):
        remove(world, request="s")


# ── what stands in the way ──────────────────────────────────────────────────────────────────────────────────────────


def test_while_a_run_has_not_ended_nothing_is_removed_but_the_tenant_is_suspended(world: FakeServices) -> None:
    runs(world, "a" * 32)
    with pytest.raises(RunsLive, match="a" * 32):
        remove(world)
    assert of_tenant(world) == {OWN.dataset, SILVER.dataset}
    assert registered(world)[TENANT] == "suspended"
    runs(world)
    assert list(remove(world, request="s").datasets) == [SILVER.dataset, OWN.dataset]


def test_forced_it_does_not_wait_for_runs(world: FakeServices) -> None:
    runs(world, "a" * 32)
    remove(world, force=True)
    assert of_tenant(world) == set()


def test_a_tenant_that_is_being_onboarded_is_left_to_it(world: FakeServices) -> None:
    until = int(START.timestamp()) + 30
    world.warehouse.put(OWN, {TENANT_LABEL: TENANT, LEASE_LABEL: f"{until}-{'a' * 32}"})
    with pytest.raises(OnboardingInProgress):
        remove(world)
    assert of_tenant(world) == {OWN.dataset, SILVER.dataset}
    world.clock.advance(31)
    remove(world)
    assert of_tenant(world) == set()


def test_a_half_finished_onboarding_can_be_removed(world: FakeServices) -> None:
    half = "halfway_1234"
    world.warehouse.put(DatasetRef(DATA, half), {TENANT_LABEL: half, LEASE_LABEL: "0"})
    assert remove(world, half) == Removed({half: []}, was_registered=False)


# ── cut short ───────────────────────────────────────────────────────────────────────────────────────────────────────

CALLS = [
    ("catalog", "datasets", 2), ("catalog", "get_dataset", 6), ("catalog", "tables", 2),
    ("catalog", "delete_dataset", 2), ("jobs", "select", 1), ("jobs", "insert", 3), ("rows", "stored", 4),
]  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "method", "nth"), [(p, m, n) for p, m, most in CALLS for n in range(1, most + 1)])
def test_cut_short_anywhere_the_same_call_completes_it(
    world: FakeServices, port: str, method: str, nth: int, after: bool
) -> None:
    class Killed(BaseException):
        """The end of the process."""

    fake = getattr(world, port)
    real, count = getattr(fake, method), iter(range(1, 100))

    def killing(*args: object, **given: object) -> object:
        if next(count) != nth:
            return real(*args, **given)
        if after:
            real(*args, **given)
        raise Killed

    setattr(fake, method, killing)
    with pytest.raises(Killed):
        remove(world)
    setattr(fake, method, real)
    if of_tenant(world) or TENANT in registered(world):
        remove(world, request="s")
    assert of_tenant(world) == set()
    assert registered(world) == {OTHER: "active"}


# ── overtaken ───────────────────────────────────────────────────────────────────────────────────────────────────────

OVERTAKEN = [
    ("catalog", "get_dataset", 6), ("catalog", "datasets", 2), ("catalog", "tables", 2),
    ("catalog", "delete_dataset", 2), ("rows", "stored", 4),
    ("jobs", "select", 1), ("jobs", "insert", 3), ("jobs", "wait", 3),
]  # fmt: skip


@pytest.mark.parametrize("was_complete", [True, False], ids=["onboarded", "half_finished"])
@pytest.mark.parametrize(
    ("port", "method", "nth", "after"),
    [
        (port, method, nth, after)
        for port, method, most in OVERTAKEN
        for nth in range(1, most + 1)
        for after in (False, True)
        # Before its first call it has not begun: what is there then is what it is asked to remove.
        if (method, nth, after) != ("get_dataset", 1, False)
    ],
)
def test_held_up_while_another_call_ends_and_the_id_is_onboarded_anew_it_leaves_the_new_tenant_alone(
    world: FakeServices, port: str, method: str, nth: int, after: bool, was_complete: bool
) -> None:
    if not was_complete:
        registry = world.warehouse.tables[TENANTS]
        registry.stored = [row for row in registry.stored if row["tenant_id"] != TENANT]
    fake = getattr(world, port)
    real, count = getattr(fake, method), iter(range(1, 100))
    anew = tenant(epoch="epoch-2", admin_email="new@acmeinc.example")
    held: list[int] = []

    def overtake() -> None:
        held.append(nth)
        with suppress(TenantUnknown):  # where all is gone already
            remove(world, request="other")
        make_tenant(world.warehouse, anew)
        make_table(world.warehouse, SILVER.table("billing_cost_daily"), table_schema("cost FLOAT64"), TENANT)

    def slow(*args: object, **given: object) -> object:
        if held or next(count) != nth:
            return real(*args, **given)
        if not after:
            overtake()
        answer = real(*args, **given)
        if after:
            overtake()
        return answer

    setattr(fake, method, slow)
    with suppress(TenantUnknown):
        remove(world)
    assert held
    assert of_tenant(world) == {OWN.dataset, SILVER.dataset}
    assert SILVER.table("billing_cost_daily") in world.warehouse.tables
    assert registered(world)[TENANT] == "active"
    assert world.directory.get(TENANT) == anew


def test_an_error_in_the_middle_leaves_the_registry_row(world: FakeServices) -> None:
    world.catalog.fail("delete_dataset", Unavailable("down"))
    with pytest.raises(Unavailable):
        remove(world)
    assert registered(world)[TENANT] == "suspended"
