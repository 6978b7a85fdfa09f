"""Which rows of insertAll have come already.

Source: https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency (insertId: best effort, at
least one minute)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

_REMEMBER_MS = 60_000


class InsertIds:
    """The insertIds of the last minute, of all tables, in the order they came; used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[int, str], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def take(self, uid: int, insert_id: str, now_ms: int) -> bool:
        """Whether the id is new to the table; from then on it is not, for a minute."""
        with self._lock:
            while self._seen and next(iter(self._seen.values())) <= now_ms - _REMEMBER_MS:
                self._seen.popitem(last=False)
            if (uid, insert_id) in self._seen:
                return False
            self._seen[uid, insert_id] = now_ms
            return True

    def give_back(self, uid: int, insert_ids: Iterable[str | None]) -> None:
        """Forget ids whose rows were not stored after all, so that the caller can send them again."""
        with self._lock:
            for one in insert_ids:
                if one:
                    self._seen.pop((uid, one), None)
