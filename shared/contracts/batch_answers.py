"""What the calls about batches answer."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.answers import Answer, Count, Domain, Provider, TemplateName

BatchId = Annotated[str, Field(description="The batch's id.")]
Attempt = Annotated[int, Field(ge=1, description="1 for the batch itself; each retry of what failed counts on.")]
# PUBLISHING: fan_out makes its runs' messages. RUNNING: all are published, and not all have ended.
BatchPhase = Literal["QUEUED", "NOT_PUBLISHED", "PUBLISHING", "RUNNING", "ENDED"]


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
