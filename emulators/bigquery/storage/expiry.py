"""Which partitions of a table have expired.

Source: https://cloud.google.com/bigquery/docs/managing-partitioned-tables#partition-expiration: a partition expires at
its own start, in UTC, plus `timePartitioning.expirationMs`; rows without a partition's date do not.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from emulators.bigquery import partitions
from emulators.bigquery.storage.database import Database

if TYPE_CHECKING:
    from emulators.bigquery.storage.records import TableRecord


class Expiry:
    """Looks into tables that have an expiration, once for each content and when the next partition is due."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked: dict[int, tuple[tuple[int, int, int], int | None]] = {}  # what was seen, when the next one is due

    def expired(self, table: TableRecord, now_ms: int) -> list[str]:
        """The partitions whose rows are to go; none for most tables, at the price of one look into their record."""
        lifetime_ms = table.partition_lifetime_ms
        if not lifetime_ms:
            return []
        seen = table.epoch, table.seq, lifetime_ms
        known, due_ms = self._looked.get(table.uid, (None, None))
        if known == seen and (due_ms is None or now_ms < due_ms):
            return []
        ends: dict[str, int] = {}
        for (part,) in self._database.rows("SELECT DISTINCT part FROM fragments WHERE uid = ?", table.uid):
            start = partitions.start_of(part)
            if start is not None:
                ends[part] = int(start.replace(tzinfo=UTC).timestamp() * 1000) + lifetime_ms
        gone = [part for part, end_ms in ends.items() if end_ms <= now_ms]
        self._looked[table.uid] = seen, min((end_ms for end_ms in ends.values() if end_ms > now_ms), default=None)
        return gone
