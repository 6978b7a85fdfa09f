"""A rate of calls that adapts: up to a bound, less where the other side is busy, and slowly up again."""

import asyncio
import time
from collections.abc import Awaitable, Callable

# Onboarding makes six tables, and tables.insert takes 10 a second of one user (BigQuery's quotas page).
TENANTS_A_SECOND = 1.5
# Waits between calls while nothing is answered and nobody says how long to wait; the longest wait that is obeyed.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, LONGEST_RETRY_AFTER_S = 1.0, 60.0, 300.0
# The slowest is a part of the bound; of which a call that went well gives so much back.
_SLOWEST, _RISE = 1 / 32, 1 / 40
# A wait is looked at so often, because it may have become longer or shorter.
_LOOK_S = 0.05


class Pace:
    """When the next call may begin. One event loop's."""

    def __init__(
        self,
        most: float = TENANTS_A_SECOND,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`most` calls a second."""
        self.rate, self._most = most, most
        self._clock, self._sleep = clock, sleep
        self._next_s = self._slowed_s = self._paused_until_s = clock()
        self._pause_s = _FIRST_PAUSE_S
        self._line = asyncio.Lock()

    async def turn(self, stopped: Callable[[], bool]) -> bool:
        """Wait for a turn; False when stopped meanwhile. Turns come in the order in which they were asked for."""
        async with self._line:
            while not stopped():
                wait_s = self._next_s - self._clock()
                if wait_s <= 0:
                    # A wait that was a little too long is made up for, a long idle one is not.
                    self._next_s = max(self._next_s, self._clock() - _LOOK_S) + 1 / self.rate
                    return True
                await self._sleep(min(wait_s, _LOOK_S))
            return False

    def busy(self, began_s: float, retry_after_s: float | None) -> None:
        """A call that began then was turned away, or not answered: half the rate, and a pause for all.

        Calls that were under way when it was slowed last say nothing new of the rate.
        """
        now = self._clock()
        if began_s >= self._slowed_s:
            self.rate = max(self.rate / 2, self._most * _SLOWEST)
            self._slowed_s = now
            pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, _LONGEST_PAUSE_S)
        else:
            pause_s = 0.0
        if retry_after_s is not None:
            pause_s = min(retry_after_s, LONGEST_RETRY_AFTER_S)
        self._paused_until_s = max(self._paused_until_s, now + pause_s)
        self._next_s = max(self._next_s, self._paused_until_s)

    def well(self) -> None:
        """A call was answered."""
        self.rate = min(self.rate + self._most * _RISE, self._most)
        self._pause_s = _FIRST_PAUSE_S

    def cost_nothing(self) -> None:
        """A call made no table: the next one need not wait for it."""
        self._next_s = max(min(self._next_s, self._clock()), self._paused_until_s)
