"""Every error the embedded BigQuery answers with, shaped as the REST API shapes it.

Source: https://cloud.google.com/bigquery/docs/error-messages and the `ErrorProto` of the REST reference.
"""

from __future__ import annotations

from typing import Any

from emulators import storage_full


class ApiError(Exception):
    """An answer that is not 2xx: HTTP status, `reason` of the error table, message, and where it lies.

    `location` is BigQuery's: `query` for errors in SQL, a table or dataset id for resources.
    """

    def __init__(self, status: int, reason: str, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.location = location

    def proto(self) -> dict[str, str]:
        """The `ErrorProto` of this error, as it stands in a job's status."""
        proto = {"reason": self.reason, "message": self.message}
        if self.location is not None:
            proto["location"] = self.location
        return proto

    def body(self) -> dict[str, Any]:
        """The JSON body of the HTTP answer."""
        item = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location is not None:
            item |= {"location": self.location, "locationType": "header" if self.status == 401 else "other"}
        status = STATUS_NAMES.get(self.status, "UNKNOWN")
        return {"error": {"code": self.status, "message": self.message, "errors": [item], "status": status}}


STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}

# HTTP status of a failed job's errorResult when it is reported by an HTTP answer (error table of the docs).
HTTP_STATUS = {
    "accessDenied": 403,
    "backendError": 503,
    "billingNotEnabled": 403,
    "bytesBilledLimitExceeded": 400,
    "duplicate": 409,
    "internalError": 500,
    "invalid": 400,
    "invalidQuery": 400,
    "notFound": 404,
    "notImplemented": 501,
    "responseTooLarge": 403,
    "resourceInUse": 400,
    "stopped": 499,
    "timeout": 400,
}


def from_proto(proto: dict[str, str]) -> ApiError:
    """The HTTP error that reports a job's stored `ErrorProto`."""
    status = HTTP_STATUS.get(proto["reason"], 400)
    return ApiError(status, proto["reason"], proto["message"], proto.get("location"))


def not_implemented(what: str) -> ApiError:
    """The honest no: the real service may do this, the embedded one does not."""
    return ApiError(501, "notImplemented", f"The embedded BigQuery does not implement {what}.")


def invalid(message: str, location: str | None = None) -> ApiError:
    """A request or configuration that BigQuery refuses."""
    return ApiError(400, "invalid", message, location)


def invalid_query(message: str) -> ApiError:
    """SQL that BigQuery refuses, or that fails as it runs."""
    return ApiError(400, "invalidQuery", message, "query")


def disk_full() -> ApiError:
    """No space to write: what Google's clients try again."""
    return ApiError(503, "backendError", storage_full.MESSAGE)


def not_found(message: str) -> ApiError:
    """A resource that is not there."""
    return ApiError(404, "notFound", message)


def duplicate(message: str) -> ApiError:
    """A resource that is there already."""
    return ApiError(409, "duplicate", message)
