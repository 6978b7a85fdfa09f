"""Counting of requests in this instance alone, under one lock, without a thread.

The same sliding window as in Redis (`shared/adapters/rate_limits.py`). The memory of the library `limits` is not used:
it starts a thread up to a hundred times a second, and each of them walks through the counters of all tenants.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from shared.ports import Allowance

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_LIMIT = re.compile(rf"(?P<most>[1-9][0-9]*)/(?P<window>{'|'.join(_SECONDS)})")
# The moment at which a place becomes free is the last one at which it is not.
_AFTER_S = 0.001


class MemoryRateLimiter:
    """`ports.RateLimiter`. It keeps counts of two windows, and drops the older ones all at once as time goes on.

    `now` is in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now, self._lock = now, threading.Lock()
        self._windows: dict[int, tuple[int, Counter[tuple[str, ...]], Counter[tuple[str, ...]]]] = {}

    def hit(self, limit: str, *who: str) -> Allowance:
        """See the port. Raises ValueError for what is no limit."""
        most, window_s = _parsed(limit)
        key = (limit, *who)
        with self._lock:
            now = self._now()
            before, here = self._counts(window_s, int(now // window_s))
            gone = now % window_s / window_s
            past, current = before[key], here[key]
            allowed = past * (1 - gone) + current < most
            if allowed:
                here[key] += 1
                left = most - int(past * (1 - gone) + current + 1)
                return Allowance(True, most, left, window_s, window_s * (1 - gone))
        # Either enough of the window before has to pass, or this window has to become the one before.
        free = 1 - (most - current) / past if current < most else 1.0
        return Allowance(False, most, 0, window_s, min(window_s * (free - gone) + _AFTER_S, window_s))

    def _counts(self, window_s: int, number: int) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        """The counts of the window before, and of the one with this number. A clock set back stays in its window."""
        at, before, here = self._windows.get(window_s, (number, Counter(), Counter()))
        if number > at:
            at, before, here = number, here if number == at + 1 else Counter(), Counter()
        self._windows[window_s] = at, before, here
        return before, here


@lru_cache
def _parsed(limit: str) -> tuple[int, int]:
    """Hits and seconds.

    >>> _parsed("50/minute")
    (50, 60)
    """
    found = _LIMIT.fullmatch(limit)
    if not found:
        raise ValueError(f"{limit!r} is no limit; one is written 50/minute, by {', '.join(_SECONDS)}")
    return int(found["most"]), _SECONDS[found["window"]]
