"""`/api/v1/pipelines`."""

import re
from dataclasses import asdict

import flask

from functions.api import body, query
from functions.api.access import require_tenant
from functions.api.calls import IDEMPOTENCY_KEY, TENANT, call
from functions.api.examples import RUN_ACCEPTED, RUN_ENDED, RUNS
from shared.contracts.fields import RUN_ID
from shared.contracts.http.runs import PageToken, Run, RunAccepted, RunRequest, Runs, RunsQuery, RunStep, RunSummary
from shared.contracts.template_address import TemplateAddress
from shared.errors import (
    Fault,
    IsolationRefused,
    MailLimitReached,
    MailRefused,
    NotConfirmed,
    RequestInvalid,
    RunNotFound,
    SqlRefused,
    TemplateInvalid,
    TemplateNotFound,
    VariablesInvalid,
)
from shared.runs.accept import accept, available
from shared.runs.run_log import RunState
from shared.wiring import instance

tenant = flask.Blueprint("pipelines", __name__, url_prefix="/api/v1/pipelines")

RUN_FIELDS = tuple(name for name in Run.model_fields if name not in ("pipeline_logging_id", "status", "steps"))


@tenant.post("/run/<tenant_id>/<provider>/<domain>/<template_name>")
@call(
    who=TENANT,
    body=RunRequest,
    headers=(IDEMPOTENCY_KEY,),
    answer=RunAccepted,
    status=202,
    raises=(
        VariablesInvalid, MailRefused, MailLimitReached, TemplateNotFound, TemplateInvalid, SqlRefused,
        IsolationRefused, NotConfirmed,
    ),
    example=RUN_ACCEPTED,
)  # fmt: skip
def run_pipeline(tenant_id: str, provider: str, domain: str, template_name: str) -> RunAccepted:
    """Run a template for a tenant.

    202 means that Pub/Sub has confirmed the message: the run will end in a recorded result. Any field of the body but
    `date` and `trigger_by` overrides a variable of the template.
    """
    services = instance()
    caller = require_tenant(flask.request, tenant_id, services, asks_for_run=True)
    address = TemplateAddress(provider, domain, template_name)
    available(caller, address, services.templates)  # 404 comes before 400 (rules 2)
    request = body.read(flask.request, RunRequest)
    accepted = accept(
        caller,
        address,
        request,
        idempotency_key=idempotency_key(flask.request),
        resolver=services.resolver,
        run_log=services.run_log,
        bus=services.bus,
        topic=services.settings.pipeline_runs_topic,
        clock=services.clock,
    )
    status = flask.url_for(
        "pipelines.run_status", tenant_id=tenant_id, pipeline_logging_id=accepted.pipeline_logging_id, _external=True
    )
    return RunAccepted(
        pipeline_logging_id=accepted.pipeline_logging_id, pipeline_id=accepted.pipeline_id, status_url=status
    )


@tenant.get("/status/<tenant_id>/<pipeline_logging_id>")
@call(who=TENANT, answer=Run, raises=(RunNotFound,), example=RUN_ENDED)
def run_status(tenant_id: str, pipeline_logging_id: str) -> Run:
    """Ask how a run went.

    The run with its steps, in the order in which they began.
    """
    services = instance()
    require_tenant(flask.request, tenant_id, services)
    found = services.run_log.read(tenant_id, pipeline_logging_id) if re.fullmatch(RUN_ID, pipeline_logging_id) else None
    if found is None:
        raise RunNotFound(f"{tenant_id} has no run {pipeline_logging_id[:64]!r}")
    return _answer(pipeline_logging_id, found)


@tenant.get("/runs/<tenant_id>")
@call(who=TENANT, query=RunsQuery, answer=Runs, example=RUNS)
def runs(tenant_id: str) -> Runs:
    """List a tenant's runs, newest first.

    Without `since`, those of the last 30 days. Filters hold for the whole list: give them with each page's token again.
    """
    services = instance()
    require_tenant(flask.request, tenant_id, services)
    asked = query.read(flask.request, RunsQuery)
    page = services.run_history.page(
        tenant_id,
        limit=asked.limit,
        status=asked.status,
        template=None if asked.template is None else TemplateAddress(*asked.template.split("/")),
        since=asked.since,
        after=None if asked.page_token is None else PageToken.parse(asked.page_token),
    )
    return Runs(
        runs=[RunSummary.model_validate(run) for run in page.runs],
        next_page_token=None if page.next is None else str(page.next),
    )


def _answer(pipeline_logging_id: str, state: RunState) -> Run:
    facts = {name: state.facts.get(name) for name in RUN_FIELDS}
    steps = [RunStep.model_validate(asdict(step)) for step in state.steps]
    return Run.model_validate(
        {"pipeline_logging_id": pipeline_logging_id, "status": state.status, **facts, "steps": steps}
    )


def idempotency_key(request: flask.Request) -> str | None:
    """The header Idempotency-Key. Raises RequestInvalid for what is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY.pattern, key):
        fault = Fault("header.Idempotency-Key", "malformed", "is 1 to 255 printable ASCII characters without spaces")
        raise RequestInvalid(f"{fault.where} {fault.message}", faults=[fault])
    return key
