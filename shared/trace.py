"""The trace that a request belongs to, so that Cloud Logging shows its lines together."""

import re


def trace_of(header: str | None) -> str | None:
    """The trace id in `X-Cloud-Trace-Context: TRACE/SPAN;o=1`, or None.

    >>> trace_of("105445aa7843bc8bf206b12000100000/1;o=1")
    '105445aa7843bc8bf206b12000100000'
    """
    found = re.match(r"([0-9a-f]{32})(?:/|$)", header or "")
    return found[1] if found else None
