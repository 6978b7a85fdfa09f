"""The state of a run is made of events, whose order and doubles do not matter."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tables import DatasetRef
from shared.errors import NotFound, Unavailable
from shared.logs import log_context
from shared.runs.events_sql import RUN_RANK, STEP_RANK
from shared.runs.run_log import RunLog, RunRecord, StepRecord, state_of
from tests.builders import CONTROL, DATA, OTHER, RUN, RUN_COPIES, RUNS, TENANT, run, services
from tests.fakes import START, FakeServices

STEPS = ("extract", "check", "say")


@pytest.fixture
def world() -> FakeServices:
    return services()


def log_of(world: FakeServices) -> RunLog:
    return RunLog(world.rows, world.jobs, world.clock, control=CONTROL, data_project=DATA)


def event(status: str, step: str | None = None, at: int = 0) -> dict[str, Any]:
    empty = dict.fromkeys((*RunRecord.__dataclass_fields__, *StepRecord.__dataclass_fields__, "delivery_attempt"), None)
    return {**empty, "event_time": START + timedelta(seconds=at), "status": status, "step_id": step}


times = st.integers(0, 5)
run_events = st.builds(event, st.sampled_from(RUN_RANK), st.none(), times)
step_events = st.builds(event, st.sampled_from(STEP_RANK), st.sampled_from(STEPS), times)
histories = st.lists(run_events | step_events, min_size=1, max_size=12)


@given(history=histories, data=st.data())
def test_neither_order_nor_doubles_of_events_change_the_status_of_run_and_steps(
    history: list[dict[str, Any]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations([*history, *data.draw(st.lists(st.sampled_from(history), max_size=5))]))
    one, other = state_of(history), state_of(shuffled)
    assert one is not None
    assert other is not None
    assert one.status == other.status
    assert {step.step_id: step.status for step in one.steps} == {step.step_id: step.status for step in other.steps}


@given(histories)
def test_the_status_is_the_one_of_highest_rank(history: list[dict[str, Any]]) -> None:
    found = state_of(history)
    assert found is not None
    of_run = [each["status"] for each in history if each["step_id"] is None]
    assert found.status == min(of_run, key=RUN_RANK.index, default="RUNNING")
    for step in found.steps:
        said = [each["status"] for each in history if each["step_id"] == step.step_id]
        assert step.status == min(said, key=STEP_RANK.index)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["QUEUED"], "QUEUED"),
        (["QUEUED", "NOT_PUBLISHED"], "NOT_PUBLISHED"),
        (["QUEUED", "NOT_PUBLISHED", "RUNNING"], "RUNNING"),
        (["QUEUED", "RUNNING", "DEAD"], "DEAD"),
        (["QUEUED", "RUNNING", "DEAD", "FAILED"], "FAILED"),
        (["FAILED", "SUCCEEDED", "RUNNING"], "SUCCEEDED"),
    ],
)
def test_ranks_are_those_of_the_product(said: list[str], expected: str) -> None:
    found = state_of([event(status) for status in said])
    assert found is not None
    assert found.status == expected


def test_no_events_are_no_run() -> None:
    assert state_of([]) is None


def test_of_two_events_of_a_rank_the_earlier_counts() -> None:
    found = state_of([{**event("FAILED", at=2), "error_code": "b"}, {**event("FAILED", at=1), "error_code": "a"}])
    assert found is not None
    assert found.facts["error_code"] == "a"


def test_steps_come_in_the_order_in_which_they_began() -> None:
    found = state_of([event("SUCCEEDED", "say", 9), event("RUNNING", "extract", 1), event("SUCCEEDED", "extract", 8)])
    assert found is not None
    assert [step.step_id for step in found.steps] == ["extract", "say"]


def test_what_is_written_is_read_again(world: FakeServices) -> None:
    log = log_of(world)
    log.queued(run(), "the-pipeline")
    log.add(run(), [RunRecord("RUNNING", "the-pipeline", started_at=START), StepRecord("extract", "x.y", "RUNNING")])
    found = log.read(TENANT, RUN)
    assert found is not None
    assert (found.status, found.facts["pipeline_id"], found.facts["started_at"]) == ("RUNNING", "the-pipeline", START)
    assert [step.step_id for step in found.steps] == ["extract"]


def test_a_run_is_found_by_its_own_tenant_only(world: FakeServices) -> None:
    log_of(world).queued(run(), "the-pipeline")
    assert log_of(world).read(OTHER, RUN) is None


def test_a_run_of_these_days_is_read_from_their_partitions_alone(world: FakeServices) -> None:
    log_of(world).queued(run(), "the-pipeline")
    world.clock.advance(24 * 3_600)

    assert log_of(world).read(TENANT, RUN) is not None
    assert world.jobs.calls == ["select"]


@pytest.mark.parametrize("days_later", [1.9, 1.99, 2.0, 2.5, 3.0, 40.0])
def test_a_run_that_goes_on_for_days_is_read_whole_at_any_time(world: FakeServices, days_later: float) -> None:
    log = log_of(world)
    log.queued(run(), "the-pipeline")
    log.add(run(), [StepRecord("extract", "x.y", "RUNNING")])
    world.clock.advance(30 * 3_600)
    log.add(run(), [RunRecord("FAILED", "the-pipeline")])
    world.clock.advance(days_later * 24 * 3_600 - 30 * 3_600)

    found = log.read(TENANT, RUN)

    assert found is not None
    assert (found.status, [step.step_id for step in found.steps]) == ("FAILED", ["extract"])


def test_a_run_that_is_asked_for_again_after_weeks_is_read_with_its_old_events(world: FakeServices) -> None:
    log, first = log_of(world), run(asked_before=True)
    log.queued(first, "the-pipeline")
    log.add(first, [RunRecord("SUCCEEDED", "the-pipeline")])
    world.clock.advance(30 * 24 * 3_600)
    again = first.model_copy(update={"accepted_at": world.clock.now()})
    log.add(again, [RunRecord("NOT_PUBLISHED", "the-pipeline"), RunRecord("RUNNING", "the-pipeline")], delivery=2)

    for found in (log.read(TENANT, RUN), log.read_of(again)):
        assert found is not None
        assert found.status == "SUCCEEDED"


def test_a_message_knows_since_when_its_run_can_have_events(world: FakeServices) -> None:
    log_of(world).queued(run(), "the-pipeline")
    world.clock.advance(100 * 24 * 3_600)

    assert log_of(world).read_of(run()) is not None
    assert world.jobs.calls == ["select"]


def test_the_same_event_again_is_dropped_by_its_insert_id(world: FakeServices) -> None:
    for _ in range(2):
        log_of(world).queued(run(), "the-pipeline")
    assert len(world.warehouse.events(RUNS)) == 1


def test_an_event_of_another_run_step_or_status_is_another_event(world: FakeServices) -> None:
    log = log_of(world)
    log.add(run(), [RunRecord("RUNNING"), RunRecord("FAILED"), StepRecord("a", "x.y", "FAILED")])
    log.add(run(pipeline_logging_id="a" * 32), [RunRecord("RUNNING")])
    assert len({row["event_id"] for row in world.warehouse.events(RUNS)}) == 4


def end(world: FakeServices) -> None:
    step = StepRecord("extract", "x.y", "SUCCEEDED")
    log_of(world).end(run(), RunRecord("SUCCEEDED"), [step], unsaid=[step], delivery=1)


def test_a_tenants_table_that_is_not_there_yet_fails_no_run(
    world: FakeServices, capsys: pytest.CaptureFixture[str]
) -> None:
    del world.warehouse.tables[DatasetRef(DATA, TENANT).table("x_meta_step_logs")]
    with log_context(tenant_id=TENANT):
        end(world)
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["event"], line["table"]) == ("run_copy_missing", "x_meta_step_logs")
    assert line["logging.googleapis.com/labels"] == {"tenant_id": TENANT}


def test_a_control_table_that_is_not_there_does(world: FakeServices) -> None:
    del world.warehouse.tables[RUNS]
    with pytest.raises(NotFound):
        end(world)


def test_an_end_that_could_not_be_written_may_be_said_again(world: FakeServices) -> None:
    world.rows.broken["x_meta_runs"] = Unavailable("down")
    with pytest.raises(Unavailable):
        end(world)
    # Neither was the copy: a later redelivery would double it.
    assert world.warehouse.events(DatasetRef(DATA, TENANT).table("x_meta_pipeline_runs")) == []
    world.rows.broken.clear()
    end(world)
    found = log_of(world).read(TENANT, RUN)
    assert found is not None
    assert found.status == "SUCCEEDED"


def test_a_copy_that_could_not_be_written_asks_for_no_redelivery(world: FakeServices) -> None:
    world.rows.broken["x_meta_pipeline_runs"] = Unavailable("down")
    end(world)
    found = log_of(world).read(TENANT, RUN)
    assert found is not None
    assert found.ended


def test_a_copy_that_could_not_be_written_is_noted_once_for_reconciliation(world: FakeServices) -> None:
    for table in ("x_meta_pipeline_runs", "x_meta_step_logs"):
        world.rows.broken[table] = Unavailable("down")
    end(world)
    noted = [(row["tenant_id"], row["pipeline_logging_id"], row["event"]) for row in world.warehouse.events(RUN_COPIES)]
    assert noted == [(TENANT, RUN, "DOUBTED")]


def test_a_note_that_could_not_be_written_fails_no_run(world: FakeServices) -> None:
    for table in ("x_meta_pipeline_runs", "x_meta_run_copies"):
        world.rows.broken[table] = Unavailable("down")
    end(world)
    found = log_of(world).read(TENANT, RUN)
    assert found is not None
    assert found.ended


def test_the_end_of_a_run_is_one_append_a_table(world: FakeServices) -> None:
    end(world)
    assert world.rows.calls == ["append"] * 3
