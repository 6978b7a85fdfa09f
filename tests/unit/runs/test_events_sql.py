"""The states of runs and steps, as the API shows them and as their ranks order them."""

from typing import get_args

from shared.contracts.http.runs import RunStatus, StepStatus
from shared.runs.events_sql import ENDED, FAILED, RUN_RANK, STEP_RANK


def test_the_api_shows_the_states_that_have_a_rank() -> None:
    assert set(RUN_RANK) == set(get_args(RunStatus))
    assert set(STEP_RANK) == set(get_args(StepStatus))


def test_what_failed_has_ended() -> None:
    assert set(FAILED) <= set(ENDED) - {"SUCCEEDED"}
