"""The messages of one subscription that are not acknowledged: due, waiting, or leased.

Pure: time is an argument (seconds of a monotonic clock), nothing here waits or writes.
"""

import heapq
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Message:
    """A published message; `holders` counts the subscriptions that have not acknowledged it."""

    number: int
    published_at: float  # seconds since the epoch
    body: Any  # PubsubMessage with message_id and publish_time set
    holders: int = 0


@dataclass(slots=True)
class Delivery:
    """A message on its way to one subscription."""

    message: Message
    failures: int = 0  # nacks and expired leases so far
    lease_ends: float | None = None  # None while it waits to be handed out
    due: float = 0.0

    @property
    def attempt(self) -> int:
        """The number of the delivery under way or next, counted from 1 (DeadLetterPolicy's definition)."""
        return self.failures + 1


@dataclass(slots=True)
class Backlog:
    """Deliveries by message number, oldest due first.

    >>> backlog = Backlog()
    >>> backlog.add(Delivery(Message(7, 0.0, None)))
    >>> taken = backlog.take(now=1.0, lease_s=10.0)
    >>> taken.message.number, backlog.take(now=1.0, lease_s=10.0), backlog.unacked
    (7, None, 1)
    >>> backlog.put_back(taken, due=2.0)
    >>> backlog.next_due()
    2.0
    """

    _deliveries: dict[int, Delivery] = field(default_factory=dict)
    _waiting: list[tuple[float, int]] = field(default_factory=list)  # heap of (due, number)
    _leased: dict[int, Delivery] = field(default_factory=dict)

    @property
    def unacked(self) -> int:
        """Messages that were published and not yet acknowledged."""
        return len(self._deliveries)

    @property
    def leased(self) -> int:
        """Messages handed out and not yet answered."""
        return len(self._leased)

    def get(self, number: int) -> Delivery | None:
        """The delivery of a message, or None once it is acknowledged."""
        return self._deliveries.get(number)

    def add(self, delivery: Delivery) -> None:
        """Put a message in, to be handed out from its due time on."""
        self._deliveries[delivery.message.number] = delivery
        heapq.heappush(self._waiting, (delivery.due, delivery.message.number))

    def take(self, now: float, lease_s: float) -> Delivery | None:
        """Hand out the delivery that has been due longest, leased until `now + lease_s`; None if none is due."""
        while self._waiting and self._waiting[0][0] <= now:
            due, number = heapq.heappop(self._waiting)
            delivery = self._deliveries.get(number)
            # An entry of the heap is stale once its message was acknowledged or given another due time.
            if delivery is not None and delivery.lease_ends is None and delivery.due == due:
                delivery.lease_ends = now + lease_s
                self._leased[number] = delivery
                return delivery
        return None

    def put_back(self, delivery: Delivery, due: float) -> None:
        """End a lease without an acknowledgement: the message is handed out again from `due` on."""
        delivery.lease_ends, delivery.due = None, due
        self._leased.pop(delivery.message.number, None)
        heapq.heappush(self._waiting, (due, delivery.message.number))

    def remove(self, number: int) -> Delivery | None:
        """Acknowledge; None if it was already."""
        self._leased.pop(number, None)
        return self._deliveries.pop(number, None)

    def next_due(self) -> float | None:
        """When the next delivery falls due (possibly in the past), or None when nothing waits."""
        while self._waiting:
            due, number = self._waiting[0]
            delivery = self._deliveries.get(number)
            if delivery is not None and delivery.lease_ends is None and delivery.due == due:
                return due
            heapq.heappop(self._waiting)
        return None

    def expired(self, now: float) -> list[Delivery]:
        """Leases that ended before `now`."""
        return [d for d in self._leased.values() if d.lease_ends is not None and d.lease_ends <= now]

    def next_lease_end(self) -> float | None:
        """When the next lease ends, or None when nothing is leased."""
        return min((d.lease_ends for d in self._leased.values() if d.lease_ends is not None), default=None)

    def all(self) -> list[Delivery]:
        """Every delivery, in no particular order."""
        return list(self._deliveries.values())
