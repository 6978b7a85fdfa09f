"""The query parameters that the HTTP API takes: texts, read strictly."""

import binascii
import datetime as dt
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.contracts.answers import RunStatus
from shared.contracts.messages import RUN_ID
from shared.contracts.tenant import TENANT_ID, TenantStatus


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


def _moment(value: object) -> object:
    """A day is its first moment in UTC. A time needs its zone: pydantic would also take a number of seconds."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return f"{value}T00:00:00Z"
    if isinstance(value, str) and re.fullmatch(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", value
    ):
        return value
    raise ValueError("is a day (2025-11-15) or a time with its zone (2025-11-15T08:00:00Z)")


def _in_utc(value: dt.datetime) -> dt.datetime:
    """The same time in UTC: BigQuery knows none before the year 1 or after 9999, and a zone can lead there."""
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("is outside of the years 1 to 9999 in UTC") from None


Moment = Annotated[dt.datetime, BeforeValidator(_moment), AfterValidator(_in_utc)]


def _true_or_false(text: object) -> object:
    """Only the two words: pydantic would also take `1`, `on` and `yes`."""
    if text in ("true", "false"):
        return text == "true"
    raise ValueError("must be true or false")


class OffBoardingQuery(BaseModel):
    """`DELETE /customers/{tenant_id}`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    force: Annotated[bool, BeforeValidator(_true_or_false)] = Field(
        False, description="Off-board also while runs have not ended; they will fail."
    )


class TenantsQuery(BaseModel):
    """`GET /customers`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    status: TenantStatus | None = Field(None, description="Only tenants that stand so.")
    limit: int = Field(100, ge=1, le=1_000, description="Most tenants of a page.")
    page_token: str | None = Field(
        None, pattern=TENANT_ID, description="`next_page_token` of the page before: the tenant that it ended with."
    )


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
