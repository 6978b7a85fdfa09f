"""Run again what failed: the next attempt of each run, published and confirmed before the caller hears of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, islice
from typing import Any

from shared.batches.fan_out import CHUNK_MESSAGES
from shared.contracts.fields import Lane
from shared.contracts.http.replays import ReplayRequest
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Parameter, ParameterType, Sql
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import ONBOARDING
from shared.errors import ConvergenceError, NotConfirmed, RunNotFailed, RunNotFound
from shared.logs import log
from shared.ports import Clock, Jobs, Message, MessageBus
from shared.runs.accept import message_of
from shared.runs.events_sql import BEGUN, FAILED, is_in, runs_table, top
from shared.runs.run_history import DAYS_BACK
from shared.runs.run_log import RunLog, RunRecord


@dataclass(frozen=True)
class Replay:
    """The attempts that were published, or would be; `next` is None where there are no more."""

    runs: Sequence[RunMessage]
    next: str | None


class Replays:
    """Finds runs that failed, by one query job a call, and publishes their next attempts."""

    def __init__(
        self,
        jobs: Jobs,
        run_log: RunLog,
        bus: MessageBus,
        clock: Clock,
        *,
        control: DatasetRef,
        runs_topic: str,
        bulk_topic: str,
    ) -> None:
        self._jobs, self._log, self._bus, self._clock = jobs, run_log, bus, clock
        self._events = runs_table(control)
        self._topics = {"interactive": runs_topic, "bulk": bulk_topic}

    def replay(self, asked: ReplayRequest) -> Replay:
        """Publish the next attempt of each run that was asked for; nothing where it is a dry run.

        The same call again, before these attempts have begun, is the same attempts. One run keeps its lane; several are
        bulk work, which delays nobody. An attempt that was asked for before stays in the lane that it was given then:
        the functions of the two lanes may not see each other's jobs. Raises RunNotFound and RunNotFailed for the one
        run, and NotConfirmed: then some may be published, and the same call may be made again.
        """
        found = self._jobs.select(self._sql(asked), max_rows=asked.limit + 1)
        if asked.run:
            _check(asked.run, found)
        now = self._clock.now()
        lane: Lane | None = None if asked.run else "bulk"
        again = [
            (
                RunMessage.model_validate_json(row["message"]).next_attempt(now, lane=row["lane"] or lane),
                RunRecord("QUEUED", row["pipeline_id"]),
            )
            for row in found[: asked.limit]
        ]
        more = found[asked.limit - 1]["pipeline_logging_id"] if len(found) > asked.limit else None
        if again and not asked.dry_run:
            self._publish(again)
        return Replay([run for run, _ in again], more)

    def _publish(self, runs: Sequence[tuple[RunMessage, RunRecord]]) -> None:
        """QUEUED is recorded, then the messages are published; what was not confirmed is recorded, too."""
        self._log.add_to_all(runs)
        by_lane = sorted(runs, key=lambda each: each[0].lane)
        confirmed = 0
        try:
            for lane, of_lane in groupby((run for run, _ in by_lane), key=lambda run: run.lane):
                for chunk in self._bus.publish_chunks(self._topics[lane], _chunks(of_lane)):
                    confirmed += chunk
        except ConvergenceError as error:
            lost = [(run, RunRecord("NOT_PUBLISHED", record.pipeline_id)) for run, record in by_lane[confirmed:]]
            self._log.add_to_all(lost)
            log("replay_not_published", "ERROR", confirmed=confirmed, lost=len(lost))
            raise NotConfirmed(
                f"{confirmed} of {len(runs)} runs were published ({error.code}); make the same call again"
            ) from error
        log("replayed", runs=confirmed)

    def _sql(self, asked: ReplayRequest) -> Sql:
        """Runs as their event of highest rank has them, each with the message that was there first.

        Where a key was used for two requests, that is the one that ran.
        """
        since = asked.since or self._clock.now() - timedelta(days=DAYS_BACK)
        given: dict[str, tuple[ParameterType, Any]] = {"since": ("TIMESTAMP", since.isoformat())}
        of_events = ["step_id IS NULL", "event_time >= @since"]
        wanted = ["TRUE"]
        if asked.run:
            given["run"] = ("STRING", asked.run)
            of_events.append("pipeline_logging_id = @run")
        else:
            wanted += [
                f"top.{is_in(FAILED)}",
                "message IS NOT NULL",
                "domain != ''",  # an onboarding; it is completed by its own call
                "followed.has_begun IS NOT TRUE",
            ]
        if asked.batch_id:
            given["batch_id"] = ("STRING", asked.batch_id)
            of_events.append("batch_id = @batch_id")
        if asked.error_code:
            given["error_code"] = ("STRING", asked.error_code)
            wanted.append("top.error_code = @error_code")
        if asked.page_token:
            given["after"] = ("STRING", asked.page_token)
            wanted.append("pipeline_logging_id > @after")
        text = f"""\
WITH followed AS (
  SELECT
    previous_run,
    ARRAY_AGG(lane ORDER BY event_time LIMIT 1)[OFFSET(0)] AS lane,
    LOGICAL_OR({is_in(BEGUN)}) AS has_begun
  FROM `{self._events}`
  WHERE step_id IS NULL AND event_time >= @since AND previous_run IS NOT NULL
  GROUP BY previous_run
),
runs AS (
  SELECT
    pipeline_logging_id,
    ANY_VALUE(domain) AS domain,
    ARRAY_AGG(message IGNORE NULLS ORDER BY event_time LIMIT 1)[SAFE_OFFSET(0)] AS message,
    {top("error_code", "pipeline_id")} AS top
  FROM `{self._events}`
  WHERE {" AND ".join(of_events)}
  GROUP BY pipeline_logging_id
)
SELECT pipeline_logging_id, message, top.status, top.pipeline_id, followed.lane
FROM runs LEFT JOIN followed ON followed.previous_run = pipeline_logging_id
WHERE {" AND ".join(wanted)}
ORDER BY pipeline_logging_id
LIMIT {asked.limit + 1}"""
        return Sql(text, tuple(Parameter(name, kind, value) for name, (kind, value) in given.items()))


def _check(run: str, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        raise RunNotFound(f"no run {run} of which anything has happened in the last {DAYS_BACK} days, or since `since`")
    status, message = found[0]["status"], found[0]["message"]
    if status not in FAILED:
        raise RunNotFailed(f"run {run} is {status}: only what is FAILED or DEAD is run again")
    if message is None or RunMessage.model_validate_json(message).address == ONBOARDING:
        raise RunNotFailed(f"run {run} was started by no message: make the call again that started it")


def _chunks(runs: Iterator[RunMessage]) -> Iterator[list[Message]]:
    while chunk := [message_of(run) for run in islice(runs, CHUNK_MESSAGES)]:
        yield chunk
