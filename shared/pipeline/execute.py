"""Run the steps of a plan, and record what happened to each.

A redelivery is a resume: steps that are recorded as ended are not run again, and a BigQuery step that was started finds
its job by its id. So the same message may come as often as it likes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import tenacity
from pydantic import SecretStr

from shared.contracts.messages import RunMessage
from shared.contracts.pipeline_template import Step
from shared.contracts.tenant import Tenant
from shared.engines.base import Services, StepContext, StepResult
from shared.errors import ConvergenceError, PermanentError, RetriesExhausted, StillRunning, TransientError
from shared.logs import log, log_bug
from shared.pipeline.mask import for_mail, for_tenant
from shared.pipeline.resolve import Plan
from shared.pipeline.run_log import RunLog, RunRecord, RunState, StepRecord


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `error` is what the first failed step raised, in this process; `outputs` and `secret` are the
    last step's that had any, for the caller that waited for it.
    """

    record: RunRecord
    error: ConvergenceError | None = None
    outputs: dict[str, object] | None = None
    secret: SecretStr | None = None


class Execution:
    """One delivery of one run."""

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
        # What earlier deliveries finished; a step that was only begun is run again.
        ended = [step for step in (before.steps if before else ()) if step.status != "RUNNING"]
        self._done: dict[str, StepRecord] = {step.step_id: step for step in ended}
        # Whether the events were read; without a sign that somebody was here before, they are not.
        self._caught_up = before is not None
        self._unsaid: list[StepRecord] = []
        self._error: ConvergenceError | None = None
        self._outputs: dict[str, object] = {}
        self._secret: SecretStr | None = None

    def run(self) -> Outcome:
        """Run what is left of the plan and record the end.

        Raises the TransientError of a step, after recording what was done, so that the message is redelivered. On the
        last delivery such a step fails as `retries_exhausted` instead.
        """
        steps = in_order(self._plan.template.steps)
        first = next((step for step in steps if step.step_id not in self._done), None)
        begun = [StepRecord(first.step_id, first.ps_type, "RUNNING", self._started_at)] if first else []
        running = RunRecord("RUNNING", self._plan.pipeline_id, started_at=self._started_at)
        self._log.add(self._run, [running, *begun], delivery=self._delivery)
        for step in steps:
            if step.step_id not in self._done:
                self._step(step)
        return self._end()

    def _step(self, step: Step) -> None:
        if not self._triggered(step):
            self._note(StepRecord(step.step_id, step.ps_type, "SKIPPED"))
            return
        if not self._plan.engine(step).repeatable:
            self._catch_up()
            if step.step_id in self._done:
                return
        started = self._services.clock.now()
        log("step_started", step_id=step.step_id, ps_type=step.ps_type)
        try:
            result = self._attempt(step)
        except PermanentError as error:
            self._fail(step, started, error)
        except TransientError as error:
            if not self._last:
                self._say()
                raise
            exhausted = RetriesExhausted(f"{error.code}: {error.message}")
            exhausted.__cause__ = error
            self._fail(step, started, exhausted)
        except Exception as error:
            # A bug of ours or of an engine's. The run must still end in a record, with the last delivery at the latest.
            log_bug("step_bug", error)
            if not self._last:
                self._say()
                raise
            self._fail(
                step, started, RetriesExhausted(f"internal error ({type(error).__name__}); the operator was told")
            )
        else:
            self._outputs.update(result.outputs)
            self._secret = result.secret or self._secret
            self._note(
                StepRecord(
                    step.step_id,
                    step.ps_type,
                    "SUCCEEDED",
                    started,
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

    def _attempt(self, step: Step) -> StepResult:
        engine = self._plan.engine(step)
        fields = self._plan.fields(step, failure=self._failure())
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

    def _context(self, step: Step) -> StepContext:
        left = (self._until - self._services.clock.now()).total_seconds()
        return StepContext(
            self._run, self._tenant, step.step_id, self._services, max(left, 0.0), step.timeout, self._catch_up
        )

    def _catch_up(self) -> None:
        """Learn from the events, once, what another delivery did: before a mail, and where a job was there before.

        A double can say that it is the first delivery (FACTS 20). This is the ledger that makes doubled mails rare.
        """
        if self._caught_up:
            return
        self._caught_up = True
        known = self._log.read(self._run.tenant_id, self._run.pipeline_logging_id)
        for step in known.steps if known else ():
            if step.status not in ("RUNNING", "SKIPPED"):
                self._done.setdefault(step.step_id, step)

    def _triggered(self, step: Step) -> bool:
        """Whether the step is to run. `depends_on` narrows "before" to the steps that it names."""
        if step.trigger == "always":
            return True
        if step.trigger == "on_failure":
            return self._failed() is not None
        before = [self._done[name] for name in step.depends_on] if step.depends_on else list(self._done.values())
        return all(record.status == "SUCCEEDED" or self._is_failure_step(record) for record in before)

    def _is_failure_step(self, record: StepRecord) -> bool:
        """An on_failure step that had nothing to do is no obstacle to the steps after it."""
        step = next(step for step in self._plan.template.steps if step.step_id == record.step_id)
        return step.trigger == "on_failure" and record.status == "SKIPPED"

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

    def _fail(self, step: Step, started: datetime, error: PermanentError) -> None:
        self._error = self._error or error
        message = for_tenant(error.message, self._run.tenant_id)[:8_000]
        ended = self._services.clock.now()
        record = StepRecord(step.step_id, step.ps_type, "FAILED", started, ended)
        self._note(replace(record, error_code=error.code, error_message=message))
        log("step_failed", "WARNING", step_id=step.step_id, error_code=error.code, reason=getattr(error, "reason", ""))
        self._say()

    def _note(self, record: StepRecord) -> None:
        self._done[record.step_id] = record
        self._unsaid.append(record)

    def _say(self) -> None:
        """Record what was done so far, so that the next delivery does not do it again."""
        if self._unsaid:
            self._log.add(self._run, self._unsaid, delivery=self._delivery)
            self._unsaid = []

    def _end(self) -> Outcome:
        failed = self._failed()
        records = list(self._done.values())
        record = RunRecord(
            "FAILED" if failed else "SUCCEEDED",
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


def in_order(steps: Sequence[Step]) -> list[Step]:
    """The steps as they run: as listed, but each after all that it depends on. The template reader refused circles."""
    left, ordered, done = list(steps), list[Step](), set[str]()
    while left:
        step = next(step for step in left if done.issuperset(step.depends_on))
        left.remove(step)
        ordered.append(step)
        done.add(step.step_id)
    return ordered


def _may_be_tried_again(error: BaseException) -> bool:
    """Here and now: a job that still runs has had all the time there was, and is found again by a redelivery."""
    return isinstance(error, TransientError) and not isinstance(error, StillRunning)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
