"""A batch: one template for many tenants, on one day or on each day of a range."""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.contracts.faults import faults_of
from shared.contracts.fields import BATCH_ID, Text, Value
from shared.contracts.messages.run_message import EVENTS_BEFORE
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import TENANT_ID
from shared.errors import MessageRejected

# A backfill is of at most so many days (rules 2).
MOST_DAYS = 366
MOST_LOOKBACK_DAYS = 31
# A message has at most 10 MB (facts 17); whoever names more tenants means all of them.
MOST_TENANTS_NAMED = 10_000
# Nobody asked for a batch before.
FIRST_YEAR = 2000
TenantId = Annotated[str, Field(pattern=TENANT_ID)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("is no time zone, such as Europe/Berlin") from None
    return name


def _moment(moment: dt.datetime) -> dt.datetime:
    """In UTC. Days, deadlines and partitions are counted from it, which neither end of the calendar lets."""
    if not FIRST_YEAR <= moment.year < dt.MAXYEAR:
        raise ValueError(f"is no time of the years from {FIRST_YEAR} to {dt.MAXYEAR - 1}")
    return moment.astimezone(dt.UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_moment)]


class Position(BaseModel):
    """Where a fan-out goes on: after this day of this tenant. `published` messages are confirmed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: str
    date: dt.date | None
    published: int = Field(ge=0)


class BatchMessage(BaseModel):
    """What starts a batch, or goes on with one.

    Cloud Scheduler's payload is static: it names a `schedule`, and a `date` that is relative to the message's publish
    time in `timezone`; `lookback_days` runs so many days before it too. A batch of the API has its `batch_id` and
    `date`, or `from` and `to`. `only` says for whom the batch runs again: whoever `failed`, as the next attempt, whose
    number is `attempt`; or whose run is `missing`: nobody has begun it. `asked_at` is when this attempt was asked for
    (the publish time, where the message does not say), `first_asked_at` when the first one was. `asked_before`: its
    runs may have been published earlier.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    schedule: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")] | None = None
    batch_id: Annotated[str, Field(pattern=BATCH_ID)] | None = None
    provider: str
    domain: str
    template_name: str
    date: Literal["today", "yesterday"] | dt.date | None = None
    first: dt.date | None = Field(None, alias="from")
    last: dt.date | None = Field(None, alias="to")
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    lookback_days: int = Field(0, ge=0, le=MOST_LOOKBACK_DAYS)
    tenants: tuple[TenantId, ...] | None = Field(None, min_length=1, max_length=MOST_TENANTS_NAMED)
    variables: Mapping[str, Value] = Field(default_factory=dict)
    trigger_by: Text = "batch"
    attempt: int = Field(1, ge=1, le=1_000)
    only: Literal["failed", "missing"] | None = None
    asked_at: Moment | None = None
    first_asked_at: Moment | None = None
    asked_before: bool = False
    after: Position | None = None

    @model_validator(mode="after")
    def _is_one_batch(self) -> "BatchMessage":
        if (self.schedule is None) == (self.batch_id is None):
            raise ValueError("name a schedule or a batch_id, one of them")
        if self.date is not None and (self.first or self.last):
            raise ValueError("give date, or from and to")
        if (self.first is None) != (self.last is None):
            raise ValueError("from and to go together")
        if self.first and self.last and not 0 <= (self.last - self.first).days < MOST_DAYS:
            raise ValueError(f"from comes before to, and there are at most {MOST_DAYS} days")
        if isinstance(self.date, dt.date) and self.date.toordinal() <= self.lookback_days:
            raise ValueError("lookback_days would go back before the year 1")
        return self

    @property
    def address(self) -> TemplateAddress:
        """The template; raises TemplateNotFound for what can be none."""
        return TemplateAddress(self.provider, self.domain, self.template_name)


@dataclass(frozen=True)
class Batch:
    """A batch whose days are fixed. `asked_at` is when it was asked for: nothing is read from the clock later.

    A retry has an `asked_at` of its own, from which its runs' deadlines count.
    """

    batch_id: str
    address: TemplateAddress
    days: Sequence[dt.date | None]
    tenants: tuple[str, ...] | None
    variables: Mapping[str, Value]
    trigger_by: str
    asked_at: dt.datetime
    attempt: int = 1
    only: Literal["failed", "missing"] | None = None
    first_asked_at: dt.datetime | None = None
    asked_before: bool = False

    @property
    def since(self) -> dt.datetime:
        """Before this nothing of the batch happened: which partitions of x_meta_runs a query need not read."""
        return (self.first_asked_at or self.asked_at) - EVENTS_BEFORE

    @classmethod
    def of(cls, message: BatchMessage, published_at: dt.datetime) -> "Batch":
        """The batch that a message means. The same schedule and day give the same batch, however often it is asked for.

        >>> message = BatchMessage(
        ...     schedule="nightly", provider="gcp", domain="cost", template_name="x", date="yesterday", lookback_days=1,
        ...     timezone="Pacific/Auckland",
        ... )
        >>> [str(day) for day in Batch.of(message, dt.datetime(2025, 11, 15, 23, tzinfo=dt.UTC)).days]
        ['2025-11-14', '2025-11-15']
        """
        asked_at = message.asked_at or published_at
        days = _days(message, asked_at.astimezone(ZoneInfo(message.timezone)).date())
        key = f"{message.schedule}\0{message.address}\0{days[-1]}"
        return cls(
            batch_id=message.batch_id or hashlib.sha256(key.encode()).hexdigest()[:32],
            address=message.address,
            days=days,
            tenants=message.tenants,
            variables=message.variables,
            trigger_by=message.trigger_by if message.batch_id else f"schedule {message.schedule}",
            asked_at=asked_at,
            attempt=message.attempt,
            only=message.only,
            first_asked_at=message.first_asked_at or asked_at,
            asked_before=message.asked_before,
        )

    def message(self, *, after: Position | None = None) -> BatchMessage:
        """The message that means this batch, wherever and whenever it is read; it goes on after a position."""
        first, last = self.days[0], self.days[-1]
        return BatchMessage(
            batch_id=self.batch_id,
            provider=self.address.provider,
            domain=self.address.domain,
            template_name=self.address.template_name,
            first=first,
            last=last,
            tenants=self.tenants,
            variables=self.variables,
            trigger_by=self.trigger_by,
            attempt=self.attempt,
            only=self.only,
            asked_at=self.asked_at,
            first_asked_at=self.first_asked_at,
            asked_before=self.asked_before,
            after=after,
        )


def _days(message: BatchMessage, today: dt.date) -> list[dt.date | None]:
    if message.first and message.last:
        count = (message.last - message.first).days + 1
        return [message.first + dt.timedelta(days=day) for day in range(count)]
    if message.date is None:
        return [None]
    day = message.date
    if not isinstance(day, dt.date):
        day = today - dt.timedelta(days=1 if day == "yesterday" else 0)
    return [day - dt.timedelta(days=back) for back in range(message.lookback_days, -1, -1)]


class ReconcileMessage(BaseModel):
    """Asks to compare what was accepted with what has ended. Cloud Scheduler sends it every 15 minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reconcile: Literal[True]


def asks_to_reconcile(data: bytes) -> bool:
    """Whether a message of the batches topic is a ReconcileMessage.

    >>> asks_to_reconcile(b'{"reconcile": true}'), asks_to_reconcile(b'{"schedule": "nightly"}'), asks_to_reconcile(b"")
    (True, False, False)
    """
    try:
        return ReconcileMessage.model_validate_json(data).reconcile
    except ValidationError:
        return False


def read_batch(data: bytes) -> BatchMessage:
    """Read a batch message. Raises MessageRejected that names what is wrong with it, never its values."""
    try:
        return BatchMessage.model_validate_json(data)
    except ValidationError as error:
        faults = faults_of(error, "message", known=BatchMessage.model_fields)
        listed = "; ".join(f"{fault.where}: {fault.message}" for fault in faults)
        raise MessageRejected(f"the message is no batch: {listed}", faults=faults) from None
