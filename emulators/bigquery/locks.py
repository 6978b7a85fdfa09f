"""One lock for each table that somebody holds or waits for, and none for the others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class TableLocks:
    """Locks by a table's uid; a lock is forgotten with its last user, so they never outnumber the threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[int, tuple[threading.Lock, int]] = {}  # and how many hold it or wait for it

    def __len__(self) -> int:
        return len(self._locks)

    @contextlib.contextmanager
    def holding(self, uid: int) -> Iterator[None]:
        """Nobody else is in here for this table meanwhile."""
        with self._guard:
            lock, users = self._locks.get(uid) or (threading.Lock(), 0)
            self._locks[uid] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                users = self._locks[uid][1]
                if users == 1:
                    del self._locks[uid]
                else:
                    self._locks[uid] = lock, users - 1
