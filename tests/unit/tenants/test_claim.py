"""A tenant's dataset is claimed by one onboarding at a time, for as long as its `with` block."""

import pytest

from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import AlreadyOnboarded, OnboardingInProgress, TenantIdRefused, Unavailable
from shared.tenants.claim import DONE, LEASE_LABEL, LEASE_S, Claim
from tests.builders import DATA, OTHER, services
from tests.fakes import START, FakeServices

DATASET = DatasetRef(DATA, OTHER)
RUN, ANOTHER_RUN = "a" * 32, "b" * 32
UNTIL = int(START.timestamp()) + LEASE_S


@pytest.fixture
def world() -> FakeServices:
    return services()


def claim(world: FakeServices, run: str = RUN) -> Claim:
    return Claim(DATASET, world.catalog, run)


def labels(world: FakeServices) -> dict[str, str]:
    return dict(world.warehouse.datasets[DATASET].labels)


def test_within_the_block_the_dataset_bears_the_lease_of_the_run(world: FakeServices) -> None:
    with claim(world) as held:
        assert held.take(START, location="EU")
        held.confirm()
        assert labels(world) == {TENANT_LABEL: OTHER, LEASE_LABEL: f"{UNTIL}-{RUN}"}


def test_a_claim_that_was_completed_ends_as_done(world: FakeServices) -> None:
    with claim(world) as held:
        held.take(START, location="EU")
        held.complete()
    assert labels(world) == {TENANT_LABEL: OTHER, LEASE_LABEL: DONE}
    with claim(world, ANOTHER_RUN) as late, pytest.raises(AlreadyOnboarded):
        late.take(START, location="EU")


def test_a_claim_that_was_not_completed_is_free_for_the_next_attempt(world: FakeServices) -> None:
    with claim(world) as held:
        held.take(START, location="EU")
    assert labels(world) == {TENANT_LABEL: OTHER, LEASE_LABEL: "0"}
    with claim(world, ANOTHER_RUN) as following:
        assert not following.take(START, location="EU")


def test_other_labels_stay(world: FakeServices) -> None:
    world.warehouse.put(DATASET, {"other": "x", LEASE_LABEL: f"1-{RUN}"})
    with claim(world):
        pass
    assert labels(world) == {"other": "x", LEASE_LABEL: "0"}


def test_the_claim_of_another_run_is_left_alone(world: FakeServices) -> None:
    world.warehouse.put(DATASET, {TENANT_LABEL: OTHER, LEASE_LABEL: f"{UNTIL}-{ANOTHER_RUN}"})
    before = labels(world)
    with claim(world) as held:
        with pytest.raises(OnboardingInProgress):
            held.take(START, location="EU")
        held.complete()
    assert labels(world) == before


def test_a_claim_whose_answer_was_lost_is_ended_all_the_same(world: FakeServices) -> None:
    world.catalog.fail("create_dataset", Unavailable("down"), after=True)
    with pytest.raises(Unavailable), claim(world) as held:
        held.take(START, location="EU")
    assert labels(world) == {TENANT_LABEL: OTHER, LEASE_LABEL: "0"}


def test_a_claim_that_cannot_be_ended_costs_nothing_else(world: FakeServices) -> None:
    with claim(world) as held:
        held.take(START, location="EU")
        held.complete()
        world.catalog.fail("set_labels", Unavailable("down"))
    assert labels(world)[LEASE_LABEL] == f"{UNTIL}-{RUN}"


def test_a_lease_that_has_run_out_is_taken_over_and_its_run_is_told(world: FakeServices) -> None:
    with claim(world) as slow:
        slow.take(START, location="EU")
        world.clock.advance(LEASE_S)
        with claim(world, ANOTHER_RUN) as quick:
            assert not quick.take(world.clock.now(), location="EU")
            with pytest.raises(OnboardingInProgress, match="taken over"):
                slow.confirm()


@pytest.mark.parametrize("name", [OTHER, f"{OTHER}_silver"])
def test_nothing_is_made_beside_a_dataset_of_this_name_that_is_no_tenants(world: FakeServices, name: str) -> None:
    world.warehouse.put(DatasetRef(DATA, name), {"team": "finance"})
    before = set(world.warehouse.datasets)
    with claim(world) as held, pytest.raises(TenantIdRefused):
        held.take(START, location="EU")
    assert set(world.warehouse.datasets) == before
