"""Remember what was read for a short time, never longer than promised."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.ports import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Fresh(Generic[K, V]):
    """Values by key, each at most `ttl_s` old, at most `size` of them; the ones not used for longest go first.

    The age counts from before the read, so that a slow read makes nothing live longer. An exception is not remembered.
    """

    def __init__(self, clock: Clock, *, ttl_s: float, size: int) -> None:
        self._clock, self._ttl, self._size = clock, timedelta(seconds=ttl_s), size
        self._kept: OrderedDict[K, tuple[datetime, V]] = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0

    def get(self, key: K, read: Callable[[], V]) -> V:
        """The value that is kept, or else the one that `read` returns. Two threads may read the same key at once."""
        asked = self._clock.now()
        with self._lock:
            kept = self._kept.get(key)
            if kept and asked - kept[0] < self._ttl:
                self._kept.move_to_end(key)
                return kept[1]
            forgotten = self._forgotten
        value = read()
        with self._lock:
            kept = self._kept.get(key)
            if forgotten != self._forgotten or (kept and kept[0] > asked):
                # Something has changed since the read began, or somebody looked later: good for this call only.
                return value
            self._kept[key] = (asked, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return value

    def forget(self, key: K) -> None:
        """Read again next time; a read that is under way at this moment is not remembered either."""
        with self._lock:
            self._kept.pop(key, None)
            self._forgotten += 1
