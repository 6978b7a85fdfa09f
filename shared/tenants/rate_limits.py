"""How often who may call: per tenant, per endpoint, and all together (rules 2).

The tenant's own layer is asked first: what is refused there takes nothing from the layers that all share, so that one
tenant's loop costs the others nothing.
"""

import threading
from datetime import datetime, timedelta

from shared.errors import RateLimited, Unavailable
from shared.logs import log
from shared.ports import Allowance, Clock, RateLimiter
from shared.settings import Settings

# A store that did not answer is left alone for so long: else each request would wait for it.
STORE_PAUSE_S = 5.0


class RateLimits:
    """The platform's limits over one store. `spare` counts in this instance alone while the store is down."""

    def __init__(self, store: RateLimiter, spare: RateLimiter, clock: Clock, settings: Settings) -> None:
        self._store, self._spare, self._clock, self._settings = store, spare, clock, settings
        self._store_down_until: datetime | None = None
        self._pausing = threading.Lock()

    def look_up(self, address: str) -> None:
        """A key is to be looked up. Raises RateLimited: guesses must not use up BigQuery's quota (facts 1)."""
        self._hit(
            self._settings.rate_limit_lookups_per_address, "look-ups of keys from your address", "address", address
        )
        self._hit(self._settings.rate_limit_lookups, "look-ups of keys", "look-ups")

    def run(self, tenant_id: str) -> Allowance:
        """The tenant asks for a run; what is left to it. Raises RateLimited."""
        allowance = self._hit(self._settings.rate_limit_runs, f"runs of tenant {tenant_id}", "runs", tenant_id)
        self._shared("run")
        return allowance

    def read(self, endpoint: str, tenant_id: str) -> Allowance:
        """The tenant asks for anything else. Raises RateLimited."""
        allowance = self._hit(
            self._settings.rate_limit_reads, f"calls of tenant {tenant_id} other than runs", "reads", tenant_id
        )
        self._shared(endpoint)
        return allowance

    def admin(self, endpoint: str) -> None:
        """The operator calls. Raises RateLimited, or Unavailable while the store is down: onboarding makes things."""
        self._shared(endpoint, strictly=True)

    def _shared(self, endpoint: str, *, strictly: bool = False) -> None:
        per_endpoint, everything = self._settings.rate_limit_endpoint, self._settings.rate_limit_global
        self._hit(per_endpoint, "all calls of this endpoint together", "endpoint", endpoint, strictly=strictly)
        self._hit(everything, "all calls together", "global", strictly=strictly)

    def _hit(self, limit: str, what: str, *who: str, strictly: bool = False) -> Allowance:
        allowance = self._counted(limit, *who, strictly=strictly)
        if not allowance.allowed:
            raise RateLimited(
                f"{what}: at most {limit.replace('/', ' a ')}; try again in {allowance.wait_s:.0f} s",
                limit=allowance.limit,
                window_s=allowance.window_s,
                wait_s=allowance.wait_s,
            )
        return allowance

    def _counted(self, limit: str, *who: str, strictly: bool) -> Allowance:
        if not self._is_pausing():
            try:
                return self._store.hit(limit, *who)
            except Unavailable as error:
                self._pause(error)
        if strictly:
            raise Unavailable("the store of rate limits does not answer")
        return self._spare.hit(limit, *who)

    def _is_pausing(self) -> bool:
        until = self._store_down_until
        return until is not None and self._clock.now() < until

    def _pause(self, error: Unavailable) -> None:
        """Leave the store alone. Of the requests that find it down at the same time, one says so."""
        with self._pausing:
            if self._is_pausing():
                return
            self._store_down_until = self._clock.now() + timedelta(seconds=STORE_PAUSE_S)
        log("rate_limit_store_down", "ERROR", detail=error.message)
