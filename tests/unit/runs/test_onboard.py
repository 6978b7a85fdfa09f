"""A tenant is onboarded once, completely, and the registry's row comes last."""

from collections.abc import Mapping
from typing import Any

import pytest

from shared.adapters.template_files import TemplateFiles
from shared.contracts.http.tenants import OnboardRequest
from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import (
    AlreadyOnboarded,
    MailRefused,
    NotFound,
    OnboardingFailed,
    OnboardingInProgress,
    TenantIdRefused,
    Unavailable,
)
from shared.ports import Dataset, Mail
from shared.runs.onboard import Onboarded, onboard
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog
from shared.tenants.api_keys import ApiKeys, key_hash
from shared.tenants.claim import DONE, LEASE_LABEL, LEASE_S
from shared.tenants.directory import Directory
from tests.builders import CONTROL, DATA, OTHER, ROOT, RUNS, TENANTS, make_control, schema, settings
from tests.fakes import FakeCatalog, FakeMailer, FakeServices

EMAIL = "admin@bytefactory.example"
DATASET = DatasetRef(DATA, OTHER)
KEYS = DATASET.table("x_meta_api_keys")
TABLES = [
    "x_meta_api_keys", "x_meta_cloud_credentials", "x_meta_pipeline_runs", "x_meta_step_logs", "x_meta_dq_results",
    "x_meta_tenant",
]  # fmt: skip


@pytest.fixture
def world() -> FakeServices:
    made = FakeServices(settings())
    make_control(made.warehouse)
    return made


def ask(world: FakeServices, tenant_id: str = OTHER, **given: Any) -> Onboarded:
    return onboard(
        OnboardRequest(tenant_id=tenant_id, admin_email=EMAIL, **given),
        services=world,
        resolver=Resolver(TemplateFiles(ROOT / "configs"), world),
        run_log=RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA),
    )


def is_good(world: FakeServices, key: str) -> bool:
    keys = ApiKeys(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_api_keys"))
    return keys.tenant_of(key) == OTHER


def registered(world: FakeServices) -> list[str]:
    return [row["tenant_id"] for row in world.warehouse.events(TENANTS)]


def labels(world: FakeServices) -> Mapping[str, str]:
    return world.warehouse.datasets[DATASET].labels


# ── all goes well ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_tenant_has_dataset_tables_key_record_and_a_row_in_the_registry(world: FakeServices) -> None:
    done = ask(world, variables={"region": "eu"}, enabled_templates=["gcp/cost/cost_billing"])
    assert (done.tenant_id, done.dataset_created, list(done.tables_created)) == (OTHER, True, TABLES)
    assert is_good(world, done.api_key.get_secret_value())
    found = Directory(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_tenant")).get(OTHER)
    assert found is not None
    assert (found.status, found.admin_email, found.variables) == ("active", EMAIL, {"region": "eu"})
    assert found.enabled_templates == ("gcp/cost/cost_billing",)
    assert registered(world) == [OTHER]
    assert world.warehouse.events(TENANTS)[0]["enabled_templates"] == ["gcp/cost/cost_billing"]


def test_the_dataset_bears_the_tenants_label(world: FakeServices) -> None:
    ask(world)
    assert labels(world) == {TENANT_LABEL: OTHER, LEASE_LABEL: DONE}


def test_the_key_is_kept_as_a_hash_and_as_ciphertext_bound_to_tenant_field_and_id(world: FakeServices) -> None:
    key = ask(world).api_key.get_secret_value()
    (row,) = world.warehouse.events(KEYS)
    assert row["key_hash"] == key_hash(key)
    plain = world.api_keys_cipher.decrypt(row["key_ciphertext"], bound_to=f"{OTHER}|api_key|{row['key_id']}")
    assert plain.decode() == key


def test_the_key_is_shown_to_the_caller_alone(world: FakeServices, capsys: pytest.CaptureFixture[str]) -> None:
    done = ask(world)
    secret = done.api_key.get_secret_value()
    written = [row for table in world.warehouse.tables for row in world.warehouse.events(table)]
    assert secret not in f"{written} {world.mailer.sent} {capsys.readouterr()} {done}"


def test_the_welcome_goes_to_the_admin(world: FakeServices) -> None:
    ask(world)
    assert [mail.to for mail in world.mailer.sent] == [(EMAIL,)]


# ── only once ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_onboarded_is_not_onboarded_again_and_keeps_the_key(world: FakeServices) -> None:
    key = ask(world).api_key.get_secret_value()
    with pytest.raises(AlreadyOnboarded):
        ask(world)
    assert is_good(world, key)


def test_of_two_calls_at_once_one_wins_and_the_other_hears_so(world: FakeServices) -> None:
    class Meanwhile(FakeMailer):
        def send(self, mail: Mail) -> None:
            with pytest.raises(OnboardingInProgress):
                ask(world)
            super().send(mail)

    world.mailer = Meanwhile()
    key = ask(world).api_key.get_secret_value()
    assert is_good(world, key)
    assert registered(world) == [OTHER]


def test_the_second_of_two_calls_leaves_the_claim_of_the_first_alone(world: FakeServices) -> None:
    world.warehouse.put(
        DATASET, {TENANT_LABEL: OTHER, LEASE_LABEL: f"{int(world.clock.now().timestamp()) + 1}-{'a' * 32}"}
    )
    before = dict(labels(world))
    with pytest.raises(OnboardingInProgress):
        ask(world)
    assert labels(world) == before


def test_a_call_that_looked_before_the_other_ended_hears_that_it_is_done(world: FakeServices) -> None:
    ask(world)
    world.warehouse.tables[TENANTS].stored.clear()  # as if the registry had been read a moment earlier
    with pytest.raises(AlreadyOnboarded):
        ask(world)


def test_a_call_that_was_overtaken_shows_no_key_and_registers_nothing(world: FakeServices) -> None:
    taken: list[str] = []

    class Slow(FakeMailer):
        def send(self, mail: Mail) -> None:
            super().send(mail)
            if not taken:
                taken.append("")
                world.clock.advance(LEASE_S + 1)
                taken[0] = ask(world).api_key.get_secret_value()

    world.mailer = Slow()
    with pytest.raises(OnboardingInProgress):
        ask(world)
    assert registered(world) == [OTHER]
    assert is_good(world, taken[0])


# ── cut short ───────────────────────────────────────────────────────────────────────────────────────────────────────

DOWN = Unavailable("down")
STEPS = [
    ("catalog", "datasets"), ("catalog", "create_dataset"), ("catalog", "create_table"), ("api_keys_cipher", "encrypt"),
    ("rows", "replace"), ("mailer", "send"), ("rows", "append"),
]  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "method"), STEPS)
def test_cut_short_anywhere_the_same_call_completes_it(
    world: FakeServices, port: str, method: str, after: bool
) -> None:
    getattr(world, port).fail(method, DOWN, after=after)
    with pytest.raises(Unavailable):
        ask(world)
    world.clock.advance(1)
    key = ask(world).api_key.get_secret_value()
    assert is_good(world, key)
    assert registered(world) == [OTHER]
    assert len(world.warehouse.events(KEYS)) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["insert", "wait"])
def test_a_lost_answer_of_the_registry_does_not_lose_the_key(world: FakeServices, method: str, after: bool) -> None:
    world.jobs.fail(method, DOWN, after=after)
    key = ask(world).api_key.get_secret_value()
    assert is_good(world, key)
    assert registered(world) == [OTHER]


def test_cut_short_by_the_end_of_the_process_it_is_taken_over_after_the_lease(world: FakeServices) -> None:
    world.mailer.broken[f"Welcome to Convergence Data Pipeline - Tenant {OTHER} Onboarded"] = KeyboardInterrupt()
    world.catalog.fail("set_labels", DOWN)  # nobody could release the claim
    with pytest.raises(KeyboardInterrupt):
        ask(world)
    world.mailer.broken.clear()
    with pytest.raises(OnboardingInProgress):
        ask(world)
    world.clock.advance(LEASE_S)
    done = ask(world)
    assert (done.dataset_created, list(done.tables_created)) == (False, [])
    assert is_good(world, done.api_key.get_secret_value())


def test_a_refused_welcome_fails_the_onboarding_and_the_same_call_completes_it(world: FakeServices) -> None:
    world.mailer.fail("send", MailRefused("no such mailbox"))
    with pytest.raises(OnboardingFailed, match="send_welcome_email"):
        ask(world)
    assert registered(world) == []
    done = ask(world)
    assert is_good(world, done.api_key.get_secret_value())
    assert registered(world) == [OTHER]


def test_the_registry_has_no_row_before_everything_else_is_done(world: FakeServices) -> None:
    world.mailer.fail("send", DOWN)
    with pytest.raises(Unavailable):
        ask(world)
    assert registered(world) == []


def test_a_refused_claim_fails_the_onboarding_and_is_recorded_as_the_end_of_its_run(world: FakeServices) -> None:
    world.catalog.fail("create_dataset", NotFound("no such project"))
    with pytest.raises(OnboardingFailed, match="not_found"):
        ask(world)
    (ended,) = world.warehouse.events(RUNS)
    assert (ended["status"], ended["error_code"], ended["error_message"]) == ("FAILED", "not_found", "no such project")
    done = ask(world)
    assert is_good(world, done.api_key.get_secret_value())


def test_a_claim_that_cannot_be_released_costs_nobody_the_key(world: FakeServices) -> None:
    world.catalog.fail("set_labels", DOWN)
    assert is_good(world, ask(world).api_key.get_secret_value())


# ── ids that nobody can have ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [OTHER, f"{OTHER}_silver", f"{OTHER}_gcp_cost_usage"])
@pytest.mark.parametrize("marks", [{}, {TENANT_LABEL: "somebody_1234"}, {"team": "finance"}])
def test_an_id_whose_datasets_are_somebody_elses_is_refused(
    world: FakeServices, name: str, marks: dict[str, str]
) -> None:
    foreign = DatasetRef(DATA, name)
    world.warehouse.put(foreign, marks)
    with pytest.raises(TenantIdRefused):
        ask(world)
    assert world.warehouse.datasets[foreign].labels == marks
    assert registered(world) == []


def test_a_dataset_that_comes_between_the_look_and_the_claim_is_refused_too(world: FakeServices) -> None:
    class Blind(FakeCatalog):
        def datasets(self, project: str, *, labels: Mapping[str, str] | None = None) -> list[Dataset]:
            return []

    world.catalog = Blind(world.warehouse)
    world.warehouse.put(DATASET, {})
    with pytest.raises(TenantIdRefused):
        ask(world)
    assert labels(world) == {}


def test_datasets_of_other_names_are_no_obstacle(world: FakeServices) -> None:
    for name in ("bytefactory", f"x{OTHER}", f"{OTHER}x", "bytefactory_other", "convergence__control"):
        world.warehouse.put(DatasetRef(DATA, name), {})
    ask(world)


@pytest.mark.parametrize("tenant_id", ["convergence_abcd", "google_1234", "bq_1234", "bigquery_1234"])
def test_a_reserved_id_is_refused(world: FakeServices, tenant_id: str) -> None:
    with pytest.raises(TenantIdRefused):
        ask(world, tenant_id=tenant_id)
    assert DatasetRef(DATA, tenant_id) not in world.warehouse.datasets
