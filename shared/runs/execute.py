"""Run the steps of a plan, and record what happened to each.

A redelivery is a resume: steps that are recorded as ended are not run again, and a BigQuery step that was started finds
its job by its id. So the same message may come as often as it likes.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Lock

import tenacity
from pydantic import SecretStr

from shared.contracts.files.pipeline_template import Step
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.tenant import Tenant
from shared.engines.base import Services, StepContext, StepResult
from shared.errors import (
    ConvergenceError,
    DeliveryExhausted,
    PermanentError,
    RetriesExhausted,
    RunDeadlineExceeded,
    StillRunning,
    TransientError,
)
from shared.logs import log, log_bug
from shared.runs.mask import for_mail, for_tenant
from shared.runs.plan import Plan
from shared.runs.run_log import RunLog, RunRecord, RunState, StepRecord
from shared.runs.step_graph import StepGraph

# Each waits for a BigQuery job most of its time; a template with more independent steps runs them in turns.
MOST_STEPS_AT_ONCE = 8


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `error` is what the first failed step raised, in this process; `outputs` and `secret` are the
    last step's that had any, for the caller that waited for it. Only `record` where another delivery has ended it.
    """

    record: RunRecord
    error: ConvergenceError | None = None
    outputs: dict[str, object] | None = None
    secret: SecretStr | None = None


class Execution:
    """One delivery of one run.

    Steps that wait for nothing unfinished run at the same time, each in a thread; what became of them is kept by the
    thread that called `run`, but for what `_catch_up` finds.
    """

    def __init__(
        self,
        run: RunMessage,
        tenant: Tenant,
        plan: Plan,
        *,
        services: Services,
        run_log: RunLog,
        until: datetime,
        delivery: int = 1,
        last_delivery: bool = False,
        before: RunState | None = None,
    ) -> None:
        self._run, self._tenant, self._plan = run, tenant, plan
        self._services, self._log, self._until = services, run_log, until
        self._delivery, self._last = delivery, last_delivery
        self._started_at = services.clock.now()
        self._time_is_up_at = run.accepted_at + timedelta(seconds=services.settings.run_deadline_s)
        self._graph = StepGraph(plan.template.steps)
        # What earlier deliveries finished; a step that was only begun is run again.
        ended = [step for step in (before.steps if before else ()) if step.status != "RUNNING"]
        self._done: dict[str, StepRecord] = {step.step_id: step for step in ended}
        # Whether the events were read; without a sign that somebody was here before, they are not.
        self._caught_up = before is not None
        # How the run ended in another delivery, once the events say so: then nothing is left to do or to say here.
        self._ended: RunRecord | None = None
        self._catching_up = Lock()
        self._began: dict[str, datetime] = {}
        self._unsaid: list[StepRecord] = []
        self._error: ConvergenceError | None = None
        self._outputs: dict[str, object] = {}
        self._secret: SecretStr | None = None

    def run(self) -> Outcome:
        """Run what is left of the plan and record the end.

        Raises StillRunning when jobs go on beyond the time that is left: the run is to be continued. Raises another
        TransientError of a step, after recording what was done, so that the message is redelivered; on the last
        delivery such a step fails as `retries_exhausted` instead. Past the run's own deadline, what has not ended
        fails as `run_deadline_exceeded`; where the run is DEAD, as `delivery_exhausted`.
        A run that turns out to have ended in another delivery is left as it is.
        """
        if not self._run.only:
            first = next(iter(self._ready(())), None)
            begun = [StepRecord(first.step_id, first.ps_type, "RUNNING", self._started_at)] if first else []
            running = RunRecord("RUNNING", self._plan.pipeline_id, started_at=self._started_at)
            self._log.add(self._run, [running, *begun], delivery=self._delivery)
        self._steps()
        if self._ended:
            log("run_ended_before", status=self._ended.status)
            # The delivery that ended it may have been killed before it wrote the copy.
            self._log.doubt_copies([self._run])
            return Outcome(self._ended)
        return self._end()

    def _steps(self) -> None:
        """Start each step as soon as it may, keep what came of it, and stop at what asks for another delivery."""
        with ThreadPoolExecutor(MOST_STEPS_AT_ONCE) as pool:
            working: dict[Future[StepResult], Step] = {}
            asks_again: Exception | None = None
            while True:
                if asks_again is None:
                    ready = self._ready([step.step_id for step in working.values()])
                    # Whoever waits for its result alone needs no thread of its own.
                    work = [partial(copy_context().run, self._work, step, self._failure()) for step in ready]
                    if len(ready) == 1 and not working:
                        asks_again = self._keep(ready[0], work[0])
                        continue
                    working |= {pool.submit(each): step for each, step in zip(work, ready, strict=True)}
                if not working:
                    break
                for future in wait(working, return_when=FIRST_COMPLETED).done:
                    error = self._keep(working.pop(future), future.result)
                    # What needs a redelivery outweighs what only needs time.
                    if error and (asks_again is None or isinstance(asks_again, StillRunning)):
                        asks_again = error
        if asks_again and not self._ended:
            self._say()
            raise asks_again

    def _ready(self, started: Iterable[str]) -> list[Step]:
        """The steps to start now. Those whose trigger says no are noted as skipped on the way, and free others."""
        while not self._ended:
            ended = {name: record.status for name, record in self._done.items()}
            ready = self._graph.ready(ended, started)
            skipped = [step for step in ready if not self._graph.is_triggered(step, ended)]
            for step in skipped:
                self._note(StepRecord(step.step_id, step.ps_type, "SKIPPED"))
            if skipped:
                continue
            again = [step for step in ready if not self._plan.engine(step).repeatable]
            if again and not self._caught_up:
                self._catch_up()
                continue
            return ready
        return []

    def _keep(self, step: Step, result: Callable[[], StepResult]) -> Exception | None:
        """Keep what came of a step; returns the error that asks for another delivery, if it is one."""
        try:
            done = result()
        except StillRunning as error:
            if self._services.clock.now() < self._time_is_up_at:
                return error
            self._services.jobs.cancel(error.job_id)
            self._fail(step, self._time_is_up())
        except PermanentError as error:
            self._fail(step, error)
        except TransientError as error:
            if not self._last:
                return error
            exhausted = RetriesExhausted(f"{error.code}: {error.message}")
            exhausted.__cause__ = error
            self._fail(step, exhausted)
        except Exception as error:  # noqa: BLE001 - it goes back to whoever delivers
            # A bug of ours or of an engine's. The run must still end in a record, with the last delivery at the latest.
            log_bug("step_bug", error)
            if not self._last:
                return error
            self._fail(step, RetriesExhausted(f"internal error ({type(error).__name__}); the operator was told"))
        else:
            self._succeed(step, done)
        return None

    def _work(self, step: Step, failure: Mapping[str, str]) -> StepResult:
        """Do the step, as often as its `retry` says."""
        started = self._began[step.step_id] = self._services.clock.now()
        # What is to be done about a failure is done all the same.
        if step.trigger == "on_success" and (given_up := self._given_up(started)):
            raise given_up
        log("step_started", step_id=step.step_id, ps_type=step.ps_type)
        engine = self._plan.engine(step)
        fields = self._plan.fields(step, failure=failure)
        context = self._context(step)
        engine.check(fields, context)
        retrying = tenacity.Retrying(
            # Before, not after: a pause must not last beyond the push deadline.
            stop=tenacity.stop_after_attempt(step.retry.attempts) | tenacity.stop_before_delay(context.seconds_left),
            wait=tenacity.wait_exponential(step.retry.backoff_s),
            retry=tenacity.retry_if_exception(_may_be_tried_again),
            reraise=True,
        )
        # Each attempt has the time that is left then, not what the first one had.
        return retrying(lambda: engine.run(fields, self._context(step)))

    def _given_up(self, now: datetime) -> PermanentError | None:
        """Why no step is begun any more but those that follow a failure."""
        if self._run.only:
            return DeliveryExhausted("no delivery of the run's message was answered, and this step's end not recorded")
        return self._time_is_up() if now >= self._time_is_up_at else None

    def _time_is_up(self) -> RunDeadlineExceeded:
        hours = self._services.settings.run_deadline_s / 3_600
        return RunDeadlineExceeded(f"the run was accepted more than {hours:g} h ago and is given up")

    def _context(self, step: Step) -> StepContext:
        left = (min(self._until, self._time_is_up_at) - self._services.clock.now()).total_seconds()
        return StepContext(
            self._run, self._tenant, step.step_id, self._services, max(left, 0.0), step.timeout, self._catch_up
        )

    def _catch_up(self) -> None:
        """Learn from the events, once, what another delivery did: before a mail, and where a job was there before.

        A double can say that it is the first delivery (facts 20). This is the ledger that makes doubled mails rare.
        """
        with self._catching_up:
            if self._caught_up:
                return
            known = self._log.read_of(self._run)
            self._caught_up = True
            if known and known.ended:
                self._ended = RunRecord(**{name: known.facts[name] for name in RunRecord.__dataclass_fields__})
            for step in known.steps if known else ():
                if step.status not in ("RUNNING", "SKIPPED"):
                    self._done.setdefault(step.step_id, step)

    def _failed(self) -> StepRecord | None:
        """The step that failed first."""
        return next((record for record in self._done.values() if record.status == "FAILED"), None)

    def _failure(self) -> dict[str, str]:
        """What on_failure and always steps may say of the failure; empty texts where there is none."""
        failed = self._failed()
        return {
            "failed_step": failed.step_id if failed else "",
            "error_code": (failed.error_code or "") if failed else "",
            "error_message": for_mail(failed.error_message or "", self._run.tenant_id) if failed else "",
            "logs_url": self._services.settings.logs_url.replace(
                "{pipeline_logging_id}", self._run.pipeline_logging_id
            ),
        }

    def _succeed(self, step: Step, result: StepResult) -> None:
        self._outputs.update(result.outputs)
        self._secret = result.secret or self._secret
        self._note(
            StepRecord(
                step.step_id,
                step.ps_type,
                "SUCCEEDED",
                self._began[step.step_id],
                self._services.clock.now(),
                result.rows_written,
                result.bytes_billed,
                result.job_id,
                result.mails_sent,
            )
        )
        log("step_succeeded", step_id=step.step_id, rows_written=result.rows_written)
        if result.job_id is None:
            # No job id would find this effect again (a mail, …): say at once that it happened.
            self._say()

    def _fail(self, step: Step, error: PermanentError) -> None:
        self._error = self._error or error
        message = for_tenant(self._plan.with_place(step, error.message), self._run.tenant_id)[:8_000]
        ended = self._services.clock.now()
        record = StepRecord(step.step_id, step.ps_type, "FAILED", self._began[step.step_id], ended)
        self._note(replace(record, error_code=error.code, error_message=message))
        log("step_failed", "WARNING", step_id=step.step_id, error_code=error.code, reason=getattr(error, "reason", ""))
        self._say()

    def _note(self, record: StepRecord) -> None:
        self._done[record.step_id] = record
        self._unsaid.append(record)

    def _say(self) -> None:
        """Record what was done so far, so that the next delivery does not do it again."""
        if self._unsaid and not self._ended:
            self._log.add(self._run, self._unsaid, delivery=self._delivery)
            self._unsaid = []

    def _end(self) -> Outcome:
        failed = self._failed()
        records = list(self._done.values())
        record = RunRecord(
            "SUCCEEDED" if not failed else "DEAD" if self._run.only else "FAILED",
            self._plan.pipeline_id,
            self._started_at,
            self._services.clock.now(),
            _sum(step.rows_written for step in records),
            _sum(step.bytes_billed for step in records),
            failed.step_id if failed else None,
            failed.error_code if failed else None,
            failed.error_message if failed else None,
        )
        steps = [step for step in records if step.status != "SKIPPED"]
        self._log.end(self._run, record, steps, unsaid=self._unsaid, delivery=self._delivery)
        log("run_ended", status=record.status, error_code=record.error_code, rows_written=record.rows_written)
        return Outcome(record, self._error, self._outputs, self._secret)


def _may_be_tried_again(error: BaseException) -> bool:
    """Here and now: a job that still runs has had all the time there was, and is found again by a redelivery."""
    return isinstance(error, TransientError) and not isinstance(error, StillRunning)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
