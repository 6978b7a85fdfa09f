"""Every quarter of an hour: compare what was accepted with what has ended, and see to the rest.

Nothing is changed but by adding events and publishing messages that were published before, so two of these at once do
no harm. What was found is told by the log; a batch past its deadline is a `batch_overdue`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from shared.batches.batch_log import BatchLog
from shared.batches.batch_status import BatchState, BatchStatus
from shared.batches.fan_out import CHUNK_MESSAGES, messages
from shared.batches.start_batch import message_of
from shared.batches.targets import Targets
from shared.contracts.messages.batch import Batch
from shared.contracts.messages.push import Push
from shared.contracts.messages.run_message import RunMessage
from shared.errors import RunDeadlineExceeded, TransientError
from shared.logs import log, log_bug, log_context
from shared.ports import Clock, MessageBus
from shared.recovery.open_runs import OpenRun, OpenRuns
from shared.runs.accept import message_of as message_of_run
from shared.runs.run_copies import RunCopies
from shared.runs.run_log import RunLog, RunRecord
from shared.settings import Settings

# How often it is asked for: Cloud Scheduler, or the local stack.
EVERY = timedelta(minutes=15)
# After its deadline a run is published once more, and fails with its on_failure steps; what has not by then is DEAD.
GIVEN_UP_AFTER = timedelta(hours=1)
# Each takes two query jobs; what is not reached now is reached in a quarter of an hour.
MOST_BATCHES = 100
MOST_COPIES = 100


def is_due(quiet: timedelta) -> bool:
    """Whether what has been quiet for so long is published again in this quarter of an hour.

    It is after 15 minutes, 30, an hour, two, …: a message that only waits behind many others is not joined by one more
    every time.

    >>> [minutes for minutes in range(0, 300, 15) if is_due(timedelta(minutes=minutes))]
    [15, 30, 60, 120, 240]
    """
    step = EVERY
    while step <= quiet:
        if quiet < step + EVERY:
            return True
        step *= 2
    return False


class Reconcile:
    """Handles pushes of `{"reconcile": true}`."""

    def __init__(
        self,
        *,
        batch_log: BatchLog,
        batch_status: BatchStatus,
        targets: Targets,
        open_runs: OpenRuns,
        run_log: RunLog,
        copies: RunCopies,
        bus: MessageBus,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._batches, self._status, self._targets = batch_log, batch_status, targets
        self._open_runs, self._runs, self._copies = open_runs, run_log, copies
        self._bus, self._clock, self._settings = bus, clock, settings
        self._run_deadline = timedelta(seconds=settings.run_deadline_s)

    def handle(self, push: Push) -> None:  # noqa: ARG002 - what handles a push is given it
        """See to batches, then runs, then copies, as far as the time goes; the next one goes on.

        Raises a TransientError when the message is to be redelivered.
        """
        now = self._clock.now()
        until = now + timedelta(seconds=self._settings.push_time_s)
        since = now - self._run_deadline - GIVEN_UP_AFTER - timedelta(days=1)
        for batch_id in self._batches.open(since, limit=MOST_BATCHES):
            if self._clock.now() >= until:
                break
            with log_context(batch_id=batch_id):
                self._see_to_batch(batch_id, now)
        self._see_to_runs(self._open_runs.quiet_since(now - EVERY, since=since), now, until)
        copied = self._copies.mend(before=now - EVERY, limit=MOST_COPIES, until=until)
        log("reconciled", copied=copied)

    def _see_to_batch(self, batch_id: str, now: datetime) -> None:
        try:
            self._see_to(self._status.read(batch_id), now)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - a batch that cannot be read stops neither the others nor the runs
            log_bug("batch_bug", error)

    def _see_to(self, state: BatchState, now: datetime) -> None:
        if state.has_ended:
            self._close(state)
            return
        if state.event == "NOT_PUBLISHED":
            return  # the caller was told so; if the message is there all the same, STARTED follows
        late = now - state.deadline
        if state.is_overdue:
            log(
                "batch_overdue",
                "WARNING",
                hours=round(late / timedelta(hours=1), 1),
                **{
                    name: getattr(state, name)
                    for name in ("expected", "succeeded", "failed", "dead", "running", "missing")
                },
            )
        if late >= GIVEN_UP_AFTER:
            self._give_up(state, now)
        elif is_due(now - max(state.batch.asked_at, state.begun_at or state.batch.asked_at)) or (
            timedelta() <= late < EVERY
        ):
            again = self._again(state)
            self._bus.publish(self._settings.pipeline_batches_topic, [message_of(again)])
            log("batch_republished", only=again.only, attempt=again.attempt)

    def _again(self, state: BatchState) -> Batch:
        """What nobody has begun: of a retry, what still counts as failed; of a fan-out that was cut short, all."""
        batch = replace(state.batch, asked_before=True)
        return replace(batch, only="missing") if state.event == "PUBLISHED" and batch.only is None else batch

    def _give_up(self, state: BatchState, now: datetime) -> None:
        """Record what nobody ever began as DEAD. What was begun and has not ended is seen to with the other runs."""
        if state.batch.only is None:
            found = self._targets.after(replace(state.batch, only="missing"), None)
            while chunk := list(islice(found, CHUNK_MESSAGES)):
                made = (RunMessage.model_validate_json(one.data) for one in messages(state.batch, "", chunk))
                self._dead(list(made), now)
        if not state.running:
            self._close(state)

    def _close(self, state: BatchState) -> None:
        self._batches.add(state.batch, "CLOSED")
        log("batch_closed", succeeded=state.succeeded, failed=state.failed, dead=state.dead, missing=state.missing)

    def _see_to_runs(self, found: Iterator[OpenRun], now: datetime, until: datetime) -> None:
        while self._clock.now() < until and (chunk := list(islice(found, CHUNK_MESSAGES))):
            dead, again = [], []
            for one in chunk:
                late = now - one.message.accepted_at - self._run_deadline
                if late >= GIVEN_UP_AFTER:
                    dead.append(one.message)
                elif is_due(now - one.seen_at) or timedelta() <= late < EVERY:
                    again.append(one.message.republished())
            self._dead(dead, now)
            self._publish(again)

    def _dead(self, runs: list[RunMessage], now: datetime) -> None:
        if not runs:
            return
        hours = self._run_deadline / timedelta(hours=1)
        message = f"the run was accepted more than {hours:g} h ago and has not ended; it is given up"
        record = RunRecord("DEAD", ended_at=now, error_code=RunDeadlineExceeded.code, error_message=message)
        self._runs.add_to_all([(run, record) for run in runs])
        self._runs.doubt_copies(runs)
        # Whoever is to hear of a failure hears of this one.
        self._publish([run.after_failure() for run in runs])
        log("runs_given_up", "WARNING", runs=len(runs))

    def _publish(self, runs: list[RunMessage]) -> None:
        topics = {
            "interactive": self._settings.pipeline_runs_topic,
            "bulk": self._settings.pipeline_runs_bulk_topic,
        }
        for lane, topic in topics.items():
            if of_lane := [message_of_run(run) for run in runs if run.lane == lane]:
                self._bus.publish(topic, of_lane)
                log("runs_republished", lane=lane, runs=len(of_lane))
