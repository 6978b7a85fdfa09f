"""Accept a run: everything is checked, recorded and confirmed before the caller hears of it."""

import secrets
from dataclasses import dataclass

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.http.runs import RunRequest
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.contracts.tenant import Tenant
from shared.errors import ConvergenceError, NotConfirmed, TemplateNotFound
from shared.logs import log, log_context
from shared.ports import Clock, Message, MessageBus, Templates
from shared.runs.resolve import Resolver
from shared.runs.run_log import RunLog, RunRecord


@dataclass(frozen=True)
class Accepted:
    """A run that will happen."""

    pipeline_logging_id: str
    pipeline_id: str


def message_of(run: RunMessage) -> Message:
    """The run as it is published; the attributes let people filter and find it."""
    return Message(
        run.model_dump_json().encode(),
        {"tenant_id": run.tenant_id, "pipeline_logging_id": run.pipeline_logging_id, "template": str(run.address)},
    )


def available(tenant: Tenant, address: TemplateAddress, templates: Templates) -> PipelineTemplate:
    """The template, if this tenant may run it. Raises TemplateNotFound or TemplateInvalid."""
    if address == ONBOARDING:
        raise TemplateNotFound(f"no template {str(address)!r}: onboarding is a call of its own")
    template = templates.get(address)
    if tenant.enabled_templates and str(address) not in tenant.enabled_templates:
        raise TemplateNotFound(f"template {address} is not enabled for this tenant")
    return template


def accept(
    tenant: Tenant,
    address: TemplateAddress,
    request: RunRequest,
    *,
    idempotency_key: str | None,
    resolver: Resolver,
    run_log: RunLog,
    bus: MessageBus,
    topic: str,
    clock: Clock,
) -> Accepted:
    """Accept a run of the template for the tenant: QUEUED is recorded, then the message is published and confirmed.

    The same `idempotency_key` gives the same run, which happens once. Raises TemplateNotFound, TemplateInvalid,
    VariablesInvalid, SqlRefused or IsolationRefused before anything is written; NotConfirmed when Pub/Sub did not
    confirm: the run is then recorded as NOT_PUBLISHED, and the same call may be made again.
    """
    template = available(tenant, address, resolver.templates)
    run = RunMessage.of(
        tenant.tenant_id,
        tenant.epoch,
        address,
        key=f"key:{address}:{idempotency_key}" if idempotency_key else secrets.token_hex(16),
        template_version=template.version,
        date=request.date,
        trigger_by=request.trigger_by,
        lane="interactive",
        accepted_at=clock.now(),
        asked_before=idempotency_key is not None,
        variables=request.variables,
    )
    plan = resolver.resolve(run, tenant)
    with log_context(tenant_id=run.tenant_id, pipeline_logging_id=run.pipeline_logging_id):
        run_log.queued(run, plan.pipeline_id)
        try:
            bus.publish(topic, [message_of(run)])
        except ConvergenceError as error:
            run_log.add(run, [RunRecord("NOT_PUBLISHED", plan.pipeline_id)])
            log("run_not_published", "ERROR", error_code=error.code)
            raise NotConfirmed(f"the run was not published ({error.code}); make the same call again") from error
        log("run_accepted", template=str(address))
    return Accepted(run.pipeline_logging_id, plan.pipeline_id)
