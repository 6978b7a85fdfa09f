"""The trace that a request belongs to, so that Cloud Logging shows its lines together."""

import re


def trace_of(header: str | None) -> str | None:
    """The trace id in `X-Cloud-Trace-Context: TRACE/SPAN;o=1`, or None.

    >>> trace_of("105445aa7843bc8bf206b12000100000/1;o=1")
    '105445aa7843bc8bf206b12000100000'
    """
    found = re.match(r"([0-9a-f]{32})(?:/|$)", header or "")
    return found[1] if found else None


def trace_name(header: str | None, project: str) -> str | None:
    """The trace as Cloud Logging wants it in `logging.googleapis.com/trace`: an id alone links to nothing.

    https://cloud.google.com/trace/docs/trace-log-integration

    >>> trace_name("105445aa7843bc8bf206b12000100000/1;o=1", "my-project")
    'projects/my-project/traces/105445aa7843bc8bf206b12000100000'
    """
    found = trace_of(header)
    return f"projects/{project}/traces/{found}" if found else None
