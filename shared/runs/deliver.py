"""What one push of a run message leads to: a run that goes on, a run that ended, or a message that was refused.

Returning means: acknowledge. A TransientError that passes means: let it be redelivered.
"""

from datetime import timedelta

from shared.contracts.messages.push import Push
from shared.contracts.messages.run_message import CLOCKS_DIFFER, RunMessage
from shared.contracts.template_address import ONBOARDING
from shared.contracts.tenant import Tenant
from shared.engines.base import Services
from shared.errors import (
    IdempotencyMismatch,
    MessageRejected,
    PermanentError,
    StillRunning,
    TemplateNotFound,
    TenantSuspended,
    TenantUnknown,
)
from shared.logs import log, log_context
from shared.ports import MessageBus
from shared.runs.accept import available, message_of
from shared.runs.execute import Execution
from shared.runs.refusal import refuse
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog
from shared.tenants.directory import Directory


def run_of(push: Push) -> RunMessage:
    """The run message in a push. Raises MessageRejected where it is none, or what it asks for is not for messages."""
    run = push.run()
    try:
        address = run.address
    except TemplateNotFound as error:
        raise MessageRejected(error.message) from None
    if address == ONBOARDING:
        raise MessageRejected("a message can never run an onboarding")
    return run


class Delivery:
    """Handles pushes of run messages, for one function."""

    def __init__(
        self,
        services: Services,
        *,
        run_log: RunLog,
        directory: Directory,
        resolver: Resolver,
        bus: MessageBus,
    ) -> None:
        self._services, self._log, self._directory = services, run_log, directory
        self._resolver, self._bus = resolver, bus

    def handle(self, push: Push) -> None:
        """Do what the push says. Raises MessageRejected, or a TransientError when it is to be redelivered."""
        self.run(run_of(push), delivery_attempt=push.delivery_attempt)

    def run(self, run: RunMessage, *, delivery_attempt: int) -> None:
        """Do what a run message says that nobody doubts. Raises as `handle` does."""
        with log_context(tenant_id=run.tenant_id, pipeline_logging_id=run.pipeline_logging_id):
            self._run(run, delivery_attempt)

    def _run(self, run: RunMessage, delivery_attempt: int) -> None:
        settings, started = self._services.settings, self._services.clock.now()
        if run.accepted_at > started + CLOCKS_DIFFER:
            # Its deadline would be as far off as it likes.
            raise MessageRejected(f"accepted_at is more than {CLOCKS_DIFFER} in the future; give the time as it is")
        before = None
        if delivery_attempt > 1 or run.asked_before or run.continuation or run.revived or run.only:
            before = self._log.read_of(run)
            if before and before.facts.get("request_hash") not in (None, run.request_hash):
                raise IdempotencyMismatch("the idempotency key was used before, for another request")
            if before and before.ended and not (run.only and before.status == "DEAD"):
                log("run_ended_before", status=before.status)
                if delivery_attempt > 1:
                    # The delivery that ended it was not answered: it may have been killed before it wrote the copy.
                    self._log.doubt_copies([run])
                return
        try:
            tenant = self._tenant(run)
            available(tenant, run.address, self._resolver.templates)
            plan = self._resolver.resolve(run, tenant)
        except PermanentError as error:
            refuse(run, error, run_log=self._log, now=self._services.clock.now(), delivery=delivery_attempt)
            return
        if plan.template.version != run.template_version:
            # It was deployed anew meanwhile. What runs is what is recorded.
            log("template_changed", accepted=run.template_version, runs=plan.template.version)
            run = run.of_version(plan.template.version)
        execution = Execution(
            run,
            tenant,
            plan,
            services=self._services,
            run_log=self._log,
            until=started + timedelta(seconds=settings.push_time_s),
            delivery=delivery_attempt,
            last_delivery=delivery_attempt >= settings.max_delivery_attempts,
            before=before,
        )
        try:
            execution.run()
        except StillRunning:
            self._continue(run)

    def _continue(self, run: RunMessage) -> None:
        """Waiting is not failing: a nack would slow the whole subscription and use up a delivery (facts 18).

        The next message finds the run's jobs by their ids. Raises NotConfirmed: then this one is redelivered.
        """
        following = run.continued()
        self._bus.publish(self._services.settings.pipeline_runs_topic, [message_of(following)])
        log("run_continued", continuation=following.continuation)

    def _tenant(self, run: RunMessage) -> Tenant:
        """The tenant as it is now. One that was onboarded anew since is another tenant."""
        tenant = self._directory.get(run.tenant_id)
        if tenant is None or tenant.epoch != run.epoch:
            self._directory.forget(run.tenant_id)
            tenant = self._directory.get(run.tenant_id)
        if tenant is None or tenant.epoch != run.epoch:
            raise TenantUnknown(f"{run.tenant_id} is not the tenant that this run was accepted for")
        if tenant.status != "active":
            raise TenantSuspended(f"{run.tenant_id} is suspended")
        return tenant
