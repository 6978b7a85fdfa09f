"""How a batch stands, and what reconciliation makes of it, on the embedded BigQuery."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.batches.batch_log import BatchLog
from shared.batches.batch_status import BatchState, BatchStatus
from shared.batches.start_batch import Publisher, retry
from shared.batches.targets import Targets
from shared.contracts.messages.batch import Batch, BatchMessage, read_batch
from shared.contracts.messages.push import read_push
from shared.contracts.messages.run_message import RunMessage, run_id
from shared.contracts.sql import Sql
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import TemplateAddress
from shared.errors import BatchNotFound, NothingFailed
from shared.recovery.open_runs import OpenRuns
from shared.recovery.reconcile import EVERY, Reconcile
from shared.runs.run_copies import RunCopies
from shared.runs.run_log import RunLog, RunRecord, StepRecord
from shared.tenants.directory import Directory
from tests.builders import make_table, push, put_record, run, schema, settings, tenant
from tests.contract.ports.cloud import Cloud, Warehouse
from tests.fakes import FakeBigQuery, FakeClock, FakeMessageBus, FakeRows

ASKED_AT = datetime(2025, 11, 16, 2, tzinfo=UTC)
DAY = date(2025, 11, 15)
BATCH = Batch("b" * 32, TemplateAddress("gcp", "cost", "cost_billing"), [DAY], None, {}, "test", ASKED_AT)
DEADLINE_S = 6 * 3_600
TENANTS = tuple(f"tenant{number}_000{number}" for number in range(5))
RECONCILE = read_push(push(b'{"reconcile": true}', subscription="pipeline-batches-push"))


class World:
    """A batch of five tenants, asked for at `ASKED_AT`; the clock stands there."""

    def __init__(self, warehouse: Warehouse, records: FakeBigQuery) -> None:
        self.warehouse, self.clock = warehouse, FakeClock(ASKED_AT)
        for name in ("x_meta_tenants", "x_meta_runs", "x_meta_batches", "x_meta_run_copies"):
            warehouse.make_table(schema(name), name)
        rows: list[dict[str, Any]] = [
            {"tenant_id": who, "status": "active", "onboarding_epoch": "e", "onboarded_at": "2025-01-01T00:00:00Z"}
            for who in TENANTS
        ]
        warehouse.rows.append(warehouse.dataset.table("x_meta_tenants"), [(row["tenant_id"], row) for row in rows])
        ports: Any = (warehouse.rows, warehouse.jobs, self.clock)
        where: Any = {"control": warehouse.dataset, "data_project": warehouse.project}
        self.runs = RunLog(*ports, **where)
        self.batches = BatchLog(ports[0], ports[1], self.clock, warehouse.dataset)
        self.status = BatchStatus(
            self.batches, warehouse.jobs, self.clock, warehouse.dataset, run_deadline_s=DEADLINE_S
        )
        self.bus = FakeMessageBus("pipeline-batches", "pipeline-runs", "pipeline-runs-bulk")
        self.records = records
        directory = Directory(
            FakeRows(records), self.clock, data_project="data-project", schema=schema("x_meta_tenant")
        )
        self.reconciling = Reconcile(
            batch_log=self.batches,
            batch_status=self.status,
            targets=Targets(warehouse.jobs, warehouse.dataset),
            open_runs=OpenRuns(warehouse.jobs, warehouse.dataset),
            run_log=self.runs,
            copies=RunCopies(*ports, **where, run_log=self.runs, directory=directory),
            bus=self.bus,
            clock=self.clock,
            settings=settings(run_deadline_s=DEADLINE_S),
        )

    def published(self, batch: Batch = BATCH, runs: int = 5) -> None:
        self.batches.add(batch, "STARTED", expected=None if batch.only else runs)
        self.batches.add(batch, "PUBLISHED", published=runs)

    def happened(self, number: int, *statuses: str, attempt: int = 1, **record: Any) -> RunMessage:
        who = TENANTS[number]
        message = run(
            pipeline_logging_id=run_id(who, "e", "key", str(DAY), attempt),
            tenant_id=who,
            epoch="e",
            date=DAY,
            run_attempt=attempt,
            batch_id=BATCH.batch_id,
            lane="bulk",
            accepted_at=self.clock.now(),
        )
        for status in statuses:
            self.runs.add(message, [RunRecord(status, **record)])
        return message

    def state(self) -> BatchState:
        return self.status.read(BATCH.batch_id)

    def counts(self) -> dict[str, int]:
        names = ("queued", "running", "succeeded", "failed", "dead", "missing")
        return {name: count for name in names if (count := getattr(self.state(), name))}

    def reconcile(self, *, after: timedelta = timedelta()) -> list[BatchMessage | RunMessage]:
        """What it publishes."""
        self.clock.advance(after.total_seconds())
        before = len(self.bus.published)
        self.reconciling.handle(RECONCILE)
        return [
            read_batch(message.data) if topic == "pipeline-batches" else RunMessage.model_validate_json(message.data)
            for topic, message in self.bus.published[before:]
        ]

    def publisher(self) -> Publisher:
        return Publisher(self.batches, self.bus, "pipeline-batches")


@pytest.fixture
def world(cloud: Cloud) -> World:
    return World(cloud.warehouse(), FakeBigQuery())


# ── how it stands ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_knows_of_a_batch_without_events(world: World) -> None:
    with pytest.raises(BatchNotFound):
        world.state()


def test_from_asked_for_to_ended(world: World) -> None:
    world.batches.add(BATCH, "ASKED")
    assert (world.state().event, world.state().expected, world.counts()) == ("ASKED", None, {})
    world.batches.add(BATCH, "STARTED", expected=5)
    world.happened(0, "RUNNING")
    assert (world.state().expected, world.state().published) == (5, 1)
    assert world.counts() == {"running": 1, "missing": 4}
    world.batches.add(BATCH, "PUBLISHED", published=5)
    world.happened(1, "RUNNING", "SUCCEEDED")
    assert world.counts() == {"queued": 3, "running": 1, "succeeded": 1}
    assert not world.state().has_ended
    for number in (0, 2, 3):
        world.happened(number, "RUNNING", "SUCCEEDED", "FAILED")
    world.happened(4, "DEAD", "RUNNING")
    assert world.counts() == {"succeeded": 4, "dead": 1}
    assert world.state().has_ended


def test_failures_are_counted_by_code_and_name_their_tenants(world: World) -> None:
    world.published()
    for number in (3, 1):
        world.happened(number, "RUNNING", "FAILED", error_code="query_failed")
    world.happened(2, "RUNNING", "DEAD")
    assert [(one.error_code, one.runs, one.tenants) for one in world.state().failures] == [
        ("query_failed", 2, (TENANTS[1], TENANTS[3])),
        ("dead", 1, (TENANTS[2],)),
    ]


def test_the_latest_attempt_of_a_tenant_and_day_counts(world: World) -> None:
    world.published()
    world.happened(0, "FAILED", error_code="query_failed")
    world.happened(0, "SUCCEEDED", attempt=2)
    world.happened(1, "SUCCEEDED")
    assert world.counts() == {"succeeded": 2, "queued": 3}
    assert world.state().failures == ()


# ── retry ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_is_the_next_attempt_and_the_same_one_until_it_has_begun(world: World) -> None:
    world.published()
    for number in range(5):
        world.happened(number, "RUNNING", "FAILED" if number < 2 else "SUCCEEDED")
    world.clock.advance(7 * 3_600)
    again = retry(world.state(), world.publisher(), world.clock)
    assert (again.attempt, again.only, again.asked_at) == (2, "failed", world.clock.now())
    assert not world.state().has_ended
    assert world.counts() == {"queued": 2, "succeeded": 3}
    assert retry(world.state(), world.publisher(), world.clock).attempt == 2
    world.published(again, runs=2)
    world.happened(0, "RUNNING", attempt=2)
    assert world.counts() == {"queued": 1, "running": 1, "succeeded": 3}
    assert retry(world.state(), world.publisher(), world.clock).attempt == 2
    world.happened(0, "SUCCEEDED", attempt=2)
    world.happened(1, "FAILED", attempt=2)
    assert world.state().has_ended
    assert retry(world.state(), world.publisher(), world.clock).attempt == 3


def test_nothing_is_run_again_where_nothing_failed(world: World) -> None:
    world.published()
    world.happened(0, "SUCCEEDED")
    with pytest.raises(NothingFailed):
        retry(world.state(), world.publisher(), world.clock)
    assert world.bus.published == []


# ── reconciliation ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_whose_runs_have_all_ended_is_closed_once(world: World) -> None:
    world.published()
    for number in range(5):
        world.happened(number, "RUNNING", "SUCCEEDED")
    for _ in range(3):
        assert world.reconcile() == []
    assert [event["event"] for event in world.batches.read(BATCH.batch_id)].count("CLOSED") == 1
    assert world.state().closed_at == ASKED_AT


def test_a_batch_that_cannot_be_read_stops_no_other(world: World) -> None:
    now = ASKED_AT.isoformat()
    other = {"batch_id": "a" * 32, "event": "STARTED", "attempt": 1, "asked_at": now, "event_time": now}
    world.warehouse.rows.append(
        world.warehouse.dataset.table("x_meta_batches"), [("other", {**other, "message": '{"of": "another version"}'})]
    )
    world.batches.add(BATCH, "ASKED")
    (again,) = world.reconcile(after=timedelta(minutes=15))
    assert isinstance(again, BatchMessage)
    assert again.batch_id == BATCH.batch_id


def test_what_nobody_has_begun_is_published_again_less_and_less_often(world: World) -> None:
    world.published()
    again: list[list[Any]] = [world.reconcile(after=EVERY) for _ in range(8)]
    assert [len(messages) for messages in again] == [1, 1, 0, 1, 0, 0, 0, 1]
    (message,) = again[0]
    assert (message.only, message.asked_before, message.asked_at) == ("missing", True, ASKED_AT)


def test_a_batch_whose_runs_are_just_begun_one_by_one_is_left_alone(world: World) -> None:
    world.published()
    for number in range(3):
        world.clock.advance(600)
        world.happened(number, "RUNNING", "SUCCEEDED")
        assert world.reconcile() == []


def test_a_fan_out_that_was_cut_short_begins_again(world: World) -> None:
    world.batches.add(BATCH, "STARTED", expected=5)
    (message,) = world.reconcile(after=EVERY)
    assert isinstance(message, BatchMessage)
    assert (message.only, message.asked_before, message.attempt) == (None, True, 1)


def test_what_the_caller_was_told_is_not_published_is_not_published_later(world: World) -> None:
    world.batches.add(BATCH, "ASKED")
    world.batches.add(BATCH, "NOT_PUBLISHED")
    assert world.reconcile(after=EVERY) == []


def test_a_run_that_was_begun_and_not_heard_of_since_is_published_again_from_its_message(world: World) -> None:
    single = run(accepted_at=ASKED_AT)
    world.runs.queued(single, "x")
    refused = run(pipeline_logging_id="1" * 32, accepted_at=ASKED_AT)
    world.runs.add(refused, [RunRecord("QUEUED"), RunRecord("NOT_PUBLISHED")])
    onboarding = run(pipeline_logging_id="2" * 32, provider="customer", domain="", template_name="onboarding")
    world.runs.add(onboarding, [RunRecord("RUNNING")])
    bulk = world.happened(0, "RUNNING")
    world.happened(1, "RUNNING", "SUCCEEDED")
    world.published()
    assert world.reconcile() == []
    again = [one for one in world.reconcile(after=EVERY) if isinstance(one, RunMessage)]
    assert {one.pipeline_logging_id for one in again} == {single.pipeline_logging_id, bulk.pipeline_logging_id}
    assert all(one.asked_before for one in again)
    topics = {
        m.attributes["pipeline_logging_id"]: topic for topic, m in world.bus.published if topic != "pipeline-batches"
    }
    assert topics == {single.pipeline_logging_id: "pipeline-runs", bulk.pipeline_logging_id: "pipeline-runs-bulk"}


def test_past_the_deadline_all_is_published_once_more_then_dead_then_closed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.published()
    begun = world.happened(0, "RUNNING")
    world.happened(1, "SUCCEEDED")
    world.clock.advance(DEADLINE_S)
    published = world.reconcile()
    assert [one.only for one in published if isinstance(one, BatchMessage)] == ["missing"]
    assert [one.pipeline_logging_id for one in published if isinstance(one, RunMessage)] == [begun.pipeline_logging_id]
    assert '"batch_overdue"' in capsys.readouterr().err
    assert world.counts() == {"running": 1, "succeeded": 1, "missing": 3}
    told = world.reconcile(after=timedelta(hours=1))
    assert [one.only for one in told if isinstance(one, RunMessage)] == ["after_failure"] * 4
    assert len(told) == 4
    assert world.counts() == {"succeeded": 1, "dead": 4}
    assert [(one.error_code, one.runs) for one in world.state().failures] == [("run_deadline_exceeded", 4)]
    world.reconcile(after=EVERY)
    assert world.state().event == "CLOSED"
    assert world.reconcile(after=EVERY) == []


def test_two_at_once_give_up_the_same_runs(world: World) -> None:
    world.published()
    world.clock.advance(DEADLINE_S + 3_600)
    world.reconcile()
    world.reconcile()
    assert world.counts() == {"dead": 5}


def test_a_retry_that_nobody_begins_is_published_again_as_the_same_attempt(world: World) -> None:
    world.published()
    for number in range(5):
        world.happened(number, "FAILED")
    world.clock.advance(DEADLINE_S * 2)
    again = retry(world.state(), world.publisher(), world.clock)
    world.published(again)
    (message,) = world.reconcile(after=EVERY)
    assert isinstance(message, BatchMessage)
    assert (message.only, message.attempt, message.asked_before) == ("failed", 2, True)


# ── copies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


# Told once that a table is not there, BigQuery may go on saying so of streaming for minutes after it was made.
not_on_google = pytest.mark.not_on_google("streams into a table right after BigQuery has said that it is not there")


def lacking_copy(world: World) -> RunMessage:
    """A run that ended while its tenant's tables were not there yet; now they are."""
    who = f"copied_{world.warehouse.dataset.dataset[8:16]}"
    done = run(pipeline_logging_id=run_id(who, "e", "key", None), tenant_id=who, epoch="epoch-1", accepted_at=ASKED_AT)
    steps = [StepRecord("extract", "x.y", "SUCCEEDED", rows_written=3)]
    world.runs.add(done, [RunRecord("RUNNING", "the-pipeline", started_at=ASKED_AT)])
    ended = RunRecord("SUCCEEDED", "the-pipeline", ended_at=ASKED_AT, rows_written=3)
    world.runs.end(done, ended, steps, unsaid=steps, delivery=1)
    dataset = DatasetRef(world.warehouse.project, who)
    world.warehouse.catalog.create_dataset(
        dataset, location=world.warehouse.location, labels={}, description="of a test"
    )
    for name in ("x_meta_pipeline_runs", "x_meta_step_logs"):
        world.warehouse.catalog.create_table(dataset.table(name), schema(name), labels={})
    return done


def onboard(world: World, tenant_id: str, **given: Any) -> None:
    who = tenant(tenant_id=tenant_id, **given)
    dataset = DatasetRef("data-project", tenant_id)
    make_table(world.records, dataset.table("x_meta_tenant"), schema("x_meta_tenant"), tenant_id)
    put_record(world.records, who)


def copies(world: World, tenant_id: str) -> list[tuple[int, int | None]]:
    count = "SELECT COUNT(*) AS n, SUM(rows_written) AS written FROM"
    found = [
        world.warehouse.jobs.select(Sql(f"{count} `{world.warehouse.project}.{tenant_id}.{name}`"))[0]
        for name in ("x_meta_pipeline_runs", "x_meta_step_logs")
    ]
    return [(row["n"], row["written"]) for row in found]


@not_on_google
def test_a_copy_that_could_not_be_written_is_written_later_once(world: World) -> None:
    done = lacking_copy(world)
    onboard(world, done.tenant_id)
    world.reconcile()
    assert copies(world, done.tenant_id) == [(0, None), (0, None)]
    world.reconcile(after=EVERY)
    world.reconcile(after=EVERY)
    assert copies(world, done.tenant_id) == [(1, 3), (1, 3)]


@not_on_google
def test_what_is_there_already_is_not_written_again(world: World) -> None:
    done = lacking_copy(world)
    onboard(world, done.tenant_id)
    steps = [StepRecord("extract", "x.y", "SUCCEEDED", rows_written=3)]
    world.runs.end(done, RunRecord("SUCCEEDED", rows_written=3), steps, unsaid=[], delivery=2)
    world.reconcile(after=EVERY)
    assert copies(world, done.tenant_id) == [(1, 3), (1, 3)]


@not_on_google
def test_a_tenant_that_came_back_finds_no_copy_of_its_former_life(world: World) -> None:
    done = lacking_copy(world)
    onboard(world, done.tenant_id, epoch="epoch-2")
    world.reconcile(after=EVERY)
    assert copies(world, done.tenant_id) == [(0, None), (0, None)]
