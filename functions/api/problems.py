"""Errors as RFC 9457 problem documents."""

from math import ceil
from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from functions.api.access import rate_limit_headers
from shared import errors
from shared.errors import ConvergenceError, Fault
from shared.logs import log, log_bug

# What each error means to a caller. What is not listed is our fault: 503 when it may pass, else 500.
STATUS: dict[type[ConvergenceError], int] = {
    errors.RequestInvalid: 400,
    errors.VariablesInvalid: 400,
    errors.MailRefused: 400,
    errors.MailLimitReached: 400,
    errors.KeyRejected: 401,
    errors.WrongTenant: 403,
    errors.TenantSuspended: 403,
    errors.TemplateNotFound: 404,
    errors.RunNotFound: 404,
    errors.RunNotFailed: 409,
    errors.TenantUnknown: 404,
    errors.TenantIdRefused: 409,
    errors.AlreadyOnboarded: 409,
    errors.OnboardingInProgress: 409,
    errors.OnboardingFailed: 502,
    errors.RunsLive: 409,
    errors.KeyInGrace: 403,
    errors.KeyNotFound: 404,
    errors.LastKey: 409,
    errors.TooManyKeys: 409,
    errors.ProviderUnknown: 404,
    errors.BatchNotFound: 404,
    errors.NothingFailed: 409,
    errors.IdempotencyMismatch: 409,
    errors.RateLimited: 429,
}
# What stands in the way now, and when it is worth asking again: a lease ends after a minute.
RETRY_AFTER_S: dict[type[ConvergenceError], int] = {errors.OnboardingInProgress: 60, errors.RunsLive: 60}
# What any call may end with through no fault of its caller: services that refuse us, and services that do not answer.
FAILURES = (
    errors.AccessDenied, errors.NotFound, errors.NotOurs, errors.PayloadRefused, errors.QueryFailed,
    errors.SettingsInvalid,
)  # fmt: skip
PASSING_FAILURES = (errors.Unavailable, errors.QuotaExceeded)
# What HTTP itself refuses, before a view or for its body: status → code and meaning.
HTTP_CODES = {
    400: ("bad_request", "The request is not one of HTTP, or was cut off."),
    404: ("route_not_found", "No call has this path."),
    405: ("method_not_allowed", "The path takes other methods; `Allow` names them."),
    408: ("body_incomplete", "The client stopped sending its body for more than 5 seconds."),
    413: ("body_too_large", "A body has at most 64 KiB."),
    414: ("url_too_long", "A URL has at most 8 KiB."),
    415: ("media_type_refused", "Send JSON, with `Content-Type: application/json`, or none."),
}
INTERNAL_ERROR = ("internal_error", "Nobody foresaw this; the operator's log says where.")
# Templates are the operator's, but whoever calls has to know what to tell the operator: these texts are shown.
SHOWN_500 = (errors.TemplateInvalid, errors.SqlRefused, errors.IsolationRefused, errors.NotOurs)


def problem(status: int, code: str, detail: str, faults: tuple[Fault, ...] = ()) -> flask.Response:
    """A problem document. `title` is the code in words; `errors` has one entry for every single fault."""
    body: dict[str, Any] = {
        "type": f"urn:convergence:error:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [{"where": fault.where, "code": fault.code, "message": fault.message} for fault in faults],
    }
    response = flask.jsonify(body)
    response.status_code, response.content_type = status, "application/problem+json"
    return response


def status_of(kind: type[ConvergenceError]) -> int:
    """The HTTP status of an error.

    >>> status_of(errors.TemplateNotFound), status_of(errors.NotConfirmed), status_of(errors.SqlRefused)
    (404, 503, 500)
    """
    listed = next((STATUS[base] for base in kind.__mro__ if base in STATUS), None)
    return listed or (503 if issubclass(kind, errors.TransientError) else 500)


def from_error(error: ConvergenceError) -> flask.Response:
    """The problem document of one of our errors."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 0)
    if isinstance(error, errors.RateLimited):
        log("rate_limited", "WARNING", detail=error.message)
        response = problem(status, error.code, error.message)
        response.headers["Retry-After"] = str(ceil(error.wait_s))
        response.headers.update(rate_limit_headers(error.limit, 0, error.window_s, error.wait_s))
        return response
    if status:
        if status >= 500:
            log("request_failed", "ERROR", error_code=error.code)
        response = problem(status, error.code, error.message, error.faults)
        if type(error) in RETRY_AFTER_S:
            response.headers["Retry-After"] = str(RETRY_AFTER_S[type(error)])
        return response
    if isinstance(error, errors.TransientError):
        log("request_unavailable", "ERROR", error_code=error.code)
        response = problem(503, error.code, "a service that this call needs does not answer now; try again")
        response.headers["Retry-After"] = "5"
        return response
    if isinstance(error, errors.SettingsInvalid):
        log("settings_invalid", "CRITICAL", missing=[f"{fault.where}: {fault.message}" for fault in error.faults])
        return problem(500, error.code, "this function is not set up; its log names what is missing")
    log("request_failed", "ERROR", error_code=error.code)
    if isinstance(error, SHOWN_500):
        return problem(500, error.code, error.message, error.faults)
    return problem(500, error.code, "the call failed; the operator's log says why")


def from_http(error: HTTPException) -> flask.Response:
    """The problem document of what Flask itself refuses: 404, 405, 413, …"""
    status = error.code or 500
    code = HTTP_CODES[status][0] if status in HTTP_CODES else (error.name or "error").lower().replace(" ", "_")
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    detail = error.description or error.name
    if status == 404:
        detail = "no call has this path; /docs lists those that there are"
    elif allowed:
        detail = f"this path does not take {flask.request.method[:20]}; it takes {allowed}"
    response = problem(status, code, detail)
    if allowed:
        response.headers["Allow"] = allowed
    return response


def from_bug(error: Exception) -> flask.Response:
    """What nobody foresaw. The log says where; the caller learns nothing that could be a secret."""
    log_bug("request_bug", error)
    return problem(
        500, "internal_error", "the call failed for a reason that nobody foresaw; the operator's log says where"
    )
