"""Push one subscription's messages to its endpoint: 16 at a time, slower while they are refused."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from emulators.pubsub.backlog import Delivery, Message
from emulators.pubsub.http_post import Endpoint

_IN_FLIGHT = 16
# https://cloud.google.com/pubsub/docs/push#receive_push: statuses that acknowledge
_ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})


class Pushed(Protocol):
    """What pushing needs of the subscription that is pushed."""

    @property
    def name(self) -> str:
        """Its full name."""
        ...

    @property
    def push_endpoint(self) -> str:
        """Where to push."""
        ...

    @property
    def push_backoff_s(self) -> tuple[float, float]:
        """Least and greatest pause after refused pushes."""
        ...

    @property
    def ack_deadline_s(self) -> float:
        """How long a delivery may take."""
        ...

    async def next_delivery(self, not_before: Callable[[], float]) -> Delivery:
        """Wait for a delivery that is due and until `not_before()`, and lease it."""
        ...

    def counted_attempt(self, delivery: Delivery) -> int | None:
        """The attempt that a subscriber is told; None where none are counted."""
        ...

    def acknowledge(self, number: int) -> None:
        """Done with a message."""
        ...

    def refuse(self, delivery: Delivery) -> None:
        """Deliver again later, or dead-letter."""
        ...

    def give_back(self, delivery: Delivery) -> None:
        """End a lease as if it had never begun."""
        ...


class PushBackoff:
    """How long a subscription pauses after refusals: the whole of it, not only the message refused.

    The pause doubles with each refusal of a request that began after the last pause, and ends with the first
    acknowledgement, so that 16 refusals of one moment count once
    (https://cloud.google.com/pubsub/docs/push#push_backoff).

    >>> backoff = PushBackoff(least_s=0.2, most_s=0.5)
    >>> backoff.refused(began=0.0, now=1.0); backoff.paused_until
    1.2
    >>> backoff.refused(began=0.0, now=1.1); backoff.paused_until
    1.2
    >>> backoff.refused(began=1.2, now=2.0); backoff.paused_until
    2.4
    >>> backoff.acknowledged(); backoff.paused_until
    0.0
    """

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s, self._most_s = least_s, most_s
        self._pause_s = 0.0
        self.paused_until = 0.0

    def refused(self, began: float, now: float) -> None:
        """A request that began then was refused now."""
        if began >= self.paused_until:
            self._pause_s = min(self._pause_s * 2 or self._least_s, self._most_s)
            self.paused_until = now + self._pause_s

    def acknowledged(self) -> None:
        """A request was acknowledged."""
        self._pause_s = self.paused_until = 0.0


async def push(subscription: Pushed) -> None:
    """Push until cancelled; what is in flight then is given back without counting as refused."""
    endpoint = Endpoint(subscription.push_endpoint)
    backoff = PushBackoff(*subscription.push_backoff_s)
    free = asyncio.Semaphore(_IN_FLIGHT)
    requests: set[asyncio.Task[None]] = set()
    try:
        while True:
            await free.acquire()
            delivery = await subscription.next_delivery(lambda: backoff.paused_until)
            request = asyncio.create_task(_push_one(subscription, delivery, endpoint, backoff))
            requests.add(request)
            request.add_done_callback(requests.discard)
            request.add_done_callback(lambda _: free.release())
    finally:
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        endpoint.close()


async def _push_one(subscription: Pushed, delivery: Delivery, endpoint: Endpoint, backoff: PushBackoff) -> None:
    began = time.monotonic()
    body = push_body(subscription.name, delivery.message, subscription.counted_attempt(delivery))
    try:
        async with asyncio.timeout(subscription.ack_deadline_s):  # the ack deadline is the push timeout (facts 18)
            status = await endpoint.post(body)
    except (OSError, TimeoutError):
        status = 0
    except asyncio.CancelledError:
        subscription.give_back(delivery)
        raise
    if status in _ACKNOWLEDGING:
        backoff.acknowledged()
        subscription.acknowledge(delivery.message.number)
    else:
        backoff.refused(began, time.monotonic())
        subscription.refuse(delivery)


def push_body(subscription: str, message: Message, attempt: int | None) -> bytes:
    """The JSON of a push request; `attempt` only where a dead letter policy counts attempts (facts 19).

    https://cloud.google.com/pubsub/docs/push#receive_push
    """
    published = json_time(message.published_at)
    content: dict[str, Any] = {
        "messageId": message.body.message_id,
        "message_id": message.body.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.body.data:
        content["data"] = base64.b64encode(message.body.data).decode()
    if message.body.attributes:
        content["attributes"] = dict(message.body.attributes)
    if message.body.ordering_key:
        content["orderingKey"] = message.body.ordering_key
    request: dict[str, Any] = {"message": content, "subscription": subscription}
    if attempt is not None:
        request["deliveryAttempt"] = attempt
    return json.dumps(request, separators=(",", ":")).encode()


def json_time(seconds: float) -> str:
    """RFC 3339 in milliseconds, as in push requests.

    >>> json_time(1795430244.327)
    '2026-11-23T10:37:24.327Z'
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"
