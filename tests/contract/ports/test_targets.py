"""For whom a batch runs, on the embedded BigQuery."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.batches.targets import Target, Targets
from shared.contracts.messages.batch import Batch, Position
from shared.contracts.template_address import TemplateAddress
from shared.runs.run_log import RunLog, RunRecord
from tests.builders import run, schema
from tests.contract.ports.cloud import Cloud, Warehouse
from tests.fakes import FakeClock

ASKED_AT = datetime(2025, 11, 16, 2, tzinfo=UTC)
DAYS = [date(2025, 11, 14), date(2025, 11, 15)]
BATCH = Batch("b" * 32, TemplateAddress("gcp", "cost", "cost_billing"), DAYS, None, {}, "test", ASKED_AT)
# id, status, enabled templates, onboarded
TENANTS: tuple[tuple[str, str, list[str], str], ...] = (
    ("alpha_0001", "active", [], "2025-01-01T00:00:00Z"),
    ("beta_0002", "active", ["gcp/cost/cost_billing", "gcp/cost/other"], "2025-01-01T00:00:00Z"),
    ("gamma_0003", "active", ["gcp/cost/other"], "2025-01-01T00:00:00Z"),
    ("delta_0004", "suspended", [], "2025-01-01T00:00:00Z"),
    ("epsilon_0005", "active", [], "2025-11-16T03:00:00Z"),
    ("zeta_0006", "active", [], "2025-11-16T01:00:00Z"),
)


class World:
    def __init__(self, warehouse: Warehouse) -> None:
        tenants = warehouse.make_table(schema("x_meta_tenants"), "x_meta_tenants")
        warehouse.make_table(schema("x_meta_runs"), "x_meta_runs")
        rows: list[dict[str, Any]] = [
            {"tenant_id": who, "status": status, "enabled_templates": only, "onboarded_at": at, "onboarding_epoch": "e"}
            for who, status, only, at in TENANTS
        ]
        warehouse.rows.append(tenants, [(row["tenant_id"], row) for row in rows])
        self.targets = Targets(warehouse.jobs, warehouse.dataset)
        self.log = RunLog(
            warehouse.rows,
            warehouse.jobs,
            FakeClock(),
            control=warehouse.dataset,
            data_project=warehouse.project,
        )

    def happened(
        self, tenant_id: str, day: date, *statuses: str, attempt: int = 1, previous_run: str | None = None
    ) -> str:
        message = run(
            pipeline_logging_id=f"{abs(hash((tenant_id, day, attempt))):032x}"[-32:],
            tenant_id=tenant_id,
            date=day,
            run_attempt=attempt,
            previous_run=previous_run,
            batch_id=BATCH.batch_id,
        )
        self.log.add(message, [RunRecord(status) for status in statuses])
        return message.pipeline_logging_id


@pytest.fixture
def world(cloud: Cloud) -> World:
    return World(cloud.warehouse())


def names(world: World, batch: Batch, position: Position | None = None) -> list[tuple[str, int]]:
    return [(one.tenant_id, one.date.day if one.date else 0) for one in world.targets.after(batch, position)]


EVERYBODY = [(who, day) for who in ("alpha_0001", "beta_0002", "zeta_0006") for day in (14, 15)]


def test_a_batch_is_for_active_tenants_that_have_the_template_and_were_there_when_it_was_asked_for(
    world: World,
) -> None:
    assert names(world, BATCH) == EVERYBODY
    assert world.targets.count(BATCH) == len(EVERYBODY)


def test_it_goes_on_after_a_position(world: World) -> None:
    for index, (who, day) in enumerate(EVERYBODY):
        position = Position(tenant_id=who, date=date(2025, 11, day), published=index)
        assert names(world, BATCH, position) == EVERYBODY[index + 1 :]


def test_a_batch_may_name_its_tenants(world: World) -> None:
    named = Batch.of(BATCH.message().model_copy(update={"tenants": ("beta_0002", "delta_0004")}), ASKED_AT)
    assert names(world, named) == [("beta_0002", 14), ("beta_0002", 15)]


def test_a_batch_without_days_has_one_run_a_tenant(world: World) -> None:
    undated = Batch("c" * 32, BATCH.address, [None], None, {}, "test", ASKED_AT)
    assert names(world, undated) == [("alpha_0001", 0), ("beta_0002", 0), ("zeta_0006", 0)]
    missing = Batch("c" * 32, BATCH.address, [None], None, {}, "test", ASKED_AT, only="missing")
    assert names(world, missing) == [("alpha_0001", 0), ("beta_0002", 0), ("zeta_0006", 0)]


def again(attempt: int, only: str) -> Batch:
    return Batch.of(BATCH.message().model_copy(update={"only": only, "attempt": attempt}), ASKED_AT)


def test_a_retry_is_for_what_failed_as_the_next_attempt(world: World) -> None:
    failed = world.happened("alpha_0001", DAYS[0], "RUNNING", "FAILED")
    world.happened("alpha_0001", DAYS[1], "RUNNING", "SUCCEEDED", "FAILED")
    dead = world.happened("beta_0002", DAYS[0], "DEAD", "RUNNING")
    world.happened("beta_0002", DAYS[1], "RUNNING")
    assert list(world.targets.after(again(2, "failed"), None)) == [
        Target("alpha_0001", "e", DAYS[0], 2, failed),
        Target("beta_0002", "e", DAYS[0], 2, dead),
    ]


def test_a_retry_made_again_after_a_crash_is_the_same_runs_whatever_became_of_them(world: World) -> None:
    made = []
    for who, status in (("alpha_0001", "FAILED"), ("beta_0002", "RUNNING"), ("zeta_0006", "SUCCEEDED")):
        failed = world.happened(who, DAYS[0], "FAILED")
        world.happened(who, DAYS[0], status, attempt=2, previous_run=failed)
        made.append(Target(who, "e", DAYS[0], 2, failed))
    left = world.happened("zeta_0006", DAYS[1], "FAILED")
    assert list(world.targets.after(again(2, "failed"), None)) == [*made, Target("zeta_0006", "e", DAYS[1], 2, left)]


def test_the_same_retry_again_makes_no_third_attempt(world: World) -> None:
    world.happened("alpha_0001", DAYS[0], "FAILED")
    world.happened("alpha_0001", DAYS[0], "FAILED", attempt=2)
    assert [one.run_attempt for one in world.targets.after(again(2, "failed"), None)] == [2]
    assert [one.run_attempt for one in world.targets.after(again(3, "failed"), None)] == [3]


def test_missing_is_what_nobody_has_begun(world: World) -> None:
    world.happened("alpha_0001", DAYS[0], "SUCCEEDED")
    world.happened("alpha_0001", DAYS[1], "FAILED")
    world.happened("beta_0002", DAYS[0], "RUNNING")
    assert [(one.tenant_id, one.date, one.run_attempt) for one in world.targets.after(again(1, "missing"), None)] == [
        ("beta_0002", DAYS[1], 1),
        ("zeta_0006", DAYS[0], 1),
        ("zeta_0006", DAYS[1], 1),
    ]
