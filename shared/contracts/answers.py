"""What the HTTP API answers. Answers are built from these models, and the OpenAPI document is written from them."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

RunStatus = Literal["QUEUED", "NOT_PUBLISHED", "RUNNING", "SUCCEEDED", "FAILED", "DEAD"]
StepStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "SKIPPED"]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """One JSON object, whole: a field without value is there as null."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Health(Answer):
    """The function is up."""

    status: Literal["ok"] = "ok"


class Onboarded(Answer):
    """A tenant that is ready."""

    tenant_id: str
    api_key: Annotated[str, Field(description="The tenant's API key; shown this once.")]
    dataset_created: Annotated[bool, Field(description="False where an earlier, unfinished call had made it.")]
    tables_created: Annotated[list[str], Field(description="The metadata tables that this call made.")]


class RunAccepted(Answer):
    """A run that will end in a recorded result."""

    pipeline_logging_id: Annotated[str, Field(description="The run's id.")]
    pipeline_id: Annotated[str, Field(description="The template's own `pipeline_id`, filled in.")]
    status: Literal["QUEUED"] = "QUEUED"
    status_url: Annotated[str, Field(description="Where to ask how it went.")]


class RunStep(Answer):
    """What happened to a step."""

    step_id: str
    ps_type: Annotated[str, Field(description="The engine.")]
    status: StepStatus
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    rows_written: Count | None
    bytes_billed: Count | None
    job_id: Annotated[str | None, Field(description="The BigQuery job that did the work.")]
    mails_sent: Count | None
    error_code: str | None
    error_message: str | None


class RunSummary(Answer):
    """A run."""

    pipeline_logging_id: str
    status: RunStatus
    tenant_id: str
    pipeline_id: str | None
    provider: str
    domain: str
    template_name: str
    template_version: Annotated[str, Field(description="First 16 hex digits of the SHA-256 of the template's file.")]
    date: Annotated[dt.date | None, Field(description="The day that the run is about.")]
    run_date: Annotated[dt.date, Field(description="The day on which it was accepted, UTC.")]
    trigger_by: str
    run_attempt: Annotated[int, Field(ge=1, description="2 and more: a retry of a run that failed.")]
    deliveries: Annotated[int, Field(ge=1, description="How often Pub/Sub has brought the run's message.")]
    accepted_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    rows_written: Count | None
    bytes_billed: Count | None
    failed_step: str | None
    error_code: Annotated[str | None, Field(description="A code of the README's table of errors.")]
    error_message: str | None


class Run(RunSummary):
    """A run with its steps, in the order in which they began."""

    steps: list[RunStep]


class Runs(Answer):
    """One page of a tenant's runs, newest first."""

    runs: list[RunSummary]
    next_page_token: Annotated[
        str | None, Field(description="Give it as `page_token` for the next page; null on the last.")
    ]


class ProblemFault(Answer):
    """One thing that is wrong."""

    where: Annotated[str, Field(description="A path in the request (`body.date`, `query.limit`), or `file:line`.")]
    code: str
    message: str


class TemplateSummary(Answer):
    """A template that can be run, or that could, were it not broken."""

    provider: str
    domain: str
    template_name: str
    status: Annotated[
        Literal["ready", "broken"], Field(description="`broken`: the file has faults; the operator mends it.")
    ]
    description: Annotated[str, Field(description="As the template says it, placeholders not filled.")]
    needs_date: Annotated[bool | None, Field(description="Whether a run needs a `date`; null where nobody can tell.")]
    faults: Annotated[list[ProblemFault], Field(description="What is wrong with the file; told to the operator only.")]


class Templates(Answer):
    """What can be run."""

    templates: list[TemplateSummary]


Scalar = str | int | float | bool


class TemplateVariable(Answer):
    """A variable of a template."""

    name: str
    type: Annotated[str, Field(description="`string`, `int`, …, or `list[…]` of one of these.")]
    description: str
    default: Annotated[
        Scalar | list[Scalar] | None, Field(description="The template's own, placeholders not filled; null: none.")
    ]
    overridable: Annotated[bool, Field(description="Whether the body of a run may set it.")]
    required: Annotated[
        bool,
        Field(description="Whether a run needs a value for it: there is no default, and the operator has set none."),
    ]
    pattern: Annotated[str | None, Field(description="What the whole of a text must match.")]
    enum: Annotated[list[Scalar] | None, Field(description="The values that there are.")]
    min: Annotated[int | float | str | None, Field(description="Least number, or earliest date.")]
    max: Annotated[int | float | str | None, Field(description="Greatest number, or latest date.")]


class TemplateStep(Answer):
    """A step of a template."""

    step_id: str
    name: str
    ps_type: Annotated[str, Field(description="The engine that does its work.")]
    trigger: Annotated[
        Literal["on_success", "on_failure", "always"], Field(description="What must have become of the steps before.")
    ]
    depends_on: Annotated[list[str], Field(description="Steps that it waits for.")]


class TemplateDetails(TemplateSummary):
    """A template, whole: what a request may set, and what will happen."""

    version: Annotated[str | None, Field(description="First 16 hex digits of the SHA-256 of the file.")]
    pipeline_id: Annotated[str | None, Field(description="As the template says it, placeholders not filled.")]
    variables: list[TemplateVariable]
    steps: list[TemplateStep]


class Problem(Answer):
    """Why a call was refused (RFC 9457)."""

    type: Annotated[str, Field(description="`urn:convergence:error:` and the code.")]
    title: Annotated[str, Field(description="The code in words.")]
    status: Annotated[int, Field(ge=400, le=599, description="The HTTP status.")]
    detail: Annotated[str, Field(description="What is wrong, which thing, and what would be right.")]
    code: Annotated[str, Field(description="Stable; what a program decides by.")]
    errors: Annotated[list[ProblemFault], Field(description="Every single fault, where there can be several.")]
