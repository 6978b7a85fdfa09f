"""What a batch's events and its counted runs say of it."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.batches.batch_status import BatchState, state_of
from shared.runs.events_sql import RUN_RANK
from tests.fakes import START

DEADLINE = timedelta(hours=6)


def event(said: str, *, attempt: int = 1, at: int = 0, **given: Any) -> dict[str, Any]:
    """An event of a batch so many seconds after it was asked for; a retry is asked for a day later."""
    asked_at = START + timedelta(days=attempt - 1)
    message = {
        "batch_id": "b" * 32,
        "provider": "gcp",
        "domain": "cost",
        "template_name": "example",
        "attempt": attempt,
        "asked_at": asked_at.isoformat(),
        "only": "failed" if attempt > 1 else None,
    }
    of_event = {"event": said, "attempt": attempt, "asked_at": asked_at, "expected": None, "published": None}
    return {**of_event, "event_time": asked_at + timedelta(seconds=at), "message": json.dumps(message), **given}


def group(status: str, runs: int, *, attempt: int = 1, code: str | None = None, tenant: str = "a") -> dict[str, Any]:
    counted = {"run_attempt": attempt, "status": status, "error_code": code, "runs": runs}
    return {**counted, "tenants": [tenant], "begun_at": START}


def state(events: list[dict[str, Any]], *groups: dict[str, Any], after: timedelta = timedelta()) -> BatchState:
    return state_of(events, groups, now=START + after, run_deadline=DEADLINE)


WHOLE = [event("STARTED", expected=10), event("PUBLISHED", published=10, at=2)]
RETRIED = [*WHOLE, event("ASKED", attempt=2)]


def test_the_same_event_twice_and_late_changes_nothing() -> None:
    again = [*reversed(WHOLE), event("STARTED", expected=9, at=5), event("ASKED")]
    assert state(again, group("SUCCEEDED", 10)) == state(WHOLE, group("SUCCEEDED", 10))


def test_a_run_that_begins_before_its_batch_is_published_is_no_surprise() -> None:
    found = state([event("STARTED", expected=10)], group("RUNNING", 3))
    assert (found.published, found.running, found.queued, found.missing) == (3, 3, 0, 7)
    assert not found.has_ended


def test_a_tenant_that_went_between_counting_and_publishing_is_missing_and_does_not_keep_the_batch_open() -> None:
    found = state([WHOLE[0], event("PUBLISHED", published=9)], group("SUCCEEDED", 9))
    assert (found.missing, found.has_ended) == (1, True)


def test_what_nobody_has_begun_at_the_deadline_is_missing() -> None:
    before, after = (state(WHOLE, group("SUCCEEDED", 8), after=when) for when in (timedelta(hours=5), DEADLINE))
    assert (before.queued, before.missing, before.is_overdue) == (2, 0, False)
    assert (after.queued, after.missing, after.is_overdue, after.has_ended) == (0, 2, True, False)


def test_of_a_retry_what_failed_is_queued_until_as_many_have_begun_as_were_published() -> None:
    day = timedelta(days=1)
    failed = group("FAILED", 3, code="x")
    asked = state(RETRIED, group("SUCCEEDED", 7), failed, after=day)
    assert (asked.queued, asked.failed, asked.failures, asked.is_retrying) == (3, 0, (), True)
    # One of the three is of a tenant that is suspended by now.
    published = [*RETRIED, event("PUBLISHED", attempt=2, published=2)]
    left, begun = group("FAILED", 1, code="x"), group("RUNNING", 2, attempt=2)
    found = state(published, group("SUCCEEDED", 7), left, begun, after=day)
    assert (found.running, found.queued, found.failed, found.is_retrying) == (2, 0, 1, False)


def test_a_retry_that_was_not_published_leaves_what_failed_as_it_is() -> None:
    found = state([*RETRIED, event("NOT_PUBLISHED", attempt=2)], group("FAILED", 10, code="x"), after=timedelta(days=1))
    assert (found.failed, found.is_retrying, found.event) == (10, False, "NOT_PUBLISHED")


def test_a_closed_batch_is_open_again_when_it_is_retried() -> None:
    closed = [*WHOLE, event("CLOSED", at=900)]
    assert state(closed, group("FAILED", 10, code="x")).has_ended
    again = state([*closed, event("ASKED", attempt=2)], group("FAILED", 10, code="x"), after=timedelta(days=1))
    assert not again.has_ended


def test_an_attempt_that_somebody_else_made_of_a_run_counts_on() -> None:
    found = state(WHOLE, group("SUCCEEDED", 9), group("FAILED", 1, attempt=4, code="x"))
    assert (found.last_attempt, found.failed) == (4, 1)


@given(
    groups=st.lists(
        st.builds(group, st.sampled_from(RUN_RANK), st.integers(1, 5), attempt=st.integers(1, 3)), max_size=8
    ),
    events=st.permutations([*WHOLE, *RETRIED, event("CLOSED")]),
    minutes=st.integers(0, 5_000),
)
def test_no_run_is_counted_twice_or_lost(groups: list[Any], events: list[Any], minutes: int) -> None:
    found = state(events, *groups, after=timedelta(minutes=minutes))
    waiting = max(found.published - sum(one["runs"] for one in groups), 0) if not found.is_overdue else 0
    counted = found.queued + found.running + found.succeeded + found.failed + found.dead
    assert counted == sum(one["runs"] for one in groups) + waiting
    assert sum(one.runs for one in found.failures) == found.failed + found.dead
