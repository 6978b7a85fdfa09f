"""Start a batch, or run again what failed of one: everything is checked, recorded and confirmed before the caller hears
of it.

ASKED is recorded before the message is published, so that a caller can ask for the batch at once, and reconciliation
finds it where the message is lost.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.batches.batch_log import BatchLog
from shared.batches.batch_status import BatchState
from shared.contracts.fields import Value
from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.contracts.http.batches import BatchRequest
from shared.contracts.messages.batch import Batch, BatchMessage
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.errors import (
    ConvergenceError,
    Fault,
    IdempotencyMismatch,
    NotConfirmed,
    NothingFailed,
    RequestInvalid,
    TemplateInvalid,
    TemplateNotFound,
    VariablesInvalid,
)
from shared.logs import log
from shared.ports import Clock, Jobs, Message, MessageBus
from shared.runs.resolve import TemplateSource
from shared.runs.runnable import needs_date, step_faults
from shared.templating.resolution import resolve

# So many are named of the tenants that are not there.
_MOST_NAMED = 20


@dataclass(frozen=True)
class Publisher:
    """What publishing a batch's message takes."""

    log: BatchLog
    bus: MessageBus
    topic: str

    def publish(self, batch: Batch) -> None:
        """Record that it was asked for, and publish its message. Raises NotConfirmed, which is recorded then."""
        self.log.add(batch, "ASKED")
        try:
            self.bus.publish(self.topic, [message_of(batch)])
        except ConvergenceError as error:
            self.log.add(batch, "NOT_PUBLISHED")
            log("batch_not_published", "ERROR", batch_id=batch.batch_id)
            raise NotConfirmed(f"the batch was not published ({error.code}); make the same call again") from error
        log("batch_accepted", batch_id=batch.batch_id, attempt=batch.attempt, template=str(batch.address))


def message_of(batch: Batch) -> Message:
    """The batch as it is published."""
    return Message(batch.message().model_dump_json(by_alias=True).encode(), {"batch_id": batch.batch_id})


def check(
    request: BatchRequest,
    *,
    templates: TemplateSource,
    operator: Mapping[str, str],
    jobs: Jobs,
    control: DatasetRef,
) -> None:
    """Refuse what no tenant's run could do with. One query job where tenants are named.

    Raises TemplateNotFound with the nearest names, TemplateInvalid, VariablesInvalid, or RequestInvalid for days that
    are missing and tenants that are not there.
    """
    address = TemplateAddress(request.provider, request.domain, request.template_name)
    if address == ONBOARDING:
        raise TemplateNotFound(f"no template {str(address)!r}: onboarding is a call of its own")
    template = templates.get(address)
    if faults := step_faults(template):
        raise TemplateInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults)
    check_variables(template, request.variables, operator)
    if needs_date(template) and request.date is None and request.first is None:
        fault = Fault("body.date", "missing", f"template {address} uses {{date}}; give date, or from and to")
        raise RequestInvalid(f"{fault.where}: {fault.message}", faults=[fault])
    if request.tenants is not None:
        _check_tenants(request.tenants, jobs, control)


def check_variables(template: PipelineTemplate, given: Mapping[str, Value], operator: Mapping[str, str]) -> None:
    """Refuse variables that are unknown, protected or not of their type, as far as this can be told without a tenant.

    Raises VariablesInvalid with a fault for each.
    """
    try:
        resolve(template, operator=operator, tenant={}, request=given, built_in={})
    except (TemplateInvalid, VariablesInvalid) as error:
        # What else is wrong may be right with a tenant's own variables.
        faults = [
            replace(fault, where=fault.where.replace("body.", "body.variables.", 1))
            for fault in error.faults
            if fault.where.startswith("body.")
        ]
        if faults:
            raise VariablesInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults) from None


def _check_tenants(named: Collection[str], jobs: Jobs, control: DatasetRef) -> None:
    table = control.table("x_meta_tenants")
    sql = Sql(
        f"SELECT tenant_id FROM `{table}` WHERE tenant_id IN UNNEST(@tenants)",
        (Parameter("tenants", "STRING", tuple(named), array=True),),
    )
    known = {row["tenant_id"] for row in jobs.select(sql, max_rows=len(named))}
    unknown = [tenant_id for tenant_id in dict.fromkeys(named) if tenant_id not in known]
    if unknown:
        faults = [
            Fault("body.tenants", "tenant_unknown", f"there is no tenant {tenant_id}")
            for tenant_id in unknown[:_MOST_NAMED]
        ]
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise RequestInvalid(f"body.tenants: {faults[0].message}{more}", faults=faults)


def batch_of(request: BatchRequest, *, idempotency_key: str | None, clock: Clock) -> Batch:
    """The batch that is asked for; the same key is the same batch."""
    batch_id = (
        hashlib.sha256(f"key\0{idempotency_key}".encode()).hexdigest()[:32]
        if idempotency_key is not None
        else secrets.token_hex(16)
    )
    now = clock.now()
    message = BatchMessage(
        batch_id=batch_id,
        provider=request.provider,
        domain=request.domain,
        template_name=request.template_name,
        date=request.date,
        first=request.first,
        last=request.last,
        tenants=None if request.tenants is None else tuple(request.tenants),
        variables=request.variables,
        trigger_by=request.trigger_by,
        asked_at=now,
    )
    return Batch.of(message, now)


def start(batch: Batch, publisher: Publisher, *, was_keyed: bool) -> None:
    """Publish the batch, once where it `was_keyed`: a message of it that may be lost is published again.

    Raises IdempotencyMismatch where its key was used before for something else, and NotConfirmed.
    """
    events = publisher.log.read(batch.batch_id) if was_keyed else []
    if events:
        first = Batch.of(BatchMessage.model_validate_json(events[0]["message"]), events[0]["asked_at"])
        if _asked(first) != _asked(batch):
            raise IdempotencyMismatch("the idempotency key was used before, for another batch")
        if _is_under_way(events):
            return
        batch = replace(first, asked_before=True)
    publisher.publish(batch)


def retry(state: BatchState, publisher: Publisher, clock: Clock) -> Batch:
    """Run again what failed of a batch, as the next attempt; the same attempt for as long as it has not begun.

    Raises NothingFailed, and NotConfirmed.
    """
    if state.is_retrying:
        if state.event == "ASKED":
            publisher.publish(state.batch)
        return state.batch
    if not state.failed + state.dead:
        raise NothingFailed(f"no run of batch {state.batch.batch_id} has failed: there is nothing to run again")
    again = replace(
        state.batch,
        only="failed",
        attempt=state.last_attempt if state.event == "NOT_PUBLISHED" else state.last_attempt + 1,
        asked_at=clock.now(),
        asked_before=False,
    )
    publisher.publish(again)
    return again


def _asked(batch: Batch) -> tuple[Any, ...]:
    """What was asked for, apart from when."""
    return batch.address, list(batch.days), batch.tenants, dict(batch.variables), batch.trigger_by


def _is_under_way(events: Sequence[Mapping[str, Any]]) -> bool:
    return any(event["event"] not in ("ASKED", "NOT_PUBLISHED") for event in events)
