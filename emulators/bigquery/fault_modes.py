"""What the real service does now and then, done on demand: a client can then be tested against it.

Each mode is off until it is given how long it lasts, in calls or in seconds of the service's clock:
- `job_not_found_after_conflict`: jobs.get answers 404 for an id that jobs.insert has just refused with 409
  (https://github.com/googleapis/python-bigquery/issues/2134).
- `batch_jobs_pending`, in seconds: a query of BATCH priority stays PENDING so long after its creation
  (https://cloud.google.com/bigquery/docs/query-queues).
- `new_columns_unknown`: insertAll does not know the columns that a table has just gained
  (https://cloud.google.com/bigquery/docs/error-messages, "metadata errors for streaming inserts").
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulators.bigquery.errors import invalid
from emulators.bigquery.schemas import Fields

_MODES = {
    "job_not_found_after_conflict": {"calls", "seconds"},
    "batch_jobs_pending": {"seconds"},
    "new_columns_unknown": {"calls", "seconds"},
}


@dataclass
class _Window:
    """How long an effect that has begun still lasts."""

    calls: int | None = None
    until_ms: float = 0.0

    def take(self, now_ms: int) -> bool:
        """Whether the effect still lasts; counts this call."""
        if self.calls is None:
            return now_ms < self.until_ms
        self.calls -= 1
        return self.calls >= 0


class FaultModes:
    """Which modes are on, and the effects that have begun. For any thread."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """All off, and no effect lasts."""
        with self._lock:
            self._spans: dict[str, dict[str, float]] = {}
            self._hidden: dict[tuple[str, str], _Window] = {}
            self._unknown: dict[int, dict[str, _Window]] = {}

    def shown(self) -> dict[str, Any]:
        """The modes that are on."""
        with self._lock:
            return {name: dict(span) for name, span in self._spans.items()}

    def change(self, given: dict[str, Any]) -> None:
        """Switch the named modes on, or off by null; the others stay. Raises invalid and then changes nothing."""
        spans = {name: _checked(name, span) for name, span in given.items()}
        with self._lock:
            for name, span in spans.items():
                if span is None:
                    self._spans.pop(name, None)
                else:
                    self._spans[name] = span

    def conflict(self, project: str, job_id: str) -> None:
        """A job's id was refused because it is used: from the first time on jobs.get may not find the job."""
        with self._lock:
            window = self._window("job_not_found_after_conflict")
            if window is not None:
                self._hidden.setdefault((project, job_id), window)

    def hides(self, project: str, job_id: str) -> bool:
        """Whether this call of jobs.get does not find a job that is there."""
        with self._lock:
            window = self._hidden.get((project, job_id))
            return window is not None and window.take(self._now_ms())

    def pending_ms(self, priority: str) -> int:
        """How long after its creation a query of this priority starts."""
        with self._lock:
            span = self._spans.get("batch_jobs_pending") if priority == "BATCH" else None
            return int(span["seconds"] * 1000) if span else 0

    def schema_changed(self, uid: int, old: Fields, new: Fields) -> None:
        """A table has another schema."""
        with self._lock:
            for path in sorted(_paths(new) - _paths(old)):
                window = self._window("new_columns_unknown")
                if window is not None:
                    self._unknown.setdefault(uid, {})[path] = window

    def known_to_streaming(self, uid: int, fields: Fields) -> Fields:
        """The schema as this call of insertAll sees it: without the columns that are too new."""
        with self._lock:
            windows = self._unknown.get(uid)
            if not windows:
                return fields
            now = self._now_ms()
            unknown = {path for path, window in windows.items() if window.take(now)}
        return _without(fields, unknown) if unknown else fields

    def _window(self, name: str) -> _Window | None:
        span = self._spans.get(name)
        if span is None:
            return None
        if "calls" in span:
            return _Window(calls=int(span["calls"]))
        return _Window(until_ms=self._now_ms() + span["seconds"] * 1000)


def _checked(name: str, span: Any) -> dict[str, float] | None:
    if name not in _MODES:
        raise invalid(f"no fault mode '{name}'; known: {', '.join(sorted(_MODES))}")
    if span is None:
        return None
    ways = _MODES[name]
    if not isinstance(span, dict) or len(span) != 1 or set(span) - ways:
        raise invalid(f"fault mode {name}: expected an object with one of {', '.join(sorted(ways))}")
    ((way, value),) = span.items()
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole or (way == "seconds" and isinstance(value, float))) or value < 0:
        raise invalid(f"fault mode {name}: {way} must be a number and not negative")
    return {way: value}


def _paths(fields: Fields, prefix: str = "") -> set[str]:
    """Every field with those around it, in lower case."""
    found: set[str] = set()
    for field in fields:
        path = f"{prefix}{field['name'].lower()}"
        found |= {path} | _paths(field.get("fields") or [], f"{path}.")
    return found


def _without(fields: Fields, paths: set[str], prefix: str = "") -> Fields:
    kept: Fields = []
    for field in fields:
        path = f"{prefix}{field['name'].lower()}"
        if path in paths:
            continue
        inner = field.get("fields")
        kept.append(field | {"fields": _without(inner, paths, f"{path}.")} if inner else field)
    return kept
