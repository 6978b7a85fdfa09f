"""What is asked and answered when runs that failed are run again."""

import datetime as dt
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.contracts.fields import BATCH_ID, RUN_ID
from shared.contracts.http.answers import Answer, Count, RunId, TenantId
from shared.contracts.http.moments import Moment

# A call replays at most so many (rules 6).
MOST_REPLAYED = 10_000

ErrorCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,63}$")]


class ReplayRequest(BaseModel):
    """Which runs to run again: one `run`, those of a `batch_id`, those with an `error_code`, or of a batch with a code.

    Of batches and codes, runs that were run again already are left out.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"anyOf": [{"required": [name]} for name in ("run", "batch_id", "error_code")]},
    )

    run: str | None = Field(None, pattern=RUN_ID, description="This run, FAILED or DEAD; nothing else is given then.")
    batch_id: str | None = Field(None, pattern=BATCH_ID, description="Runs of this batch that are FAILED or DEAD.")
    error_code: ErrorCode | None = Field(None, description="Runs that ended with this `error_code`.")
    since: Moment | None = Field(
        None,
        description="Only runs of which something happened then or later: a day (UTC), or a time with its zone. 30 days"
        " ago if not given.",
    )
    limit: int = Field(
        MOST_REPLAYED,
        strict=True,
        ge=1,
        le=MOST_REPLAYED,
        description="Most runs of this call; the rest are a page more.",
    )
    page_token: str | None = Field(None, pattern=RUN_ID, description="`next_page_token` of the call before.")
    dry_run: bool = Field(False, strict=True, description="Only tell which runs it would be.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not (self.run or self.batch_id or self.error_code):
            raise ValueError("give run, batch_id or error_code")
        if self.run and (self.batch_id or self.error_code or self.page_token):
            raise ValueError("give run alone: it says which one")
        return self


class ReplayedRun(Answer):
    """A run, and the one that it repeats."""

    tenant_id: TenantId
    pipeline_logging_id: RunId
    previous_run: Annotated[str, Field(description="The run that failed.")]
    run_attempt: Annotated[int, Field(ge=2, description="Which attempt it is.")]
    date: Annotated[dt.date | None, Field(description="The day that the run is about.")]


class Replayed(Answer):
    """Runs that will happen, or would."""

    replayed: Annotated[Count, Field(description="Runs that Pub/Sub has confirmed; 0 where it was a dry run.")]
    runs: Annotated[list[ReplayedRun], Field(description="They, by the id of the run that failed.")]
    next_page_token: Annotated[
        str | None, Field(description="There are more: give it as `page_token`; null where these were all.")
    ]
