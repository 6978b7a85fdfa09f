"""Every error that Convergence raises, sorted by what to do next.

`PermanentError`: trying again changes nothing; record it and acknowledge the message.
`TransientError`: the same call may succeed later; let the message be redelivered.
Anything else that is raised is a bug and passes untouched.

Each class has a stable `code`, the one that API answers, run events, logs and docs/reference.md share.
Messages say what is wrong, which thing, and what would be right. They never hold a secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input.

    `where` is a path in the input (`body.date`, `configs/gcp/cost/x.yml:12`), `code` is stable, `message` is for
    a person.
    """

    where: str
    code: str
    message: str


class ConvergenceError(Exception):
    """The root of the tree. `faults` names every single thing wrong, where there can be several."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.faults = tuple(faults)


class PermanentError(ConvergenceError):
    """Trying again changes nothing."""

    code = "permanent_error"


class TransientError(ConvergenceError):
    """The same call may succeed later."""

    code = "transient_error"


# ── what a caller sent ──────────────────────────────────────────────────────────────────────────────────────────────


class RequestInvalid(PermanentError):
    """A request's body or path does not have the shape that the call takes."""

    code = "request_invalid"


class VariablesInvalid(PermanentError):
    """A variable is unknown, protected, missing, or not of its type. One fault a variable."""

    code = "variables_invalid"


class KeyRejected(PermanentError):
    """No valid key. An unknown tenant and a wrong key give this same error: neither can be told from the other."""

    code = "key_rejected"


class WrongTenant(PermanentError):
    """The key is good, but for another tenant than the one in the URL."""

    code = "wrong_tenant"


class TenantSuspended(PermanentError):
    """The operator has suspended this tenant."""

    code = "tenant_suspended"


class MessageRejected(PermanentError):
    """A Pub/Sub message that cannot be read or has no authority to run what it asks for."""

    code = "message_rejected"


class IdempotencyMismatch(MessageRejected):
    """A second request used the idempotency key of another one: the first one runs, this one does not."""

    code = "idempotency_mismatch"


# ── templates ───────────────────────────────────────────────────────────────────────────────────────────────────────


class TemplateNotFound(PermanentError):
    """No template of that name; the message names the nearest ones."""

    code = "template_not_found"


class TemplateInvalid(PermanentError):
    """A template file is wrong. Each fault's `where` is `file:line`."""

    code = "template_invalid"


class SqlRefused(PermanentError):
    """A query that cannot be run safely: a placeholder where no value may stand, or not a single SELECT."""

    code = "sql_refused"


class IsolationRefused(PermanentError):
    """A query that would read or write what is not this tenant's."""

    code = "isolation_refused"


# ── tenants ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class TenantUnknown(PermanentError):
    """No such tenant, or no longer one."""

    code = "tenant_unknown"


class TenantIdRefused(PermanentError):
    """This id cannot be given to a tenant: reserved, or a dataset that is not a tenant's has its name or prefix."""

    code = "tenant_id_refused"


class AlreadyOnboarded(PermanentError):
    """The tenant is there already; its key was shown then and cannot be shown again."""

    code = "already_onboarded"


class OnboardingInProgress(PermanentError):
    """Another call is onboarding this tenant at this moment."""

    code = "onboarding_in_progress"


class OnboardingFailed(PermanentError):
    """A step of the onboarding template failed; the same call, made again, completes it."""

    code = "onboarding_failed"


class RunsLive(PermanentError):
    """The tenant has runs that have not ended; it is suspended, and can be off-boarded when they have."""

    code = "runs_live"


class KeyInGrace(PermanentError):
    """The key was replaced and is in its grace period: it is good for runs, not for managing keys."""

    code = "key_in_grace"


class KeyNotFound(PermanentError):
    """This tenant has no API key of that id."""

    code = "key_not_found"


class LastKey(PermanentError):
    """A tenant cannot revoke its last active key: nobody but the operator could let it in again. It can rotate."""

    code = "last_key"


class TooManyKeys(PermanentError):
    """So many of the tenant's keys are good that there can be no other."""

    code = "too_many_keys"


class ProviderUnknown(PermanentError):
    """Credentials of this provider are not kept; the message names those that are."""

    code = "provider_unknown"


class NotOurs(PermanentError):
    """A dataset or job of that name exists, but it does not bear this tenant's label."""

    code = "not_ours"


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class RunNotFound(PermanentError):
    """This tenant has no run of that id."""

    code = "run_not_found"


class BatchNotFound(PermanentError):
    """There is no batch of that id."""

    code = "batch_not_found"


class NothingFailed(PermanentError):
    """No run of the batch has failed: there is nothing to run again."""

    code = "nothing_failed"


class NotFound(PermanentError):
    """A dataset, table or job that was needed is not there."""

    code = "not_found"


class QueryFailed(PermanentError):
    """BigQuery refused or failed the query. `reason` is BigQuery's own (`invalidQuery`, …)."""

    code = "query_failed"

    def __init__(self, message: str, *, reason: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(message, faults=faults)
        self.reason = reason


class RowOutsidePartition(PermanentError):
    """The query returned a row of another day than the run's."""

    code = "row_outside_partition"


class SchemaMismatch(PermanentError):
    """The query's columns are not those of the schema template, or its columns not those of the table there."""

    code = "schema_mismatch"


class BytesLimitExceeded(PermanentError):
    """The query would bill more than `maximum_bytes_billed`."""

    code = "bytes_limit_exceeded"


class EmptyResult(PermanentError):
    """The query returned no row and the step says `on_empty: fail`."""

    code = "empty_result"


class MailRefused(PermanentError):
    """SendGrid refused the mail, or an address, subject or body is not one that may be sent."""

    code = "mail_refused"


class MailLimitReached(PermanentError):
    """A run sends at most 20 mails, a tenant at most 100 a day; an address counts as a mail."""

    code = "mail_limit_reached"


class RunDeadlineExceeded(PermanentError):
    """The run had not ended so long after it was accepted that it was given up (`RUN_DEADLINE_S`)."""

    code = "run_deadline_exceeded"


class RetriesExhausted(PermanentError):
    """A transient error lasted until the last delivery of the message."""

    code = "retries_exhausted"


class DeliveryExhausted(PermanentError):
    """No delivery of the run's message was answered, and now there are none left: the run is DEAD."""

    code = "delivery_exhausted"


class RunNotFailed(PermanentError):
    """Only a run that is FAILED or DEAD can be replayed."""

    code = "run_not_failed"


class AccessDenied(PermanentError):
    """This service account may not do that; the operator has to grant it."""

    code = "access_denied"


class PayloadRefused(PermanentError):
    """A service refused a call as malformed: our mistake, not the caller's."""

    code = "payload_refused"


class SettingsInvalid(PermanentError):
    """The environment lacks settings or has wrong ones; every one is named."""

    code = "settings_invalid"


# ── what may pass ───────────────────────────────────────────────────────────────────────────────────────────────────


class Unavailable(TransientError):
    """A service did not answer, or answered that it cannot now."""

    code = "service_unavailable"


class QuotaExceeded(TransientError):
    """A service asked us to slow down."""

    code = "quota_exceeded"


class RateLimited(TransientError):
    """Too many calls of this tenant, of this endpoint, or of all together; `Retry-After` says when to try again."""

    code = "rate_limited"

    def __init__(self, message: str, *, limit: int, window_s: int, wait_s: float) -> None:
        """`limit` calls are taken in `window_s` seconds; `wait_s` is when it is worth trying again."""
        super().__init__(message)
        self.limit, self.window_s, self.wait_s = limit, window_s, wait_s


class NotConfirmed(TransientError):
    """Pub/Sub has not confirmed a message: it may or may not have been published."""

    code = "publish_not_confirmed"


class StillRunning(TransientError):
    """A BigQuery job is alive but not done; a redelivery or continuation finds it again by its id."""

    code = "still_running"

    def __init__(self, message: str, *, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id
