"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The time as the machine knows it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that asks
