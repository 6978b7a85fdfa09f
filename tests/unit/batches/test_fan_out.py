"""One batch message becomes a run message for each tenant and day; twice the same is the same runs."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from shared.batches.batch_log import BatchLog
from shared.batches.fan_out import CHUNK_MESSAGES, FanOut, messages
from shared.batches.targets import Target, Targets
from shared.contracts.messages.batch import Batch, BatchMessage, Position
from shared.contracts.messages.push import read_push
from shared.contracts.messages.run_message import RunMessage
from shared.errors import MessageRejected, NotConfirmed
from tests.builders import CONTROL, mails, make_table, push, schema
from tests.fakes import FakeBigQuery, FakeClock, FakeJobs, FakeMessageBus, FakeRows, FakeTemplates

BATCHES = CONTROL.table("x_meta_batches")
NIGHTLY = {"schedule": "nightly", "provider": "gcp", "domain": "cost", "template_name": "example", "date": "yesterday"}
DAY = date(2025, 11, 19)  # the day before the pushes' publish time


class FakeTargets(Targets):
    """So many tenants, in order; each look costs some seconds of the clock a chunk."""

    def __init__(self, tenants: int) -> None:
        self.tenants, self.clock, self.seconds_a_chunk = tenants, FakeClock(), 0.0

    def count(self, batch: Batch) -> int:
        return self.tenants * len(batch.days)

    def after(self, batch: Batch, position: Position | None) -> Iterator[Target]:
        everything = (
            Target(f"tenant{number:06d}_0000", f"epoch-{number}", day)
            for number in range(self.tenants)
            for day in batch.days
        )
        for index, target in enumerate(everything):
            if position and (target.tenant_id, target.date) <= (position.tenant_id, position.date):
                continue
            if index % CHUNK_MESSAGES == 0:
                self.clock.advance(self.seconds_a_chunk)
            yield target


class World:
    def __init__(self, tenants: int) -> None:
        self.warehouse, self.bus = FakeBigQuery(), FakeMessageBus("pipeline-runs-bulk", "pipeline-batches")
        make_table(self.warehouse, BATCHES, schema("x_meta_batches"))
        self.targets: Any = FakeTargets(tenants)
        self.clock = self.targets.clock
        self.fan_out = FanOut(
            targets=self.targets,
            batch_log=BatchLog(FakeRows(self.warehouse), FakeJobs(self.warehouse), self.clock, CONTROL),
            bus=self.bus,
            templates=FakeTemplates(mails("first")),
            clock=self.clock,
            runs_topic="pipeline-runs-bulk",
            batches_topic="pipeline-batches",
            time_s=570,
        )

    def handle(self, message: dict[str, Any] | bytes) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.fan_out.handle(read_push(push(data, subscription="pipeline-batches-push")))

    def runs(self) -> list[RunMessage]:
        return [RunMessage.model_validate_json(m.data) for topic, m in self.bus.published if topic.endswith("bulk")]

    def continuations(self) -> list[bytes]:
        return [message.data for topic, message in self.bus.published if topic == "pipeline-batches"]

    def events(self) -> list[tuple[str, int | None, int | None]]:
        return [(row["event"], row["expected"], row["published"]) for row in self.warehouse.events(BATCHES)]


def test_each_tenant_gets_its_run_of_the_day_in_the_bulk_lane() -> None:
    world = World(3)
    world.handle(NIGHTLY)
    runs = world.runs()
    assert [(run.tenant_id, run.epoch, run.date, run.lane) for run in runs] == [
        (f"tenant{number:06d}_0000", f"epoch-{number}", DAY, "bulk") for number in range(3)
    ]
    assert len({run.pipeline_logging_id for run in runs}) == 3
    assert {run.trigger_by for run in runs} == {"schedule nightly"}
    assert world.events() == [("STARTED", 3, None), ("PUBLISHED", None, 3)]


def test_the_same_message_again_means_the_same_runs() -> None:
    world = World(3)
    world.handle(NIGHTLY)
    world.clock.advance(3_600)
    world.handle(NIGHTLY)
    assert len(world.runs()) == 6
    assert len({run.pipeline_logging_id for run in world.runs()}) == 3
    assert len({run.batch_id for run in world.runs()}) == 1


def test_another_schedule_template_or_day_is_another_batch() -> None:
    world = World(1)
    for change in ({}, {"schedule": "weekly"}, {"date": "today"}, {"date": "2025-11-01"}):
        world.handle({**NIGHTLY, **change})
    assert len({run.batch_id for run in world.runs()}) == 4


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2025-11-20"), ("Pacific/Auckland", "2025-11-20"), ("Pacific/Honolulu", "2025-11-19")]
)
def test_today_is_the_day_of_the_publish_time_in_the_schedules_zone(zone: str, day: str) -> None:
    world = World(1)  # published at 08:00 UTC
    world.handle({**NIGHTLY, "date": "today", "timezone": zone})
    assert [str(run.date) for run in world.runs()] == [day]


def test_days_before_are_run_too_where_the_schedule_looks_back() -> None:
    world = World(2)
    world.handle({**NIGHTLY, "lookback_days": 2})
    assert [(run.tenant_id[6:12], str(run.date)) for run in world.runs()] == [
        (tenant, f"2025-11-{day}") for tenant in ("000000", "000001") for day in (17, 18, 19)
    ]
    assert world.events()[0] == ("STARTED", 6, None)


def test_a_message_is_what_the_model_would_write() -> None:
    text = 'tenant_0000 "ffffffffffffffffffffffffffffffff" {"e": "\\u2028"}'
    message = BatchMessage.model_validate(
        {**NIGHTLY, "schedule": None, "batch_id": "b" * 32, "date": "2025-11-15", "variables": {"note": text}}
    )
    batch = Batch.of(message, FakeClock().now())
    for target in (Target("acmeinc_23xv2", "ffff", date(2025, 11, 15)), Target("a1_2345", "", None, 3, "c" * 32)):
        (made,) = messages(batch, "0" * 16, [target])
        run = RunMessage.model_validate_json(made.data)
        assert run.model_dump_json().encode() == made.data
        assert (run.tenant_id, run.epoch, run.date) == (target.tenant_id, target.epoch, target.date)
        assert (run.run_attempt, run.previous_run) == (target.run_attempt, target.previous_run)
        assert run.variables == {"note": text}
        assert made.attributes["pipeline_logging_id"] == run.pipeline_logging_id


def test_near_the_deadline_another_message_goes_on_after_what_is_confirmed() -> None:
    world = World(3 * CHUNK_MESSAGES)
    world.targets.seconds_a_chunk = 300.0
    world.handle(NIGHTLY)
    (following,) = world.continuations()
    position = BatchMessage.model_validate_json(following).after
    assert position == Position(tenant_id="tenant001999_0000", date=DAY, published=2 * CHUNK_MESSAGES)
    assert world.events() == [("STARTED", 3_000, None)]

    world.targets.seconds_a_chunk = 0.0
    world.handle(following)
    ids = [run.pipeline_logging_id for run in world.runs()]
    assert (len(ids), len(set(ids))) == (3_000, 3_000)
    assert world.events()[1:] == [("PUBLISHED", None, 3_000)]


def test_the_message_that_goes_on_means_the_same_days_whenever_it_is_read() -> None:
    world = World(1)
    batch = Batch.of(BatchMessage.model_validate({**NIGHTLY, "lookback_days": 1}), FakeClock().now())
    again = Batch.of(batch.message(), FakeClock().now().replace(year=2031))
    assert (again.batch_id, again.days, again.asked_at) == (batch.batch_id, batch.days, batch.asked_at)
    assert world.events() == []


def test_what_is_not_confirmed_is_published_again_by_the_redelivery() -> None:
    world = World(10)
    world.bus.fail("publish", NotConfirmed("down"), after=True)
    with pytest.raises(NotConfirmed):
        world.handle(NIGHTLY)
    assert world.events() == [("STARTED", 10, None)]
    world.handle(NIGHTLY)
    assert len({run.pipeline_logging_id for run in world.runs()}) == 10
    assert world.events()[-1] == ("PUBLISHED", None, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": None},
        {"batch_id": "b" * 32},
        {"template_name": "exampel"},
        {"provider": "../gcp"},
        {"provider": "customer", "domain": "", "template_name": "onboarding"},
        {"date": "tomorrow"},
        {"date": "2025-02-30"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"lookback_days": 32},
        {"tenants": ["acme"]},
        {"tenants": []},
        {"from": "2025-11-01"},
        {"date": None, "from": "2025-11-01", "to": "2025-10-31"},
        {"date": None, "from": "2024-01-01", "to": "2025-01-01"},
        {"date": "0001-01-01", "lookback_days": 1},
        {"asked_at": "0001-01-01T00:00:00Z"},
        {"first_asked_at": "0001-01-01T00:00:00+14:00"},
        {"asked_at": "9999-12-31T23:59:59-14:00"},
        {"asked_at": "2025-11-20T08:20:00Z"},  # published at 08:00: none of its runs would be taken
        {"first_asked_at": "2025-11-20T08:20:00Z"},
        {"no_such_field": 1},
    ],
)
def test_what_is_no_batch_is_refused_and_publishes_nothing(change: dict[str, Any]) -> None:
    world = World(3)
    with pytest.raises(MessageRejected):
        world.handle({**NIGHTLY, **change})
    assert (world.bus.published, world.events()) == ([], [])
