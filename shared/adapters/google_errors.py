"""Google's errors in ours: one table, used around every call.

BigQuery says why in a `reason` (https://cloud.google.com/bigquery/docs/error-messages); elsewhere the class says it.
What is not in the tables passes untouched: it is a bug of ours until somebody has decided what to do about it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth

from shared.errors import (
    AccessDenied,
    BytesLimitExceeded,
    ConvergenceError,
    NotFound,
    PayloadRefused,
    QueryFailed,
    QuotaExceeded,
    TransientError,
    Unavailable,
)

# Every reason of BigQuery's error table, of an answer or of a job that failed, and what it is in our words. Of the
# permanent ones only a query's own keep BigQuery's text.
REASONS: dict[str, type[ConvergenceError]] = {
    "accessDenied": AccessDenied,
    "attributeError": QueryFailed,
    "backendError": Unavailable,
    "badGateway": Unavailable,
    "badRequest": PayloadRefused,
    "billingNotEnabled": AccessDenied,
    "billingTierLimitExceeded": QueryFailed,
    "blocked": AccessDenied,
    "bytesBilledLimitExceeded": BytesLimitExceeded,
    "duplicate": PayloadRefused,
    "internalError": Unavailable,
    "invalid": PayloadRefused,
    "invalidQuery": QueryFailed,
    "invalidUser": AccessDenied,
    "jobBackendError": Unavailable,
    "jobInternalError": Unavailable,
    "jobRateLimitExceeded": QuotaExceeded,
    "notFound": NotFound,
    "notImplemented": QueryFailed,
    "proxyAuthenticationRequired": AccessDenied,
    "quotaExceeded": QuotaExceeded,
    "rateLimitExceeded": QuotaExceeded,
    "resourceInUse": PayloadRefused,
    "resourcesExceeded": QueryFailed,
    "responseTooLarge": QueryFailed,
    "stopped": QueryFailed,
    "tableUnavailable": Unavailable,
    "timeout": Unavailable,
}

# The first class that fits is taken, so that subclasses stand before their bases.
CLASSES: tuple[tuple[type[Exception], type[ConvergenceError]], ...] = (
    (google.TooManyRequests, QuotaExceeded),  # and ResourceExhausted
    (google.NotFound, NotFound),
    (google.Unauthorized, AccessDenied),  # and Unauthenticated
    (google.Forbidden, AccessDenied),  # and PermissionDenied
    (google.MethodNotImplemented, QueryFailed),
    (google.GatewayTimeout, Unavailable),  # and DeadlineExceeded
    (google.Aborted, Unavailable),
    (google.Cancelled, Unavailable),  # 499: the call was ended on its way, as a rule by a channel that closed
    (google.ServerError, Unavailable),  # 500, 502, 503, 504 and what gRPC calls internal, unknown, unavailable
    (google.RetryError, Unavailable),
    (google.ClientError, PayloadRefused),  # 400, 409, 412, 416, …: our call was wrong
    (auth.TransportError, Unavailable),
    (auth.RefreshError, Unavailable),
    (requests.ConnectionError, Unavailable),
    (requests.Timeout, Unavailable),
    (requests.exceptions.ChunkedEncodingError, Unavailable),  # the connection broke in the middle of an answer
    (ConnectionError, Unavailable),
    (TimeoutError, Unavailable),
)


def class_of(error: Exception) -> type[ConvergenceError] | None:
    """What the error is in our words; None for what passes untouched."""
    if type(error) is google.GoogleAPICallError and error.code is not None:
        # A status that has no class of its own: 408 and 5xx may pass, others say that our call was wrong (413, 422, …).
        return Unavailable if error.code == 408 or error.code >= 500 else PayloadRefused
    return next((ours for vendor, ours in CLASSES if isinstance(error, vendor)), None)


def _said(error: Exception) -> tuple[str, str]:
    """BigQuery's reason in an answer, or '', and its message: the exception's own adds the address and the job."""
    details = getattr(error, "errors", None) or ()
    first = details[0] if details and isinstance(details[0], dict) else {}
    return str(first.get("reason", "")), str(first.get("message") or getattr(error, "message", "") or error)


def may_pass(reason: str) -> bool:
    """Whether a job that failed for this reason of BigQuery's may succeed when it is made again."""
    return issubclass(REASONS.get(reason, QueryFailed), TransientError)


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Raise our error for Google's, `from` it. The message is BigQuery's where a query failed, else the class alone."""
    try:
        yield
    except Exception as error:
        ours = class_of(error)
        if ours is None:
            raise
        reason, text = _said(error)
        said = REASONS.get(reason)
        if said is QuotaExceeded:
            raise said(f"{service} asks to slow down: {reason}") from error
        if said is Unavailable:
            raise said(f"{service} cannot now: {reason}") from error
        if said is QueryFailed:
            raise QueryFailed(f"{reason}: {text}", reason=reason) from error
        raise ours(f"{service}: {type(error).__name__}{f' ({reason})' if reason else ''}: {text}") from error
