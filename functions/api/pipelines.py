"""`/api/v1/pipelines`."""

import re
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import flask

from functions.api import body
from functions.api.access import require_tenant
from shared.contracts.messages import RUN_ID
from shared.contracts.pipeline_template import TemplateAddress
from shared.contracts.requests import RunRequest
from shared.errors import Fault, RequestInvalid, RunNotFound
from shared.pipeline.accept import accept, available
from shared.pipeline.run_log import RunState
from shared.wiring import instance

tenant = flask.Blueprint("pipelines", __name__, url_prefix="/api/v1/pipelines")

RUN_FIELDS = (
    "tenant_id", "pipeline_id", "provider", "domain", "template_name", "template_version", "date", "run_date",
    "trigger_by", "run_attempt", "deliveries", "accepted_at", "started_at", "ended_at", "rows_written",
    "bytes_billed", "failed_step", "error_code", "error_message",
)  # fmt: skip


@tenant.post("/run/<tenant_id>/<provider>/<domain>/<template_name>")
def run_pipeline(tenant_id: str, provider: str, domain: str, template_name: str) -> tuple[flask.Response, int]:
    """Accept a run; 202 means that Pub/Sub has it."""
    here = instance()
    caller = require_tenant(flask.request, tenant_id, here)
    address = TemplateAddress(provider, domain, template_name)
    available(caller, address, here.templates)  # 404 comes before 400 (PRODUCT 2)
    request = body.read(flask.request, RunRequest)
    accepted = accept(
        caller,
        address,
        request,
        idempotency_key=_idempotency_key(flask.request),
        resolver=here.resolver,
        run_log=here.run_log,
        bus=here.bus,
        topic=here.settings.pipeline_runs_topic,
        clock=here.clock,
    )
    status = flask.url_for(
        "pipelines.run_status", tenant_id=tenant_id, pipeline_logging_id=accepted.pipeline_logging_id, _external=True
    )
    answer = {
        "pipeline_logging_id": accepted.pipeline_logging_id,
        "pipeline_id": accepted.pipeline_id,
        "status": "QUEUED",
        "status_url": status,
    }
    return flask.jsonify(answer), 202


@tenant.get("/status/<tenant_id>/<pipeline_logging_id>")
def run_status(tenant_id: str, pipeline_logging_id: str) -> flask.Response:
    """A run and its steps."""
    here = instance()
    require_tenant(flask.request, tenant_id, here)
    found = here.run_log.read(tenant_id, pipeline_logging_id) if re.fullmatch(RUN_ID, pipeline_logging_id) else None
    if found is None:
        raise RunNotFound(f"{tenant_id} has no run {pipeline_logging_id[:64]!r}")
    return flask.jsonify(_answer(pipeline_logging_id, found))


def _answer(pipeline_logging_id: str, state: RunState) -> dict[str, Any]:
    run = {name: _json(state.facts.get(name)) for name in RUN_FIELDS}
    steps = [{name: _json(value) for name, value in asdict(step).items()} for step in state.steps]
    return {"pipeline_logging_id": pipeline_logging_id, "status": state.status, **run, "steps": steps}


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _idempotency_key(request: flask.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        fault = Fault("header.Idempotency-Key", "malformed", "is 1 to 255 printable ASCII characters without spaces")
        raise RequestInvalid(f"{fault.where} {fault.message}", faults=[fault])
    return key
