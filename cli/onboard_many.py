"""Onboard many tenants, several at once, each to one of a few ends; nothing that was answered is lost."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from cli.key_file import KeyFile
from cli.onboarding_answer import LEASE_S, Answer, unanswered, understood
from cli.pace import LONGEST_RETRY_AFTER_S, Pace
from cli.tenant_list import Newcomer
from shared.errors import ConvergenceError, PermanentError, RequestInvalid, Unavailable

# So many calls in flight: 1.5 a second, of ten seconds each.
AT_ONCE = 16
# An onboarding has 120 seconds of its own; a connection that answers nothing for longer never will.
ANSWER_TIMEOUT_S = 180.0
# Without any answer for so long, and longer than any wait that was asked for, the run stops.
PATIENCE_S = 2 * LONGEST_RETRY_AFTER_S
# So often a tenant is asked for, whatever stands in its way.
MOST_CALLS = 10
# A step of the onboarding that failed so often will not succeed by itself.
_MOST_FAILURES = 3

# `lost`: onboarded, and the answer that showed the key never came.
Result = Literal["onboarded", "there", "failed", "lost"]


@dataclass(frozen=True)
class Ended:
    """What became of a tenant. `code` and `message` say why it failed."""

    newcomer: Newcomer
    result: Result
    code: str = ""
    message: str = ""


class OnboardMany:
    """One run. What ends is handed to `tell` at once; `problem` is what stopped the run before its end."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        keys: KeyFile,
        pace: Pace,
        *,
        tell: Callable[[Ended], None],
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The client has the admin key, and a timeout of `ANSWER_TIMEOUT_S`; a clock counts seconds."""
        self._client, self._keys, self._pace, self._tell, self._clock = client, keys, pace, tell, clock
        self._slots = asyncio.Semaphore(at_once)
        self._stopped = asyncio.Event()
        self._answered_s = clock()
        self.problem: ConvergenceError | None = None

    def stop(self) -> None:
        """Begin no other call; those in flight are waited for, and their keys kept."""
        self._stopped.set()

    async def run(self, newcomers: Sequence[Newcomer]) -> None:
        """Onboard them, in this order as far as several at once have one, until all have ended or it was stopped."""
        self._answered_s = self._clock()
        async with asyncio.TaskGroup() as group:
            for one in newcomers:
                group.create_task(self._to_its_end(one))

    async def _to_its_end(self, one: Newcomer) -> None:
        """Ask until there is an end; of a stopped run there may be none."""
        # Asked for by an earlier run that was killed, or by a call without an answer: then a key may have been made.
        unknown = one.tenant_id in self._keys.unsettled
        answer, failures = None, 0
        for _ in range(MOST_CALLS):
            answer = await self._turn(one)
            if answer is None:
                return
            failures += answer.meaning == "again"
            if (ended := self._end(one, answer, unknown=unknown)) is not None:
                self._tell(ended)
                return
            unknown = unknown or answer.may_have_acted
            if not unknown:
                self._settle(one)
            if failures == _MOST_FAILURES:
                break
            if answer.meaning == "wait" and not await self._waited(answer.retry_after_s):
                return
        assert answer is not None
        self._tell(Ended(one, "failed", answer.code, f"{answer.message}; the same command tries again"))

    async def _turn(self, one: Newcomer) -> Answer | None:
        """One call, when it is its turn; None when the run stopped before. Sets the pace of those that follow."""
        async with self._slots:
            if not await self._pace.turn(self._stopped.is_set):
                return None
            began_s = self._clock()
            try:
                self._keys.ask(one.tenant_id)
                answer = understood(await self._client.post("/api/v1/customers/onboard", json=one.body), one.tenant_id)
            except httpx.RequestError as error:
                answer = unanswered(error)
            except PermanentError as error:
                self._halt(error)
                return None
        if answer.meaning == "busy":
            self._pace.busy(began_s, answer.retry_after_s)
            if self._clock() - self._answered_s > PATIENCE_S:
                self._halt(Unavailable(f"{self._client.base_url}: {answer.message}, for {PATIENCE_S:.0f} s"))
        else:
            self._pace.well()
            self._answered_s = self._clock()
        if answer.meaning in ("there", "refused", "wait", "stop"):
            self._pace.cost_nothing()
        return answer

    def _end(self, one: Newcomer, answer: Answer, *, unknown: bool) -> Ended | None:
        """What an answer ends with; None where the same call may bring more."""
        tenant_id = one.tenant_id
        if answer.api_key is not None:
            try:
                self._keys.add(tenant_id, answer.api_key)
            except PermanentError as error:
                self._halt(error)
                return Ended(one, "lost", "key_lost", "onboarded; its key could not be written")
            return Ended(one, "onboarded")
        if answer.meaning == "there" and unknown:
            return Ended(one, "lost", "key_lost", "onboarded; the answer that showed its key never came")
        if answer.meaning in ("there", "refused"):
            if not (unknown or answer.may_have_acted):
                self._settle(one)
            return Ended(one, "there" if answer.meaning == "there" else "failed", answer.code, answer.message)
        if answer.meaning == "stop":
            self._halt(RequestInvalid(answer.message))
        return None

    async def _waited(self, wait_s: float | None) -> bool:
        """Wait without a slot, so that others go on; False when the run stopped meanwhile."""
        try:
            wait_s = LEASE_S if wait_s is None else min(wait_s, LONGEST_RETRY_AFTER_S)
            await asyncio.wait_for(self._stopped.wait(), wait_s)
        except TimeoutError:
            return True
        return False

    def _settle(self, one: Newcomer) -> None:
        try:
            self._keys.settle(one.tenant_id)
        except PermanentError as error:
            self._halt(error)

    def _halt(self, problem: ConvergenceError) -> None:
        self.problem = self.problem or problem
        self.stop()
