"""What is run again, on the embedded BigQuery: the next attempt of what failed, once."""

from datetime import date
from typing import Any

import pytest

from shared.contracts.http.replays import ReplayRequest
from shared.contracts.messages.run_message import RunMessage, batch_key, run_id
from shared.errors import NotConfirmed, RunNotFailed, RunNotFound
from shared.recovery.replay import Replays
from shared.runs.run_log import RunLog, RunRecord, StepRecord
from tests.builders import DAY, run, schema
from tests.contract.ports.cloud import Cloud, Warehouse
from tests.fakes import START, FakeClock, FakeMessageBus

BATCH = "b" * 32


class World:
    def __init__(self, warehouse: Warehouse) -> None:
        warehouse.make_table(schema("x_meta_runs"), "x_meta_runs")
        self.clock, self.bus = FakeClock(), FakeMessageBus("pipeline-runs", "pipeline-runs-bulk")
        self.log = RunLog(
            warehouse.rows,
            warehouse.jobs,
            self.clock,
            control=warehouse.dataset,
            data_project=warehouse.project,
        )
        self.replays = Replays(
            warehouse.jobs,
            self.log,
            self.bus,
            self.clock,
            control=warehouse.dataset,
            runs_topic="pipeline-runs",
            bulk_topic="pipeline-runs-bulk",
        )

    def happened(self, number: int, *statuses: str, code: str = "query_failed", **given: Any) -> RunMessage:
        """The events of a run, each a second later than the one before."""
        message = run(**{"pipeline_logging_id": f"{number:032x}", **given})
        for status in statuses:
            failed = status in ("FAILED", "DEAD")
            self.log.add(message, [RunRecord(status, "p", error_code=code if failed else None)])
            self.clock.advance(1)
        return message

    def published(self) -> list[tuple[str, RunMessage]]:
        return [(topic, RunMessage.model_validate_json(one.data)) for topic, one in self.bus.published]

    def replay(self, **asked: Any) -> list[str | None]:
        """The runs that are run again, by the last digit of those that failed."""
        done = self.replays.replay(ReplayRequest.model_validate(asked))
        return [one.previous_run and one.previous_run[-1] for one in done.runs]


@pytest.fixture
def world(cloud: Cloud) -> World:
    return World(cloud.warehouse())


def test_one_run_is_run_again_as_its_next_attempt_in_its_own_lane(world: World) -> None:
    failed = world.happened(1, "QUEUED", "RUNNING", "FAILED", continuation=3, revived=2)
    assert world.replay(run=failed.pipeline_logging_id) == ["1"]
    ((topic, again),) = world.published()
    assert topic == "pipeline-runs"
    assert again == failed.model_copy(
        update={
            "pipeline_logging_id": again.pipeline_logging_id,
            "run_attempt": 2,
            "previous_run": failed.pipeline_logging_id,
            "accepted_at": world.clock.now(),
            "asked_before": True,
            "continuation": 0,
            "revived": 0,
        }
    )
    state = world.log.read(again.tenant_id, again.pipeline_logging_id)
    assert state
    assert (state.status, state.facts["previous_run"]) == ("QUEUED", failed.pipeline_logging_id)


def test_the_same_replay_twice_is_the_same_run(world: World) -> None:
    failed = world.happened(1, "DEAD")
    for _ in range(2):
        assert world.replay(run=failed.pipeline_logging_id) == ["1"]
    assert len({message.pipeline_logging_id for _, message in world.published()}) == 1


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "SUCCEEDED", "NOT_PUBLISHED"])
def test_a_run_that_has_not_failed_is_not_run_again(world: World, status: str) -> None:
    message = world.happened(1, status)
    with pytest.raises(RunNotFailed, match=f"is {status}"):
        world.replay(run=message.pipeline_logging_id)
    assert world.replay(error_code="query_failed") == []


def test_a_run_that_succeeded_after_all_is_not_run_again(world: World) -> None:
    message = world.happened(1, "DEAD", "SUCCEEDED")
    with pytest.raises(RunNotFailed):
        world.replay(run=message.pipeline_logging_id)


def test_a_run_that_there_is_not_is_said_not_to_be(world: World) -> None:
    with pytest.raises(RunNotFound):
        world.replay(run="f" * 32)


def test_an_onboarding_is_not_run_again(world: World) -> None:
    message = world.happened(1, "FAILED", provider="customer", domain="", template_name="onboarding")
    with pytest.raises(RunNotFailed, match="started by no message"):
        world.replay(run=message.pipeline_logging_id)
    assert world.replay(error_code="query_failed") == []


def test_a_batch_is_run_again_in_the_bulk_lane_as_its_own_retry_would(world: World) -> None:
    first = world.happened(1, "RUNNING", "FAILED", batch_id=BATCH, lane="bulk")
    world.happened(2, "RUNNING", "SUCCEEDED", batch_id=BATCH)
    world.happened(3, "DEAD", batch_id=BATCH, tenant_id="other_0001")
    world.happened(4, "DEAD", batch_id="c" * 32)
    assert world.replay(batch_id=BATCH) == ["1", "3"]
    assert {topic for topic, _ in world.published()} == {"pipeline-runs-bulk"}
    retried = run_id(first.tenant_id, first.epoch, batch_key(BATCH, first.address), str(DAY), 2)
    assert world.published()[0][1].pipeline_logging_id == retried


def test_a_code_chooses_and_since_limits(world: World) -> None:
    world.happened(1, "FAILED", code="query_failed")
    world.happened(2, "DEAD", code="delivery_exhausted")
    world.happened(3, "FAILED", code="query_failed", batch_id=BATCH)
    assert world.replay(error_code="query_failed") == ["1", "3"]
    assert world.replay(error_code="query_failed", batch_id=BATCH) == ["3"]
    assert world.replay(error_code="delivery_exhausted", since=world.clock.now().isoformat()) == []
    assert world.replay(error_code="delivery_exhausted", since="2025-11-20") == ["2"]


def test_several_interactive_runs_are_bulk_work(world: World) -> None:
    world.happened(1, "FAILED")
    world.replay(error_code="query_failed")
    assert [(topic, message.lane) for topic, message in world.published()] == [("pipeline-runs-bulk", "bulk")]


def test_an_attempt_keeps_the_lane_that_it_was_first_asked_for_in(world: World) -> None:
    # Each lane's function has an account of its own, which may not read the other's jobs: one run, one lane.
    one, other = world.happened(1, "FAILED"), world.happened(2, "FAILED")
    world.replay(run=one.pipeline_logging_id)
    world.clock.advance(1)
    assert world.replay(error_code="query_failed") == ["1", "2"]
    world.clock.advance(1)
    world.replay(run=other.pipeline_logging_id)
    assert {(topic, message.lane, message.previous_run) for topic, message in world.published()} == {
        ("pipeline-runs", "interactive", one.pipeline_logging_id),
        ("pipeline-runs-bulk", "bulk", other.pipeline_logging_id),
    }


def test_of_two_lanes_the_runs_of_the_one_that_did_not_confirm_are_recorded(world: World) -> None:
    one, other = world.happened(1, "FAILED"), world.happened(2, "FAILED")
    world.replay(run=one.pipeline_logging_id)
    world.bus.topics = ("pipeline-runs-bulk",)
    with pytest.raises(NotConfirmed, match="1 of 2 runs"):
        world.replay(error_code="query_failed")
    for failed, status in ((one, "NOT_PUBLISHED"), (other, "QUEUED")):
        again = failed.next_attempt(START, lane="bulk")
        state = world.log.read(again.tenant_id, again.pipeline_logging_id)
        assert state
        assert state.status == status


def test_what_was_run_again_is_left_out_once_that_has_begun(world: World) -> None:
    failed = world.happened(1, "FAILED")
    assert world.replay(error_code="query_failed") == ["1"]
    assert world.replay(error_code="query_failed") == ["1"]  # it may never have been published
    again = failed.next_attempt(START, lane="bulk")
    world.log.add(again, [RunRecord("RUNNING")])
    assert world.replay(error_code="query_failed") == []
    world.log.add(again, [RunRecord("FAILED", error_code="query_failed")])
    assert world.replay(error_code="query_failed") == [again.pipeline_logging_id[-1]]
    assert world.published()[-1][1].run_attempt == 3


def test_pages_go_through_all(world: World) -> None:
    for number in range(1, 8):
        world.happened(number, "FAILED")
    seen, token = [], None
    while True:
        page = world.replays.replay(ReplayRequest(error_code="query_failed", limit=3, page_token=token))
        seen += [one.previous_run for one in page.runs]
        token = page.next
        if token is None:
            break
    assert seen == [f"{number:032x}" for number in range(1, 8)]


def test_a_dry_run_does_nothing(world: World) -> None:
    world.happened(1, "FAILED")
    assert world.replay(error_code="query_failed", dry_run=True) == ["1"]
    assert world.published() == []


def test_of_two_requests_with_one_key_the_one_that_ran_is_run_again(world: World) -> None:
    world.happened(1, "QUEUED", trigger_by="the first")
    world.happened(1, "QUEUED", trigger_by="the second")
    world.happened(1, "FAILED", trigger_by="the first")
    world.replay(run=f"{1:032x}")
    assert world.published()[0][1].trigger_by == "the first"


def test_what_was_not_confirmed_is_recorded_and_the_same_call_completes_it(world: World) -> None:
    failed = world.happened(1, "FAILED")
    world.bus.fail("publish", NotConfirmed("down"))
    with pytest.raises(NotConfirmed, match="0 of 1 runs"):
        world.replay(error_code="query_failed")
    again = failed.next_attempt(START, lane="bulk")
    state = world.log.read(again.tenant_id, again.pipeline_logging_id)
    assert state
    assert state.status == "NOT_PUBLISHED"
    assert world.replay(error_code="query_failed") == ["1"]


def test_events_of_steps_do_not_count(world: World) -> None:
    message = world.happened(1, "SUCCEEDED", date=date(2025, 11, 14))
    world.log.add(message, [StepRecord("extract", "x", "FAILED", error_code="query_failed")])
    assert world.replay(error_code="query_failed") == []
