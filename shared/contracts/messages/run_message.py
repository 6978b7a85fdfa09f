"""The run message: one run of one template for one tenant, how its id is made, and what may follow it."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.fields import RUN_ID, Lane, Text, Value
from shared.contracts.template_address import TemplateAddress
from shared.contracts.tenant import TENANT_ID

# So often is a dead letter published again before its run is given up.
MOST_REVIVALS = 3
# A publisher's clock may be ahead of ours by so much.
CLOCKS_DIFFER = dt.timedelta(minutes=10)
# No event of a run or batch has a time that is further before it was asked for: far more than clocks differ by.
EVENTS_BEFORE = dt.timedelta(hours=1)


class RunMessage(BaseModel):
    """One run of one template for one tenant, with everything that decides its outcome (rules 6).

    `pipeline_logging_id` was fixed before publishing, so that every delivery of this message is the same run.
    `asked_before` says that an equal message may have been published earlier (an idempotency key, a republication):
    then the events are read before anything runs. `continuation` counts the messages with which the run has waited for
    jobs that outlast a push, `revived` how often a dead letter of it was published again. `only: after_failure` is what
    a run that is DEAD still has to do: its on_failure and always steps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    pipeline_logging_id: str = Field(pattern=RUN_ID)
    tenant_id: str = Field(pattern=TENANT_ID)
    epoch: str = Field(max_length=64)
    provider: str
    domain: str
    template_name: str
    template_version: str
    date: dt.date | None
    run_date: dt.date
    trigger_by: Text
    lane: Lane
    run_attempt: int = Field(1, ge=1, le=1_000)
    previous_run: str | None = None
    batch_id: str | None = Field(None, max_length=64)
    accepted_at: AwareDatetime
    asked_before: bool = False
    continuation: int = Field(0, ge=0, le=1_000_000)
    revived: int = Field(0, ge=0, le=MOST_REVIVALS)
    only: Literal["after_failure"] | None = None
    variables: Mapping[str, Value] = Field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tenant_id: str,
        epoch: str,
        address: TemplateAddress,
        *,
        key: str,
        template_version: str,
        date: dt.date | None,
        trigger_by: str,
        lane: Lane,
        accepted_at: dt.datetime,
        run_attempt: int = 1,
        previous_run: str | None = None,
        batch_id: str | None = None,
        asked_before: bool = False,
        variables: Mapping[str, Value] | None = None,
    ) -> "RunMessage":
        """A run that nobody has begun. `key` is that of `run_id`; `run_date` is the day of `accepted_at`, UTC."""
        return cls(
            pipeline_logging_id=run_id(tenant_id, epoch, key, _day(date), run_attempt),
            tenant_id=tenant_id,
            epoch=epoch,
            provider=address.provider,
            domain=address.domain,
            template_name=address.template_name,
            template_version=template_version,
            date=date,
            run_date=accepted_at.astimezone(dt.UTC).date(),
            trigger_by=trigger_by,
            lane=lane,
            run_attempt=run_attempt,
            previous_run=previous_run,
            batch_id=batch_id,
            accepted_at=accepted_at,
            asked_before=asked_before,
            variables=variables or {},
        )

    @property
    def request_hash(self) -> str:
        """What was asked for, apart from who asked and when: tells two requests with one idempotency key apart."""
        asked = [str(self.address), str(self.date), self.trigger_by, dict(self.variables)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def address(self) -> TemplateAddress:
        """The template to run."""
        return TemplateAddress(self.provider, self.domain, self.template_name)

    # The following are messages of the same run.

    def continued(self) -> "RunMessage":
        """The message that goes on waiting for the run's jobs."""
        return self.model_copy(update={"continuation": self.continuation + 1})

    def revival(self) -> "RunMessage":
        """The message once more, after a dead letter of it."""
        return self.model_copy(update={"revived": self.revived + 1})

    def republished(self) -> "RunMessage":
        """The message once more, for a run of which nothing was heard."""
        return self.model_copy(update={"asked_before": True})

    def after_failure(self) -> "RunMessage":
        """The message for what a run that is DEAD still has to do."""
        return self.model_copy(update={"only": "after_failure"})

    def of_version(self, template_version: str) -> "RunMessage":
        """The message with the version of the template that is there now."""
        return self.model_copy(update={"template_version": template_version})

    # This is another run.

    def next_attempt(self, now: dt.datetime, *, lane: Lane | None) -> "RunMessage":
        """The run that repeats this one: it asks for the same, and its id follows from this one's.

        A batch's retry of the same run is this same run. What decides its outcome stays: date, run_date, variables.
        Without `lane` it keeps its own.
        """
        key = batch_key(self.batch_id, self.address) if self.batch_id else replay_key(self.pipeline_logging_id)
        attempt = self.run_attempt + 1
        return self.model_copy(
            update={
                "pipeline_logging_id": run_id(self.tenant_id, self.epoch, key, _day(self.date), attempt),
                "run_attempt": attempt,
                "previous_run": self.pipeline_logging_id,
                "lane": lane or self.lane,
                "accepted_at": now,
                "asked_before": True,
                "continuation": 0,
                "revived": 0,
                "only": None,
            }
        )


def run_id(tenant_id: str, epoch: str, key: str, date: str | None, run_attempt: int = 1) -> str:
    """The pipeline_logging_id: the same facts give the same run, wherever and whenever they are hashed.

    `key` is one of `…_key` below, an idempotency key, or random. The parts are joined by NUL, which none may hold.

    >>> run_id("acmeinc_23xv2", "e", "k", "2025-11-15") == run_id("acmeinc_23xv2", "e", "k", "2025-11-15")
    True
    """
    parts = (tenant_id, epoch, key, date or "", str(run_attempt))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def batch_key(batch_id: str, address: TemplateAddress) -> str:
    """The `key` of a batch's runs: whoever runs one of them again, the same attempt is the same run."""
    return f"batch:{batch_id}:{address}"


def replay_key(pipeline_logging_id: str) -> str:
    """The `key` of the attempt that follows a run of no batch."""
    return f"replay:{pipeline_logging_id}"


def _day(date: dt.date | None) -> str | None:
    return date.isoformat() if date else None
