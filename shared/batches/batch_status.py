"""How a batch stands: its own events, and the latest attempt of each tenant and day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.batches.batch_log import BatchEvent, BatchLog
from shared.contracts.messages.batch import Batch, BatchMessage
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.errors import BatchNotFound
from shared.ports import Clock, Jobs
from shared.runs.events_sql import FAILED, latest_runs, runs_table

# Of those that failed with one code, so many tenants are named; all are counted.
MOST_TENANTS_NAMED = 100
# Attempts times codes; an answer of BigQuery's, not of ours, is bounded by it.
_MOST_GROUPS = 10_000
# Highest first: what is known of an attempt.
_EVENT_RANK: tuple[BatchEvent, ...] = ("CLOSED", "PUBLISHED", "STARTED", "NOT_PUBLISHED", "ASKED")


@dataclass(frozen=True)
class Failure:
    """Runs that failed with this code, and the first of their tenants."""

    error_code: str
    runs: int
    tenants: tuple[str, ...]


@dataclass(frozen=True)
class BatchState:
    """A batch and its runs, counted.

    `batch` is its last attempt, `event` how far that came, `last_attempt` the highest one that any of its runs had.
    `expected` is None until fan_out has counted. `queued` runs are published and not begun, those that are to be
    retried too. `missing` ones are not published, or not begun at the deadline. `begun_at` is when the last of its
    runs began.
    """

    batch: Batch
    event: BatchEvent
    last_attempt: int
    deadline: datetime
    expected: int | None
    published: int
    queued: int
    running: int
    succeeded: int
    failed: int
    dead: int
    missing: int
    failures: tuple[Failure, ...]
    begun_at: datetime | None
    published_at: datetime | None
    closed_at: datetime | None
    is_retrying: bool
    is_overdue: bool

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it, unless somebody asks for a retry.

        Runs that are missing before the deadline are of tenants that were there to be counted, and not to be published.
        """
        if self.event == "CLOSED":
            return True
        is_whole = self.event == "PUBLISHED" and not (self.is_overdue and self.missing)
        return is_whole and not self.queued and not self.running


class BatchStatus:
    """Reads how batches stand: two query jobs each."""

    def __init__(self, log: BatchLog, jobs: Jobs, clock: Clock, control: DatasetRef, *, run_deadline_s: float) -> None:
        self._log, self._jobs, self._clock = log, jobs, clock
        self._runs, self._run_deadline = runs_table(control), timedelta(seconds=run_deadline_s)

    def read(self, batch_id: str) -> BatchState:
        """The batch as it stands. Raises BatchNotFound."""
        events = self._log.read(batch_id)
        if not events:
            raise BatchNotFound(f"no batch {batch_id[:64]!r}")
        first = _batch(events[0])
        sql = Sql(
            f"""\
WITH {latest_runs(self._runs)}
SELECT run_attempt, status, error_code, COUNT(*) AS runs, MAX(begun_at) AS begun_at,
  ARRAY_AGG(DISTINCT tenant_id ORDER BY tenant_id LIMIT {MOST_TENANTS_NAMED}) AS tenants
FROM latest
GROUP BY run_attempt, status, error_code""",
            (
                Parameter("batch_id", "STRING", batch_id),
                Parameter("since", "TIMESTAMP", first.since.isoformat()),
            ),
        )
        groups = self._jobs.select(sql, max_rows=_MOST_GROUPS)
        return state_of(events, groups, now=self._clock.now(), run_deadline=self._run_deadline)


def state_of(
    events: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]], *, now: datetime, run_deadline: timedelta
) -> BatchState:
    """The state that a batch's events make, at least one, with its latest runs.

    `groups` count them by `run_attempt`, `status` and `error_code`, with `tenants` and when the last of them began.
    """
    attempt = max(event["attempt"] for event in events)
    of_attempt = [event for event in events if event["attempt"] == attempt]
    said = min((event["event"] for event in of_attempt), key=_EVENT_RANK.index)
    batch = _batch(min(of_attempt, key=lambda event: event["asked_at"]))
    deadline = batch.asked_at + run_deadline
    is_overdue = now >= deadline

    def begun(since_attempt: int) -> int:
        return sum(group["runs"] for group in groups if group["run_attempt"] >= since_attempt)

    # What has failed is to run again, until as many have begun as were published.
    published_again = _most(of_attempt, "published")
    is_retrying = (
        attempt > 1
        and not is_overdue
        and said not in ("CLOSED", "NOT_PUBLISHED")
        and (published_again is None or begun(attempt) < published_again)
    )
    counts: dict[str, int] = {}
    failures: dict[str, list[Mapping[str, Any]]] = {}
    for group in groups:
        status = group["status"]
        if status in FAILED:
            if is_retrying and group["run_attempt"] < attempt:
                status = "QUEUED"
            else:
                failures.setdefault(group["error_code"] or status.lower(), []).append(group)
        counts[status] = counts.get(status, 0) + group["runs"]
    expected = _most(events, "expected")
    published = max(_most([event for event in events if event["attempt"] == 1], "published") or 0, begun(1))
    # In the subscription; at the deadline nobody will begin it.
    waiting = 0 if is_overdue else published - begun(1)
    return BatchState(
        batch=batch,
        event=said,
        last_attempt=max([attempt, *(group["run_attempt"] for group in groups)]),
        deadline=deadline,
        expected=expected,
        published=published,
        queued=waiting + counts.get("QUEUED", 0) + counts.get("NOT_PUBLISHED", 0),
        running=counts.get("RUNNING", 0),
        succeeded=counts.get("SUCCEEDED", 0),
        failed=counts.get("FAILED", 0),
        dead=counts.get("DEAD", 0),
        missing=max((expected or 0) - begun(1) - waiting, 0),
        failures=tuple(
            sorted(
                (_failure(code, found) for code, found in failures.items()), key=lambda one: (-one.runs, one.error_code)
            )
        ),
        begun_at=max((group["begun_at"] for group in groups), default=None),
        published_at=_time(of_attempt, "PUBLISHED"),
        closed_at=_time(of_attempt, "CLOSED"),
        is_retrying=is_retrying,
        is_overdue=is_overdue,
    )


def _batch(event: Mapping[str, Any]) -> Batch:
    return Batch.of(BatchMessage.model_validate_json(event["message"]), event["asked_at"])


def _most(events: Sequence[Mapping[str, Any]], name: str) -> int | None:
    return max((event[name] for event in events if event[name] is not None), default=None)


def _time(events: Sequence[Mapping[str, Any]], said: BatchEvent) -> datetime | None:
    return min((event["event_time"] for event in events if event["event"] == said), default=None)


def _failure(code: str, groups: Sequence[Mapping[str, Any]]) -> Failure:
    tenants = sorted({tenant for group in groups for tenant in group["tenants"]})[:MOST_TENANTS_NAMED]
    return Failure(code, sum(group["runs"] for group in groups), tuple(tenants))
