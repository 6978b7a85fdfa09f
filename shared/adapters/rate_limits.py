"""Counting of requests for all instances together: in Redis, by the library `limits`.

A sliding window: the count of the window before, weighted by how much of it is still within the last minute, plus this
window's. No burst of twice the limit at a window's end, and Redis counts by its own clock (facts 33).
"""

import time
from functools import lru_cache

import limits
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from shared.errors import Unavailable
from shared.ports import Allowance

# A request waits no longer than this for a count: a limit is worth less than an answer.
STORE_TIMEOUT_S = 0.5


class StoredRateLimiter:
    """`ports.RateLimiter`; `store` is `redis://host:port/db` (`rediss://` with TLS)."""

    def __init__(self, store: str) -> None:
        waits = {"socket_timeout": STORE_TIMEOUT_S, "socket_connect_timeout": STORE_TIMEOUT_S}
        storage = storage_from_string(store, wrap_exceptions=True, **waits)
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    def hit(self, limit: str, *who: str) -> Allowance:
        """See the port."""
        item = _parsed(limit)
        try:
            allowed = self._limiter.hit(item, *who)
            reset, remaining = self._limiter.get_window_stats(item, *who)
        except StorageError as error:
            raise Unavailable(
                f"the store of rate limits does not answer ({type(error.storage_error).__name__})"
            ) from error
        window_s = item.get_expiry()
        # Where a full window becomes the one before, its first place is free one hit's share later.
        wait_s = max(reset - time.time(), 0.0) + window_s / item.amount
        return Allowance(allowed, item.amount, remaining if allowed else 0, window_s, min(wait_s, window_s))


@lru_cache
def _parsed(limit: str) -> limits.RateLimitItem:
    return limits.parse(limit)
