"""What happened to a run: events that are only ever added, and the state that they make.

The control table x_meta_runs is authoritative; the tenant's x_meta_pipeline_runs and x_meta_step_logs are its copy
(rules 6). The state is the event of highest rank, ties to the earliest, so that neither the order in which events
arrive nor their doubles matter.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.contracts.messages.batch import FIRST_YEAR
from shared.contracts.messages.run_message import EVENTS_BEFORE, RunMessage
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.errors import ConvergenceError
from shared.logs import log
from shared.ports import Clock, Jobs, Row, Rows
from shared.runs.events_sql import ENDED, FAILED, RUN_RANK, STEP_RANK, runs_table
from shared.tenants.metadata import metadata_table

# Of a run's message, what each of its events and its copy have.
COPIED_FACTS = (
    "tenant_id", "pipeline_logging_id", "provider", "domain", "template_name", "template_version", "lane",
    "run_attempt", "batch_id", "date", "run_date", "trigger_by", "accepted_at",
)  # fmt: skip
# Events that carry the run's message: a run that did not succeed can be published again, also where it never began.
_WITH_MESSAGE = ("QUEUED", "RUNNING", *FAILED)
# Google recommends at most so many rows a request of tabledata.insertAll; BigQuery quotas page.
_ROWS_A_REQUEST = 500
# Most runs that are asked about were accepted so long ago at most.
_RECENT = timedelta(days=2)
_EVER = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StepRecord:
    """What happened to a step; `status` is one of STEP_RANK."""

    step_id: str
    ps_type: str
    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rows_written: int | None = None
    bytes_billed: int | None = None
    job_id: str | None = None
    mails_sent: int | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """What happened to a run; `status` is one of RUN_RANK."""

    status: str
    pipeline_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rows_written: int | None = None
    bytes_billed: int | None = None
    failed_step: str | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True)
class RunState:
    """A run as its events tell it: the event of highest rank, the run's facts, its steps in the order they began."""

    status: str
    facts: Mapping[str, Any]
    steps: Sequence[StepRecord] = field(default_factory=tuple)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


class RunLog:
    """Writes and reads the events of runs."""

    def __init__(
        self,
        rows: Rows,
        jobs: Jobs,
        clock: Clock,
        *,
        control: DatasetRef,
        data_project: str,
    ) -> None:
        self._rows, self._jobs, self._clock = rows, jobs, clock
        self._table, self._copies = runs_table(control), control.table("x_meta_run_copies")
        self._data_project = data_project

    def queued(self, run: RunMessage, pipeline_id: str | None) -> None:
        """The run was accepted and is about to be published: the api says so.

        So does `run_pipeline` of a message of another system that has an idempotency key: the first to say so wins.
        """
        self.add(run, [RunRecord("QUEUED", pipeline_id)])

    def add_to_all(self, runs: Sequence[tuple[RunMessage, RunRecord]]) -> None:
        """Add an event to each of many runs: an append for each 500."""
        now = self._clock.now()
        for first in range(0, len(runs), _ROWS_A_REQUEST):
            rows = [_event(run, record, now, 1) for run, record in runs[first : first + _ROWS_A_REQUEST]]
            self._rows.append(self._table, rows)

    def add(self, run: RunMessage, records: Sequence[RunRecord | StepRecord], *, delivery: int = 1) -> None:
        """Add events: one append. The same event again is dropped by its insertId, or harmless."""
        now = self._clock.now()
        self._rows.append(self._table, [_event(run, record, now, delivery) for record in records])

    def end(
        self,
        run: RunMessage,
        end: RunRecord,
        steps: Sequence[StepRecord],
        *,
        unsaid: Sequence[StepRecord],
        delivery: int,
    ) -> None:
        """The run ended: `unsaid` steps and the end to the control table, then the copies to the tenant, at once.

        Raises TransientError when the control table could not be written: the end may then be said again. The copy
        never fails a run (rules 6), nor asks for a redelivery, which would find that the run has ended.
        Never the copy first: a redelivery that does not find the end would write it again, when its insertId is
        forgotten (facts 6).
        """
        self.add(run, [*unsaid, end], delivery=delivery)
        copies: list[Callable[[], None]] = [
            lambda: self._copy(run, "x_meta_pipeline_runs", [_copy_of_run(run, end)]),
        ]
        if steps:
            copies.append(lambda: self._copy(run, "x_meta_step_logs", [_copy_of_step(run, step) for step in steps]))
        with ThreadPoolExecutor(len(copies)) as pool:
            # Each with this thread's log context: a line of a copy belongs to its tenant and run.
            for copied in [pool.submit(copy_context().run, copy) for copy in copies]:
                copied.result()

    def read(self, tenant_id: str, pipeline_logging_id: str) -> RunState | None:
        """The run as its events tell it, or None; as `events` reads them."""
        return state_of(self.events(tenant_id, pipeline_logging_id))

    def events(self, tenant_id: str, pipeline_logging_id: str) -> list[dict[str, Any]]:
        """The run's events, in no order: a query job, or two. Streamed rows are seen by queries only (facts 6).

        Each day that is kept is a partition whose bytes are billed, and most runs that are asked about are new: days
        before `_RECENT` are read only where the run may have events there.
        """
        since = self._clock.now() - _RECENT
        found = self._events(tenant_id, pipeline_logging_id, since)
        return found if _are_all(found, since) else self._events(tenant_id, pipeline_logging_id, _EVER)

    def events_of(self, run: RunMessage) -> list[dict[str, Any]]:
        """The events of the run of this message: one query job."""
        since = _EVER if run.asked_before else run.accepted_at - EVENTS_BEFORE
        return self._events(run.tenant_id, run.pipeline_logging_id, since)

    def read_of(self, run: RunMessage) -> RunState | None:
        """The run of this message as its events tell it, or None."""
        return state_of(self.events_of(run))

    def _events(self, tenant_id: str, pipeline_logging_id: str, since: datetime) -> list[dict[str, Any]]:
        sql = Sql(
            f"SELECT * FROM `{self._table}`"
            " WHERE tenant_id = @tenant_id AND pipeline_logging_id = @run AND event_time >= @since",
            (
                Parameter("tenant_id", "STRING", tenant_id),
                Parameter("run", "STRING", pipeline_logging_id),
                Parameter("since", "TIMESTAMP", since.isoformat()),
            ),
        )
        return self._jobs.select(sql, max_rows=10_000)

    def doubt_copies(self, runs: Sequence[RunMessage]) -> None:
        """Perhaps the tenants' tables lack these runs, which have ended: reconciliation looks, and writes them.

        An append for each 500. That fails no run either.
        """
        now = self._clock.now().isoformat()
        for first in range(0, len(runs), _ROWS_A_REQUEST):
            rows = [
                (
                    insert_id(run.pipeline_logging_id, "DOUBTED"),
                    {
                        "event_time": now,
                        "tenant_id": run.tenant_id,
                        "pipeline_logging_id": run.pipeline_logging_id,
                        "event": "DOUBTED",
                    },
                )
                for run in runs[first : first + _ROWS_A_REQUEST]
            ]
            try:
                self._rows.append(self._copies, rows)
            except ConvergenceError as error:
                log("run_copies_not_noted", "ERROR", runs=len(rows), error_code=error.code)

    def _copy(self, run: RunMessage, table: str, rows: Sequence[tuple[str, Row]]) -> None:
        try:
            self._rows.append(metadata_table(self._data_project, run.tenant_id, table), rows)
        except ConvergenceError as error:
            log("run_copy_missing", "WARNING", table=table, error_code=error.code)
            self.doubt_copies([run])


def _are_all(events: Sequence[Mapping[str, Any]], since: datetime) -> bool:
    """Whether a run with these events since then has no others: it was accepted later, and nobody can have asked for it
    before (by an idempotency key it may be asked for again after years).
    """
    messages = [json.loads(event["message"]) for event in events if event["message"]]
    return (
        bool(messages)
        and not any(message["asked_before"] for message in messages)
        and all(event["accepted_at"] >= since + EVENTS_BEFORE for event in events)
    )


def state_of(events: Iterable[Mapping[str, Any]]) -> RunState | None:
    """The state that events make, in whatever order and however often they come; None where there are none."""
    ordered = sorted(events, key=lambda event: event["event_time"])
    of_run = [event for event in ordered if event["step_id"] is None]
    if not ordered:
        return None
    best: dict[str, Mapping[str, Any]] = {}
    for event in ordered:
        step = event["step_id"]
        if step is not None and (
            step not in best or STEP_RANK.index(event["status"]) < STEP_RANK.index(best[step]["status"])
        ):
            best[step] = event
    # A step's event can be there before the run's own, if that append is still under way.
    top = min(of_run, key=lambda event: RUN_RANK.index(event["status"]), default={**ordered[0], "status": "RUNNING"})
    started = [event["started_at"] for event in of_run if event["started_at"]]
    facts = {
        **top,
        "started_at": min(started, default=None),
        "request_hash": next((event["request_hash"] for event in of_run if event.get("request_hash")), None),
        "deliveries": max(event["delivery_attempt"] or 1 for event in ordered),
    }
    steps = tuple(
        StepRecord(**{name: event[name] for name in StepRecord.__dataclass_fields__}) for event in best.values()
    )
    return RunState(top["status"], facts, steps)


def _event(run: RunMessage, record: RunRecord | StepRecord, now: datetime, delivery: int) -> tuple[str, Row]:
    step_id = record.step_id if isinstance(record, StepRecord) else None
    # Each delivery of each of its messages begins anew; whatever else happens, happens once.
    begun = f"{run.continuation}.{run.revived}.{delivery}" if record.status == "RUNNING" else ""
    event_id = insert_id(run.pipeline_logging_id, step_id or "", record.status, begun)
    return event_id, {
        "event_id": event_id,
        "event_time": now.isoformat(),
        **_facts(run),
        "previous_run": run.previous_run,
        "message": run.model_dump_json() if step_id is None and record.status in _WITH_MESSAGE else None,
        "request_hash": run.request_hash,
        "delivery_attempt": delivery,
        **_json(asdict(record)),
    }


def copied_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the tenant's x_meta_pipeline_runs has of a run, of the facts of its state."""
    return {name: facts[name] for name in (*COPIED_FACTS, *RunRecord.__dataclass_fields__)}


def _copy_of_run(run: RunMessage, end: RunRecord) -> tuple[str, Row]:
    return insert_id(run.pipeline_logging_id, "", end.status), {**_facts(run), **_json(asdict(end))}


def _copy_of_step(run: RunMessage, step: StepRecord) -> tuple[str, Row]:
    row = {"pipeline_logging_id": run.pipeline_logging_id, **_json(asdict(step))}
    return insert_id(run.pipeline_logging_id, step.step_id, step.status), row


def _facts(run: RunMessage) -> dict[str, Any]:
    return _json({name: getattr(run, name) for name in COPIED_FACTS})


def _json(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in record.items()}


def insert_id(*parts: str) -> str:
    """The insertId of a row: of run, step and event, so that the same row twice is written once (facts 6)."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
