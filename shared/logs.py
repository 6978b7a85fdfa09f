"""One JSON line an event, in the field names that Cloud Logging reads (structured logging page).

An event has a fixed name and fields; never a payload, a key, a credential, or BigQuery's text: it may quote values.
"""

import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

Severity = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never changed, only replaced


@contextmanager
def log_context(**labels: str | None) -> Iterator[None]:
    """Put tenant, run, trace and the like on every line that is logged inside."""
    token = _context.set({**_context.get(), **{name: value for name, value in labels.items() if value}})
    try:
        yield
    finally:
        _context.reset(token)


def label(**labels: str) -> None:
    """Put these, too, on every line that is logged from here to the end of the innermost `log_context`."""
    _context.set({**_context.get(), **labels})


def log(event: str, severity: Severity = "INFO", **fields: Any) -> None:
    """Write one line to stderr."""
    labels = dict(_context.get())
    line: dict[str, Any] = {"severity": severity, "message": event, "event": event, **fields}
    if trace := labels.pop("trace", None):
        line["logging.googleapis.com/trace"] = trace
    if labels:
        line["logging.googleapis.com/labels"] = labels
    sys.stderr.write(json.dumps(line, default=str) + "\n")


def log_bug(event: str, error: BaseException) -> None:
    """Write where an unexpected error was raised, and its type; its text may quote values and stays out."""
    frames = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    log(event, "ERROR", error_type=type(error).__name__, where=frames)
