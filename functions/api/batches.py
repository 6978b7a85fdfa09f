"""`/api/v1/pipelines/batch`: one template for many tenants."""

import re

import flask

from functions.api import body
from functions.api.access import require_admin
from functions.api.acting import Caller, recorded
from functions.api.batch_examples import BATCH_ACCEPTED, BATCH_RETRIED, BATCH_SHOWN
from functions.api.calls import ADMIN, IDEMPOTENCY_KEY, Parameter, call
from functions.api.pipelines import idempotency_key
from shared.batches.batch_log import BatchEvent
from shared.batches.batch_status import BatchState
from shared.batches.start_batch import Publisher, batch_of, check, retry, start
from shared.contracts.fields import BATCH_ID
from shared.contracts.http.batches import BatchAccepted, BatchFailure, BatchPhase, BatchRequest, BatchShown
from shared.contracts.messages.batch import Batch
from shared.errors import (
    BatchNotFound,
    IdempotencyMismatch,
    NotConfirmed,
    NothingFailed,
    TemplateInvalid,
    TemplateNotFound,
    VariablesInvalid,
)
from shared.wiring import Instance, instance

admin = flask.Blueprint("batches", __name__, url_prefix="/api/v1/pipelines/batch")

BATCH_KEY = Parameter(
    IDEMPOTENCY_KEY.name,
    "Makes the call safe to repeat: the same key is the same batch. 1 to 255 printable ASCII characters, no spaces.",
    IDEMPOTENCY_KEY.pattern,
    IDEMPOTENCY_KEY.example,
)
_PHASES: dict[BatchEvent, BatchPhase] = {
    "ASKED": "QUEUED",
    "NOT_PUBLISHED": "NOT_PUBLISHED",
    "STARTED": "PUBLISHING",
    "PUBLISHED": "RUNNING",
    "CLOSED": "ENDED",
}


@admin.post("")
@call(
    who=ADMIN,
    body=BatchRequest,
    headers=(BATCH_KEY,),
    answer=BatchAccepted,
    status=202,
    raises=(VariablesInvalid, TemplateNotFound, TemplateInvalid, IdempotencyMismatch, NotConfirmed),
    example=BATCH_ACCEPTED,
)
def start_batch() -> BatchAccepted:
    """Run a template for many tenants.

    202 means that Pub/Sub has confirmed the batch's message: each tenant's run will end in a recorded result. A batch
    is for the tenants that are active and have the template enabled when it is asked for.
    """
    services = instance()
    require_admin(flask.request, services)
    key = idempotency_key(flask.request)
    request = body.read(flask.request, BatchRequest)
    operator = services.settings.operator_variables
    check(request, templates=services.templates, operator=operator, jobs=services.jobs, control=services.control)
    batch = batch_of(request, idempotency_key=key, clock=services.clock)
    given = {BatchRequest.model_fields[name].alias or name for name in request.model_fields_set}
    fields = sorted({*given, *(f"variables.{name}" for name in request.variables)} - {"variables"})
    recorded(Caller("admin"), "batch.start", None, services, subject=batch.batch_id, fields=fields)
    start(batch, _publisher(services), was_keyed=key is not None)
    return _accepted(batch)


@admin.get("/<batch_id>")
@call(who=ADMIN, answer=BatchShown, raises=(BatchNotFound,), example=BATCH_SHOWN)
def show_batch(batch_id: str) -> BatchShown:
    """Ask how a batch goes.

    Runs by how they stand, and why some failed.
    """
    services = instance()
    require_admin(flask.request, services)
    return _shown(_known(batch_id, services))


@admin.post("/<batch_id>/retry")
@call(
    who=ADMIN,
    answer=BatchAccepted,
    status=202,
    raises=(BatchNotFound, NothingFailed, NotConfirmed),
    example=BATCH_RETRIED,
)
def retry_batch(batch_id: str) -> BatchAccepted:
    """Run again what failed of a batch.

    Each of its runs that is FAILED or DEAD, as a new run: its next attempt. The same call again, before all of these
    have begun, is the same attempt.
    """
    services = instance()
    require_admin(flask.request, services)
    state = _known(batch_id, services)
    recorded(Caller("admin"), "batch.retry", None, services, subject=batch_id)
    return _accepted(retry(state, _publisher(services), services.clock))


def _known(batch_id: str, services: Instance) -> BatchState:
    if not re.fullmatch(BATCH_ID, batch_id):
        raise BatchNotFound(f"no batch {batch_id[:64]!r}")
    return services.batch_status.read(batch_id)


def _publisher(services: Instance) -> Publisher:
    return Publisher(services.batch_log, services.bus, services.settings.pipeline_batches_topic)


def _accepted(batch: Batch) -> BatchAccepted:
    url = flask.url_for("batches.show_batch", batch_id=batch.batch_id, _external=True)
    return BatchAccepted(batch_id=batch.batch_id, attempt=batch.attempt, status_url=url)


def _shown(state: BatchState) -> BatchShown:
    batch = state.batch
    return BatchShown(
        batch_id=batch.batch_id,
        status="ENDED" if state.has_ended else _PHASES[state.event],
        attempt=batch.attempt,
        provider=batch.address.provider,
        domain=batch.address.domain,
        template_name=batch.address.template_name,
        first_date=batch.days[0],
        last_date=batch.days[-1],
        trigger_by=batch.trigger_by,
        asked_at=batch.asked_at,
        published_at=state.published_at,
        closed_at=state.closed_at,
        deadline=state.deadline,
        expected=state.expected,
        published=state.published,
        queued=state.queued,
        running=state.running,
        succeeded=state.succeeded,
        failed=state.failed,
        dead=state.dead,
        missing=state.missing,
        failures=[
            BatchFailure(error_code=one.error_code, runs=one.runs, tenants=list(one.tenants)) for one in state.failures
        ],
    )
