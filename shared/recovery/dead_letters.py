"""What becomes of a message that Pub/Sub gave up delivering.

A busy service uses up deliveries as well as a broken one, so the run is looked at first: one that has ended needs
nothing; one that was never begun, or whose job is alive, is published again, and any run once; what is left is DEAD.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.contracts.messages.dead_letter import DeadLetter
from shared.contracts.messages.publishers import publisher_subscription
from shared.contracts.messages.push import Push
from shared.contracts.messages.run_message import MOST_REVIVALS, RunMessage
from shared.engines.base import Services
from shared.engines.registry import engine
from shared.errors import DeliveryExhausted, MessageRejected, PermanentError, TemplateInvalid, TemplateNotFound
from shared.logs import log, log_context
from shared.once import is_alive
from shared.ports import MessageBus, Templates
from shared.recovery.kept_dead_letters import KeptDeadLetters
from shared.recovery.operator_mail import OperatorMail
from shared.runs.accept import message_of
from shared.runs.deliver import run_of
from shared.runs.foreign import ForeignRuns
from shared.runs.run_log import RunLog, RunRecord, RunState, state_of


class DeadLetters:
    """Handles pushes of the dead-letter topic, where Pub/Sub alone may publish."""

    def __init__(
        self,
        services: Services,
        *,
        run_log: RunLog,
        templates: Templates,
        foreign: ForeignRuns,
        bus: MessageBus,
        kept: KeptDeadLetters,
        operator: OperatorMail,
    ) -> None:
        self._services, self._log, self._templates = services, run_log, templates
        self._foreign, self._bus, self._kept, self._operator = foreign, bus, kept, operator
        settings = services.settings
        self._run_subscriptions = {settings.pipeline_runs_subscription, settings.pipeline_runs_bulk_subscription}
        self._publishers = {publisher_subscription(name): name for name in settings.publishers}
        self._topics = {"interactive": settings.pipeline_runs_topic, "bulk": settings.pipeline_runs_bulk_topic}

    def handle(self, push: Push) -> None:
        """Settle what the dead letter is about; the same one again does nothing more.

        Raises MessageRejected where Pub/Sub did not dead-letter the message, or a TransientError when it is to be
        redelivered.
        """
        letter = DeadLetter.of(push)
        if letter.project != self._services.settings.gcp_project_id:
            raise MessageRejected(f"the dead letter is of project {letter.project!r}, not of this one")
        try:
            run = self._run_of(letter, push)
        except MessageRejected as error:
            self._keep(push, letter, error)
            return
        with log_context(tenant_id=run.tenant_id, pipeline_logging_id=run.pipeline_logging_id):
            self._settle(run, letter, push)

    def _run_of(self, letter: DeadLetter, push: Push) -> RunMessage:
        """The run that the message brings: what it may say depends on the subscription that it came by."""
        if letter.source in self._run_subscriptions:
            return run_of(push)
        if letter.source in self._publishers:
            return self._foreign.run_of(self._publishers[letter.source], push, letter.published_at)
        raise MessageRejected(f"{letter.source} brings no runs")

    def _settle(self, run: RunMessage, letter: DeadLetter, push: Push) -> None:
        events = self._log.events_of(run)
        state = state_of(events)
        if state and state.ended and state.status != "DEAD":
            log("dead_letter_of_ended_run", status=state.status)
            return
        times = f"the message was delivered {letter.deliveries} times, and no delivery was answered"
        if run.only:
            self._keep(push, letter, DeliveryExhausted(f"what follows a failure did not run to its end: {times}"), run)
            return
        is_dead = state is not None and state.status == "DEAD"
        # A run that kills its process takes the others there with it, and their deliveries: each has a second chance.
        may_live = run.revived == 0 or not _begun(events, run) or self._has_live_job(run, state)
        if not is_dead and run.revived < MOST_REVIVALS and may_live:
            revival = run.revival()
            self._publish(revival)
            log("run_revived", revived=revival.revived)
            return
        self._bury(run, state, DeliveryExhausted(times))
        self._keep(push, letter, DeliveryExhausted(times), run)

    def _bury(self, run: RunMessage, state: RunState | None, error: DeliveryExhausted) -> None:
        """DEAD is recorded first: whatever is interrupted here is done again by the redelivered dead letter."""
        dead = RunRecord(
            "DEAD",
            state.facts.get("pipeline_id") if state else None,
            ended_at=self._services.clock.now(),
            failed_step=_at_work(state) if state else None,
            error_code=error.code,
            error_message=error.message,
        )
        self._log.add(run, [dead])
        self._publish(run.after_failure())
        log("run_dead", "ERROR", error_code=error.code, batch_id=run.batch_id, template=str(run.address))

    def _publish(self, run: RunMessage) -> None:
        self._bus.publish(self._topics[run.lane], [message_of(run)])

    def _has_live_job(self, run: RunMessage, state: RunState | None) -> bool:
        """Whether a job of a step that has not ended is still at work; nobody waits for it any more."""
        ended = {step.step_id for step in state.steps if step.status != "RUNNING"} if state else set()
        try:
            steps = [step for step in self._templates.get(run.address).steps if step.step_id not in ended]
            operations = [(step.step_id, each) for step in steps for each in engine(step.ps_type).job_operations]
        except (TemplateNotFound, TemplateInvalid):
            return False
        jobs, run_id = self._services.jobs, run.pipeline_logging_id
        return any(is_alive(jobs, (run.tenant_id, run_id, step_id, each)) for step_id, each in operations)

    def _keep(self, push: Push, letter: DeadLetter, error: PermanentError, run: RunMessage | None = None) -> None:
        """Keep the message and tell the operator: one mail for a batch and code, else one for a subscription and hour.

        Ten thousand dead letters of one batch are one mail, and those of a broken lane at most one an hour.
        """
        self._kept.add(push, letter, error, run)
        batch = run.batch_id if run else None
        hour = f"{push.message.publish_time:%Y-%m-%dT%H}" if push.message.publish_time else ""
        matter = f"batch:{batch}" if batch else f"subscription:{letter.source}:{hour}"
        what = f"runs of batch {batch}" if batch else f"messages of {letter.source}"
        self._operator.tell_once(
            f"dead-letter:{error.code}:{matter}",
            f"Convergence: {what} were not delivered",
            _mail(letter, error, run, self._services.settings.logs_url),
            message_id=push.message.message_id,
        )


def _begun(events: Iterable[Mapping[str, Any]], run: RunMessage) -> bool:
    """Whether a delivery of this very message began: a continuation is a message of its own, and so is a revival."""
    messages = [json.loads(event["message"]) for event in events if event["status"] == "RUNNING" and event["message"]]
    return any(
        (each.get("continuation", 0), each.get("revived", 0)) == (run.continuation, run.revived) for each in messages
    )


def _at_work(state: RunState) -> str | None:
    """The step that failed, else the one that was begun last and not ended, as far as is recorded."""
    named = {step.status: step.step_id for step in state.steps}
    return named.get("FAILED", named.get("RUNNING"))


def _mail(letter: DeadLetter, error: PermanentError, run: RunMessage | None, logs_url: str) -> str:
    what = [f"{error.code}: {error.message}", f"Subscription: {letter.source}"]
    if run is None:
        what += ["The message is in x_meta_dead_letters of the control dataset; no run belongs to it."]
    else:
        replay = f"--batch {run.batch_id}" if run.batch_id else f"--run {run.pipeline_logging_id}"
        what += [
            f"Run: {run.pipeline_logging_id} of {run.tenant_id}, {run.address}, date {run.date}",
            f"Logs: {logs_url.replace('{pipeline_logging_id}', run.pipeline_logging_id)}",
            f"Once mended: convergence replay {replay}",
        ]
    what.append(
        "This is the first of its kind; of others in the same batch, or else of the same subscription and hour, no mail"
        " is sent. All are in x_meta_dead_letters."
    )
    return "\n\n".join(what)
