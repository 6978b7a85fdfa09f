"""What the calls about runs take and answer."""

import binascii
import datetime as dt
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.fields import RUN_ID, IsoDate, TriggerBy, Value, VariableValue
from shared.contracts.http.answers import (
    Answer,
    Count,
    Domain,
    EngineName,
    Provider,
    RunId,
    StepId,
    TemplateName,
    TemplateVersion,
    TenantId,
)
from shared.contracts.http.moments import Moment

RunStatus = Literal["QUEUED", "NOT_PUBLISHED", "RUNNING", "SUCCEEDED", "FAILED", "DEAD"]
StepStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "SKIPPED"]
PipelineId = Annotated[str | None, Field(description="The template's own `pipeline_id`, filled in.")]
StartedAt = Annotated[dt.datetime | None, Field(description="When work began; null before.")]
EndedAt = Annotated[dt.datetime | None, Field(description="When work ended; null before.")]
RowsWritten = Annotated[Count | None, Field(description="Rows written to the tenant's tables.")]
BytesBilled = Annotated[Count | None, Field(description="Bytes that BigQuery billed.")]
ErrorCode = Annotated[str | None, Field(description="What went wrong, as a stable code; null without an error.")]
ErrorMessage = Annotated[str | None, Field(description="What went wrong, in words; null without an error.")]


class RunRequest(BaseModel):
    """Two fields of its own; all others are values for variables of the template."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    __pydantic_extra__: dict[str, VariableValue]

    date: IsoDate | None = Field(None, description="The day that the run is about; needed where the template uses it.")
    trigger_by: TriggerBy = Field("api", description="Who asks: a person or a program.")

    @property
    def variables(self) -> Mapping[str, Value]:
        """Whatever is not a field of this request; the template says which ones there are."""
        return self.__pydantic_extra__


@dataclass(frozen=True)
class PageToken:
    """Where a page ended: the next one begins with what was accepted before, or at the same time with a greater id."""

    accepted_at: dt.datetime
    pipeline_logging_id: str

    @classmethod
    def parse(cls, text: str) -> "PageToken":
        """Read what `str` wrote. Raises ValueError.

        >>> token = PageToken(dt.datetime.fromisoformat("2025-11-15T00:00:00+00:00"), "0" * 32)
        >>> PageToken.parse(str(token)) == token
        True
        """
        problem = "is no page_token that an answer gave"
        try:
            stamp, _, run = urlsafe_b64decode(text.encode()).decode().partition(" ")
            accepted_at = dt.datetime.fromisoformat(stamp)
            in_utc = accepted_at.astimezone(dt.UTC)
        except (binascii.Error, ValueError, OverflowError):
            raise ValueError(problem) from None
        if accepted_at.tzinfo is None or not re.fullmatch(RUN_ID, run):
            raise ValueError(problem)
        return cls(in_utc, run)

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.accepted_at.isoformat()} {self.pipeline_logging_id}".encode()).decode()


def _page_token(text: str) -> str:
    PageToken.parse(text)
    return text


class RunsQuery(BaseModel):
    """`GET /pipelines/runs/{tenant_id}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    status: RunStatus | None = Field(None, description="Only runs that stand so.")
    template: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63}/[a-z][a-z0-9_]{0,63}$",
        description="Only runs of this template, as `gcp/cost/cost_billing`.",
    )
    since: Moment | None = Field(
        None,
        description="Only runs accepted then or later: a day (UTC), or a time with its zone. 30 days ago if not given.",
    )
    limit: int = Field(50, ge=1, le=200, description="Most runs of a page.")
    page_token: Annotated[str, Field(max_length=200), AfterValidator(_page_token)] | None = Field(
        None, description="`next_page_token` of the page before."
    )


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
