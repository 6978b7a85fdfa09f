"""What the calls about batches take and answer."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.fields import MAX_VARIABLES, IsoDate, TriggerBy, VariableName, VariableValue
from shared.contracts.http.answers import Answer, Count, Domain, Provider, TemplateName
from shared.contracts.messages.batch import MOST_DAYS, MOST_TENANTS_NAMED, TenantId

BatchId = Annotated[str, Field(description="The batch's id.")]
Attempt = Annotated[int, Field(ge=1, description="1 for the batch itself; each retry of what failed counts on.")]
# PUBLISHING: fan_out makes its runs' messages. RUNNING: all are published, and not all have ended.
BatchPhase = Literal["QUEUED", "NOT_PUBLISHED", "PUBLISHING", "RUNNING", "ENDED"]


class BatchRequest(BaseModel):
    """A template, for many tenants.

    On one `date`, on each day `from` one `to` another, or, for a template that uses no date, once. `tenants` names for
    whom; without it, for all that are active and have the template enabled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: str = Field(description="First folder of the template below `configs/`.")
    domain: str = Field(description="Second folder of the template.")
    template_name: str = Field(description="The template's file name without `.yml`.")
    date: IsoDate | None = Field(None, description="The day that the runs are about.")
    first: IsoDate | None = Field(None, alias="from", description="The first day of a backfill; goes with `to`.")
    last: IsoDate | None = Field(
        None, alias="to", description=f"Its last day; at most {MOST_DAYS} days in all, a run for each tenant and day."
    )
    tenants: list[TenantId] | None = Field(
        None, min_length=1, max_length=MOST_TENANTS_NAMED, description="For these tenants only."
    )
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict, max_length=MAX_VARIABLES, description="Variables of the template, as for a run."
    )
    trigger_by: TriggerBy = Field("api", description="Who asks: a person or a program.")

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.date is not None and (self.first or self.last):
            raise ValueError("give date, or from and to")
        if (self.first is None) != (self.last is None):
            raise ValueError("from and to go together")
        if self.first and self.last and not 0 <= (self.last - self.first).days < MOST_DAYS:
            raise ValueError(f"from comes before to, and there are at most {MOST_DAYS} days")
        return self


class BatchAccepted(Answer):
    """A batch that will happen."""

    batch_id: BatchId
    attempt: Attempt
    status_url: Annotated[str, Field(description="Where to ask how it goes.")]


class BatchFailure(Answer):
    """Runs that failed for one reason."""

    error_code: Annotated[str, Field(description="The runs' `error_code`.")]
    runs: Annotated[Count, Field(description="How many.")]
    tenants: Annotated[list[str], Field(description="Whose they are: the first hundred tenants.")]


class BatchShown(Answer):
    """How a batch stands. Of each tenant and day, the latest attempt counts."""

    batch_id: BatchId
    status: Annotated[
        BatchPhase,
        Field(
            description="`NOT_PUBLISHED`: Pub/Sub did not confirm, and the caller was told so. `PUBLISHING`: its runs"
            " are being published. `ENDED`: nothing more will happen, unless somebody asks for a retry."
        ),
    ]
    attempt: Attempt
    provider: Provider
    domain: Domain
    template_name: TemplateName
    first_date: Annotated[dt.date | None, Field(description="The first day; null for a batch without days.")]
    last_date: Annotated[dt.date | None, Field(description="The last day.")]
    trigger_by: Annotated[str, Field(description="Who asked for it.")]
    asked_at: Annotated[dt.datetime, Field(description="When this attempt was asked for.")]
    published_at: Annotated[dt.datetime | None, Field(description="When the last of its runs was published.")]
    closed_at: Annotated[dt.datetime | None, Field(description="When reconciliation found that all had ended.")]
    deadline: Annotated[dt.datetime, Field(description="When runs that have not ended are given up.")]
    expected: Annotated[Count | None, Field(description="Tenants times days; null until they were counted.")]
    published: Annotated[Count, Field(description="Runs that Pub/Sub has confirmed, as far as is known yet.")]
    queued: Annotated[Count, Field(description="Published and not begun; what is to be retried, too.")]
    running: Annotated[Count, Field(description="Begun and not ended.")]
    succeeded: Annotated[Count, Field(description="Ended well.")]
    failed: Annotated[Count, Field(description="Ended in a failure.")]
    dead: Annotated[Count, Field(description="Given up: delivered in vain, or never begun.")]
    missing: Annotated[Count, Field(description="Not published; after the deadline, also what nobody has begun.")]
    failures: Annotated[list[BatchFailure], Field(description="Why runs failed or are dead, the most frequent first.")]
