"""Google's errors in ours: every class of theirs has been decided upon."""

import inspect
from typing import Any, cast

import pytest
import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth

from shared.adapters.google_errors import REASONS, class_of, may_pass, translated
from shared.errors import (
    AccessDenied,
    ConvergenceError,
    NotFound,
    PayloadRefused,
    PermanentError,
    QueryFailed,
    QuotaExceeded,
    TransientError,
    Unavailable,
)

_untyped: Any = google
# Bases that are never raised themselves, and mistakes in how the clients are used: bugs, which pass untouched.
PASSING = {
    google.GoogleAPIError,
    google.GoogleAPICallError,
    google.DuplicateCredentialArgs,
    google.AsyncRestUnsupportedParameterError,
    google.Redirection,
    google.MovedPermanently,
    google.NotModified,
    google.TemporaryRedirect,
    google.ResumeIncomplete,
    # Of resumable uploads, which we do not make.
    google.ResumableTransferError,
    google.MissingStatusHeaderError,
    google.TransferStalledError,
    google.UnseekableStreamError,
    google.UploadCancelledError,
}
ALL = [kind for _, kind in inspect.getmembers(google, inspect.isclass) if issubclass(kind, Exception)]


def made(kind: type[Exception], **given: object) -> Exception:
    if kind is google.RetryError:
        return cast(Exception, _untyped.RetryError("x", None))
    return kind("x", **given)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_class_is_translated_or_passes_on_purpose(kind: type[Exception]) -> None:
    translated_to = class_of(kind.__new__(kind)) if kind in PASSING else class_of(made(kind))
    assert (translated_to is None) == (kind in PASSING)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (google.TooManyRequests, QuotaExceeded),
        (google.ResourceExhausted, QuotaExceeded),
        (google.ServiceUnavailable, Unavailable),
        (google.InternalServerError, Unavailable),
        (google.DeadlineExceeded, Unavailable),
        (google.Aborted, Unavailable),
        (google.Cancelled, Unavailable),
        (google.RetryError, Unavailable),
        (google.NotFound, NotFound),
        (google.PermissionDenied, AccessDenied),
        (google.Unauthenticated, AccessDenied),
        (google.InvalidArgument, PayloadRefused),
        (google.FailedPrecondition, PayloadRefused),
        (google.Conflict, PayloadRefused),
        (auth.TransportError, Unavailable),
        (auth.RefreshError, Unavailable),
        (requests.ConnectionError, Unavailable),
        (requests.ReadTimeout, Unavailable),
        (requests.exceptions.ChunkedEncodingError, Unavailable),
        (ConnectionResetError, Unavailable),
        (TimeoutError, Unavailable),
    ],
)
def test_a_class_means_what_to_do_next(kind: type[Exception], expected: type[ConvergenceError]) -> None:
    with pytest.raises(expected) as caught, translated("BigQuery"):
        raise made(kind)
    assert type(caught.value) is expected
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize(
    ("status", "expected"), [(408, Unavailable), (413, PayloadRefused), (422, PayloadRefused), (507, Unavailable)]
)
def test_a_status_without_a_class_is_sorted_by_its_number(status: int, expected: type[ConvergenceError]) -> None:
    with pytest.raises(expected), translated("BigQuery"):
        raise _untyped.from_http_status(status, "x")


# The reasons of the page "Error messages" of BigQuery's documentation, and what the page advises to do.
RETRIED = {
    "backendError", "badGateway", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded",
    "quotaExceeded", "rateLimitExceeded", "tableUnavailable", "timeout",
}  # fmt: skip
FINAL = {
    "accessDenied", "attributeError", "badRequest", "billingNotEnabled", "billingTierLimitExceeded", "blocked",
    "bytesBilledLimitExceeded", "duplicate", "invalid", "invalidQuery", "invalidUser", "notFound", "notImplemented",
    "proxyAuthenticationRequired", "resourceInUse", "resourcesExceeded", "responseTooLarge", "stopped",
}  # fmt: skip


def test_every_reason_of_bigquery_is_sorted_as_its_page_advises() -> None:
    assert {reason for reason in REASONS if may_pass(reason)} == RETRIED
    assert {reason for reason in REASONS if not may_pass(reason)} == FINAL


def test_a_reason_that_nobody_knows_is_for_good() -> None:
    assert not may_pass("somethingNew")


@pytest.mark.parametrize("reason", sorted(RETRIED))
@pytest.mark.parametrize("kind", [google.Forbidden, google.BadRequest, google.ServiceUnavailable])
def test_bigquerys_reason_counts_for_more_than_the_class(kind: type[Exception], reason: str) -> None:
    with pytest.raises(TransientError), translated("BigQuery"):
        raise made(kind, errors=[{"reason": reason}])


@pytest.mark.parametrize("reason", ["invalidQuery", "resourcesExceeded"])
def test_a_wrong_query_keeps_bigquerys_words(reason: str) -> None:
    with pytest.raises(QueryFailed) as caught, translated("BigQuery"):
        raise _untyped.BadRequest("Syntax error at [1:1]", errors=[{"reason": reason}])
    assert (caught.value.reason, caught.value.message) == (reason, f"{reason}: Syntax error at [1:1]")


@pytest.mark.parametrize("kind", [KeyError, ValueError, auth.DefaultCredentialsError, google.DuplicateCredentialArgs])
def test_what_nobody_decided_about_passes_untouched(kind: type[Exception]) -> None:
    with pytest.raises(kind), translated("BigQuery"):
        raise kind("x")


def test_our_own_errors_pass_untouched() -> None:
    with pytest.raises(PermanentError) as caught, translated("BigQuery"):
        raise QueryFailed("x", reason="invalidQuery")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("errors", [None, [], ["text"], [{}], [{"reason": None}]])
def test_an_answer_without_a_reason_is_sorted_by_its_class(errors: list[object] | None) -> None:
    with pytest.raises(NotFound), translated("BigQuery"):
        raise _untyped.NotFound("x", errors=errors or ())
