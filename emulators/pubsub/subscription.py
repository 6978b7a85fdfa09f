"""One subscription: what it holds, who gets it next, and what an answer means."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from emulators.pubsub import limits, tables
from emulators.pubsub.backlog import Backlog, Delivery
from emulators.pubsub.journal import Change
from emulators.pubsub.push import push

# https://cloud.google.com/pubsub/docs/push#push_backoff: 100 ms to 60 s where no retry policy says otherwise
_PUSH_BACKOFF_S = (0.1, 60.0)


class Owner(Protocol):
    """What a subscription needs of the broker."""

    @property
    def push_held(self) -> bool:
        """Whether nothing is to be pushed for now."""
        ...

    def write(self, changes: Sequence[Change]) -> "asyncio.Future[None]":
        """Write changes to the disk."""
        ...

    async def dead_letter(self, subscription: "Subscription", delivery: Delivery) -> bool:
        """Move a message to the dead letter topic; False if that is gone."""
        ...


class Subscription:
    """One subscription: its resource, its backlog, and its push task if it has an endpoint."""

    def __init__(self, broker: Owner, number: int, resource: Any) -> None:
        self._broker = broker
        self.number = number
        self.resource = resource
        self.backlog = Backlog()
        self._changed = asyncio.Event()
        self._push: asyncio.Task[None] | None = None
        self._moves: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Its full name."""
        return str(self.resource.name)

    @property
    def ack_deadline_s(self) -> float:
        """How long a delivery may take."""
        return float(self.resource.ack_deadline_seconds)

    @property
    def push_endpoint(self) -> str:
        """Where to push; empty for a pull subscription."""
        return str(self.resource.push_config.push_endpoint)

    @property
    def push_backoff_s(self) -> tuple[float, float]:
        """Least and greatest pause of the subscription after refused pushes."""
        return limits.backoff_s(self.resource) if self.resource.HasField("retry_policy") else _PUSH_BACKOFF_S

    def counted_attempt(self, delivery: Delivery) -> int | None:
        """The attempt that a subscriber is told; None where no dead letter policy counts them."""
        return delivery.attempt if self.resource.HasField("dead_letter_policy") else None

    def saved(self) -> Change:
        """The change that stores its resource."""
        return tables.save_subscription(self.name, self.number, self.resource.SerializeToString())

    def restart_push(self) -> None:
        """Push to the present endpoint, if it has one and pushing is not held."""
        if self._push is not None:
            self._push.cancel()
            self._push = None
        if self.push_endpoint and not self._broker.push_held:
            self._push = asyncio.create_task(push(self))

    async def stop_push(self) -> None:
        """Stop pushing and wait for that."""
        tasks = [*self._moves] if self._push is None else [self._push, *self._moves]
        if self._push is not None:
            self._push.cancel()
            self._push = None
        await asyncio.gather(*tasks, return_exceptions=True)

    async def set_push_config(self, push_config: Any) -> None:
        """Change where to push, or make it a pull subscription."""
        limits.check_push_config(push_config)
        before = type(push_config).FromString(self.resource.push_config.SerializeToString())
        self.resource.push_config.CopyFrom(push_config)
        try:
            await self._broker.write([self.saved()])
        except BaseException:
            self.resource.push_config.CopyFrom(before)
            raise
        self.restart_push()

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Messages to deliver from now on."""
        for delivery in deliveries:
            self.backlog.add(delivery)
        self._changed.set()

    async def next_delivery(self, not_before: Callable[[], float]) -> Delivery:
        """Wait for a delivery that is due and until `not_before()`, and lease it.

        For pushing: the lease is longer than the request's own timeout, which decides.
        """
        while True:
            now = time.monotonic()
            if not_before() <= now and (delivery := self._take(now, 2 * self.ack_deadline_s)) is not None:
                return delivery
            due = self.backlog.next_due()
            await self._change(None if due is None else max(due, not_before()) - now)

    async def pull(self, most: int, wait_s: float) -> list[Delivery]:
        """Up to `most` deliveries, at least one unless none came within `wait_s`."""
        deadline = time.monotonic() + wait_s
        while True:
            now = time.monotonic()
            for expired in self.backlog.expired(now):
                self.refuse(expired)
            taken: list[Delivery] = []
            while len(taken) < most and (delivery := self._take(now, self.ack_deadline_s)) is not None:
                taken.append(delivery)
            if taken or now >= deadline:
                return taken
            ends = (self.backlog.next_due(), self.backlog.next_lease_end(), deadline)
            await self._change(min(end for end in ends if end is not None) - now)

    def acknowledge(self, number: int) -> None:
        """Done with a message; again: nothing happens. Written behind."""
        if changes := self.removal(number):
            self._broker.write(changes)

    def removal(self, number: int) -> list[Change]:
        """Take a message out of the backlog; the changes that do so on disk."""
        delivery = self.backlog.remove(number)
        if delivery is None:
            return []
        changes = [tables.delete_delivery(self.number, number)]
        delivery.message.holders -= 1
        if delivery.message.holders == 0:
            changes.append(tables.delete_message(number))
        return changes

    def restore(self, deliveries: Iterable[Delivery]) -> None:
        """Take back what `removal` took out: the disk did not take the change."""
        for delivery in deliveries:
            delivery.message.holders += 1
            delivery.lease_ends = None
            self.backlog.add(delivery)
        self._changed.set()

    def refuse(self, delivery: Delivery) -> None:
        """A nack or an expired lease: deliver again after the retry policy's delay, or dead-letter it."""
        if self.backlog.get(delivery.message.number) is not delivery:
            return
        delivery.failures += 1
        policy = self.resource.dead_letter_policy
        if self.resource.HasField("dead_letter_policy") and delivery.failures >= policy.max_delivery_attempts:
            move = asyncio.create_task(self._dead_letter(delivery))
            self._moves.add(move)
            move.add_done_callback(self._moves.discard)
            return
        self._broker.write([tables.count_failures(self.number, delivery.message.number, delivery.failures)])
        self._deliver_again(delivery)

    def give_back(self, delivery: Delivery) -> None:
        """End a lease as if it had never begun."""
        if self.backlog.get(delivery.message.number) is delivery:
            self.backlog.put_back(delivery, time.monotonic())
            self._changed.set()

    def extend(self, delivery: Delivery, deadline_s: float) -> None:
        """Let a lease end `deadline_s` from now."""
        if delivery.lease_ends is not None:
            delivery.lease_ends = time.monotonic() + deadline_s
            self._changed.set()

    async def _dead_letter(self, delivery: Delivery) -> None:
        if not await self._broker.dead_letter(self, delivery):
            self._deliver_again(delivery)

    def _deliver_again(self, delivery: Delivery) -> None:
        delay_s = 0.0
        if self.resource.HasField("retry_policy"):
            least_s, most_s = limits.backoff_s(self.resource)
            # 2 ** 30 seconds is past every maximum, and no float overflows on the way there.
            delay_s = min(least_s * 2 ** min(delivery.failures - 1, 30), most_s)
        self.backlog.put_back(delivery, time.monotonic() + delay_s)
        self._changed.set()

    def _take(self, now: float, lease_s: float) -> Delivery | None:
        """The next delivery that is due and not older than the retention."""
        oldest = time.time() - limits.seconds(self.resource.message_retention_duration)
        while (delivery := self.backlog.take(now, lease_s)) is not None:
            if delivery.message.published_at >= oldest:
                return delivery
            self.acknowledge(delivery.message.number)
        return None

    async def _change(self, within_s: float | None) -> None:
        """Wait until something was added or changed, at most `within_s`."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), within_s)
