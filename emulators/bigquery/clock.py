"""The default clock."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock
