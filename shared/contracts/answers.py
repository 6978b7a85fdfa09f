"""What the HTTP API answers. Answers are built from these models, and the OpenAPI document is written from them."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

RunStatus = Literal["QUEUED", "NOT_PUBLISHED", "RUNNING", "SUCCEEDED", "FAILED", "DEAD"]
StepStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "SKIPPED"]
Count = Annotated[int, Field(ge=0)]

# What a name means wherever an answer has it.
TenantId = Annotated[str, Field(description="The tenant.")]
RunId = Annotated[str, Field(description="The run's id.")]
PipelineId = Annotated[str | None, Field(description="The template's own `pipeline_id`, filled in.")]
Provider = Annotated[str, Field(description="First folder of the template below `configs/`.")]
Domain = Annotated[str, Field(description="Second folder of the template.")]
TemplateName = Annotated[str, Field(description="The template's file name without `.yml`.")]
TemplateVersion = Annotated[str, Field(description="First 16 hex digits of the SHA-256 of the template's file.")]
StepId = Annotated[str, Field(description="The step, as the template names it.")]
StepName = Annotated[str, Field(description="The step, for people.")]
EngineName = Annotated[str, Field(description="The engine that does the step's work.")]
StartedAt = Annotated[dt.datetime | None, Field(description="When work began; null before.")]
EndedAt = Annotated[dt.datetime | None, Field(description="When work ended; null before.")]
RowsWritten = Annotated[Count | None, Field(description="Rows written to the tenant's tables.")]
BytesBilled = Annotated[Count | None, Field(description="Bytes that BigQuery billed.")]
ErrorCode = Annotated[str | None, Field(description="What went wrong, as a stable code; null without an error.")]
ErrorMessage = Annotated[str | None, Field(description="What went wrong, in words; null without an error.")]


class Answer(BaseModel):
    """One JSON object, whole: a field without value is there as null."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Health(Answer):
    """The function is up."""

    status: Annotated[Literal["ok"], Field(description="Always this: a function that is not up does not answer.")] = (
        "ok"
    )


class Onboarded(Answer):
    """A tenant that is ready."""

    tenant_id: TenantId
    api_key: Annotated[str, Field(description="The tenant's API key; shown this once.")]
    dataset_created: Annotated[bool, Field(description="False where an earlier, unfinished call had made it.")]
    tables_created: Annotated[list[str], Field(description="The metadata tables that this call made.")]


class RunAccepted(Answer):
    """A run that will end in a recorded result."""

    pipeline_logging_id: RunId
    pipeline_id: Annotated[str, Field(description="The template's own `pipeline_id`, filled in.")]
    status: Annotated[Literal["QUEUED"], Field(description="Pub/Sub has the run's message.")] = "QUEUED"
    status_url: Annotated[str, Field(description="Where to ask how it went.")]


class RunStep(Answer):
    """What happened to a step."""

    step_id: StepId
    ps_type: EngineName
    status: Annotated[StepStatus, Field(description="SKIPPED: what happened before it did not call for it.")]
    started_at: StartedAt
    ended_at: EndedAt
    rows_written: RowsWritten
    bytes_billed: BytesBilled
    job_id: Annotated[str | None, Field(description="The BigQuery job that did the work.")]
    mails_sent: Annotated[Count | None, Field(description="Mails that it sent, one for each address.")]
    error_code: ErrorCode
    error_message: ErrorMessage


class RunSummary(Answer):
    """A run."""

    pipeline_logging_id: RunId
    status: Annotated[
        RunStatus,
        Field(
            description="SUCCEEDED, FAILED and DEAD (its message could not be delivered) are ends. NOT_PUBLISHED:"
            " Pub/Sub did not confirm, and the caller was told so."
        ),
    ]
    tenant_id: TenantId
    pipeline_id: PipelineId
    provider: Provider
    domain: Domain
    template_name: TemplateName
    template_version: TemplateVersion
    date: Annotated[dt.date | None, Field(description="The day that the run is about.")]
    run_date: Annotated[dt.date, Field(description="The day on which it was accepted, UTC.")]
    trigger_by: Annotated[str, Field(description="Who asked for it.")]
    run_attempt: Annotated[int, Field(ge=1, description="2 and more: a retry of a run that failed.")]
    previous_run: Annotated[str | None, Field(description="The run that this attempt repeats; null for a first one.")]
    deliveries: Annotated[int, Field(ge=1, description="How often Pub/Sub has brought the run's message.")]
    accepted_at: Annotated[dt.datetime, Field(description="When it was accepted.")]
    started_at: StartedAt
    ended_at: EndedAt
    rows_written: RowsWritten
    bytes_billed: BytesBilled
    failed_step: Annotated[str | None, Field(description="The first step that failed; null without one.")]
    error_code: ErrorCode
    error_message: ErrorMessage


class Run(RunSummary):
    """A run with its steps."""

    steps: Annotated[list[RunStep], Field(description="Its steps, in the order in which they began.")]


class Runs(Answer):
    """One page of a tenant's runs."""

    runs: Annotated[list[RunSummary], Field(description="Newest first.")]
    next_page_token: Annotated[
        str | None, Field(description="Give it as `page_token` for the next page; null on the last.")
    ]


class ProblemFault(Answer):
    """One thing that is wrong."""

    where: Annotated[str, Field(description="A path in the request (`body.date`, `query.limit`), or `file:line`.")]
    code: Annotated[str, Field(description="What kind of fault it is; stable.")]
    message: Annotated[str, Field(description="What is wrong, and what would be right.")]


class TemplateSummary(Answer):
    """A template that can be run, or that could, were it not broken."""

    provider: Provider
    domain: Domain
    template_name: TemplateName
    status: Annotated[
        Literal["ready", "broken"], Field(description="`broken`: the file has faults; the operator mends it.")
    ]
    description: Annotated[str, Field(description="As the template says it, placeholders not filled.")]
    needs_date: Annotated[bool | None, Field(description="Whether a run needs a `date`; null where nobody can tell.")]
    faults: Annotated[list[ProblemFault], Field(description="What is wrong with the file; told to the operator only.")]


class Templates(Answer):
    """What can be run."""

    templates: Annotated[list[TemplateSummary], Field(description="Sorted by provider, domain and name.")]


Scalar = str | int | float | bool


class TemplateVariable(Answer):
    """A variable of a template."""

    name: Annotated[str, Field(description="What it is called in templates and in the body of a run.")]
    type: Annotated[str, Field(description="`string`, `int`, …, or `list[…]` of one of these.")]
    description: Annotated[str, Field(description="As the template says it.")]
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

    step_id: StepId
    name: StepName
    ps_type: EngineName
    trigger: Annotated[
        Literal["on_success", "on_failure", "always"], Field(description="What must have become of the steps before.")
    ]
    depends_on: Annotated[list[str], Field(description="Steps that it waits for.")]


class TemplateDetails(TemplateSummary):
    """A template, whole: what a request may set, and what will happen."""

    version: Annotated[str | None, Field(description="First 16 hex digits of the SHA-256 of the file.")]
    pipeline_id: Annotated[str | None, Field(description="As the template says it, placeholders not filled.")]
    variables: Annotated[list[TemplateVariable], Field(description="The variables that it declares.")]
    steps: Annotated[list[TemplateStep], Field(description="What it does, as the file orders it.")]


class Problem(Answer):
    """Why a call was refused (RFC 9457)."""

    type: Annotated[str, Field(description="`urn:convergence:error:` and the code.")]
    title: Annotated[str, Field(description="The code in words.")]
    status: Annotated[int, Field(ge=400, le=599, description="The HTTP status.")]
    detail: Annotated[str, Field(description="What is wrong, which thing, and what would be right.")]
    code: Annotated[str, Field(description="Stable; what a program decides by.")]
    errors: Annotated[list[ProblemFault], Field(description="Every single fault, where there can be several.")]
