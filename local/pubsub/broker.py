"""Topics, subscriptions and what is owed to each: memory in front of a journal.

A publish is confirmed once it is on disk; acknowledgements are written behind. After kill -9 everything that was
confirmed and not acknowledged is delivered (again): at least once, as Pub/Sub promises.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from google.pubsub_v1 import types as pubsub

from local import rpc
from local.database import open_database
from local.pubsub import limits
from local.pubsub.backlog import Backlog, Delivery, Message
from local.pubsub.journal import Change, Journal
from local.pubsub.push import json_time, push
from local.rpc import Code, Refused

_TABLES = """
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (name TEXT PRIMARY KEY, number INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    subscription INTEGER, message INTEGER, failures INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, message)
) WITHOUT ROWID;
"""
_ADD_MESSAGE = "INSERT INTO messages VALUES (?, ?)"
_ADD_DELIVERY = "INSERT INTO deliveries VALUES (?, ?, 0)"
_COUNT_FAILURE = "UPDATE deliveries SET failures = ? WHERE subscription = ? AND message = ?"
_DELETE_DELIVERY = "DELETE FROM deliveries WHERE subscription = ? AND message = ?"
_DELETE_MESSAGE = "DELETE FROM messages WHERE number = ?"

DELETED_TOPIC = "_deleted-topic_"
# https://cloud.google.com/pubsub/docs/push#push_backoff: 100 ms to 60 s where no retry policy says otherwise
_PUSH_BACKOFF_S = (0.1, 60.0)

_Topic, _Subscription = rpc.raw(pubsub.Topic), rpc.raw(pubsub.Subscription)
_PubsubMessage = rpc.raw(pubsub.PubsubMessage)


class Broker:
    """All topics and subscriptions of one data directory. Used from one event loop."""

    def __init__(self, path: Path, *, push_held: bool = False) -> None:
        """`push_held`: push nothing until `release_push`, e.g. while endpoints of an earlier run are replaced."""
        self._database = open_database(path, _TABLES)
        self._journal = Journal(self._database)
        self._push_held = push_held
        self._last_number = 0
        self.topics: dict[str, Any] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._load()

    def start(self) -> None:
        """Begin to push; needs a running loop."""
        for subscription in self.subscriptions.values():
            subscription.restart_push()

    async def hold_push(self) -> None:
        """Stop pushing until `release_push`; what is in flight is pushed again then, without counting as refused."""
        self._push_held = True
        for subscription in self.subscriptions.values():
            await subscription.stop_push()

    def release_push(self) -> None:
        """Go on pushing."""
        self._push_held = False
        self.start()

    @property
    def push_held(self) -> bool:
        """Whether pushing waits for `release_push`."""
        return self._push_held

    async def close(self) -> None:
        """Stop pushing, write what is owed to the disk, close the file."""
        for subscription in self.subscriptions.values():
            await subscription.stop_push()
        await self._journal.close()
        self._database.close()

    async def create_topic(self, topic: Any) -> None:
        """Refused when the name is taken."""
        limits.check_name(topic.name, "topics")
        if topic.name in self.topics:
            raise Refused(Code.ALREADY_EXISTS, f"Topic already exists: {topic.name}")
        self.topics[topic.name] = topic
        await self.write([("INSERT INTO topics VALUES (?, ?)", (topic.name, topic.SerializeToString()))])

    def topic(self, name: str) -> Any:
        """The topic of this name, refused when there is none."""
        limits.check_name(name, "topics")
        if name not in self.topics:
            raise Refused(Code.NOT_FOUND, f"Topic not found: {name}")
        return self.topics[name]

    async def delete_topic(self, name: str) -> None:
        """Its subscriptions stay, with the messages they have, and get no more."""
        self.topic(name)
        del self.topics[name]
        changes: list[Change] = [("DELETE FROM topics WHERE name = ?", (name,))]
        for subscription in self.subscriptions.values():
            if subscription.resource.topic == name:
                subscription.resource.topic = DELETED_TOPIC
                changes.append(subscription.saved())
        await self.write(changes)

    async def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """The ids of the messages, in order, once all of them are on disk."""
        self.topic(topic)
        return await self._put(topic, messages, [])

    async def create_subscription(self, resource: Any) -> "Subscription":
        """Refused when the name is taken or a topic it names is missing. Defaults are filled in."""
        limits.check_subscription(resource)
        self.topic(resource.topic)
        if resource.HasField("dead_letter_policy"):
            self.topic(resource.dead_letter_policy.dead_letter_topic)
        if resource.name in self.subscriptions:
            raise Refused(Code.ALREADY_EXISTS, f"Subscription already exists: {resource.name}")
        _fill_defaults(resource)
        number = self._next_number()
        subscription = Subscription(self, number, resource)
        self.subscriptions[resource.name] = subscription
        await self.write([subscription.saved()])
        subscription.restart_push()
        return subscription

    def subscription(self, name: str) -> "Subscription":
        """The subscription of this name, refused when there is none."""
        limits.check_name(name, "subscriptions")
        if name not in self.subscriptions:
            raise Refused(Code.NOT_FOUND, f"Subscription does not exist: {name}")
        return self.subscriptions[name]

    async def delete_subscription(self, name: str) -> None:
        """Its messages are dropped."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        await subscription.stop_push()
        changes: list[Change] = [("DELETE FROM subscriptions WHERE name = ?", (name,))]
        for delivery in subscription.backlog.all():
            changes += subscription.removal(delivery.message.number)
        await self.write(changes)

    async def dead_letter(self, subscription: "Subscription", delivery: Delivery) -> bool:
        """Move a message that used up its deliveries to the dead letter topic; False if the topic is gone."""
        topic = subscription.resource.dead_letter_policy.dead_letter_topic
        if topic not in self.topics:
            return False
        letter = _PubsubMessage()
        letter.CopyFrom(delivery.message.body)
        # https://cloud.google.com/pubsub/docs/dead-letter-topics#dead_letter_attributes
        _, project, _, short_name = subscription.name.split("/")
        letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = str(delivery.failures)
        letter.attributes["CloudPubSubDeadLetterSourceSubscription"] = short_name
        letter.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = project
        letter.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = json_time(delivery.message.published_at)
        await self._put(topic, [letter], subscription.removal(delivery.message.number))
        return True

    def write(self, changes: Sequence[Change]) -> "asyncio.Future[None]":
        """See `Journal.write`."""
        return self._journal.write(changes)

    async def _put(self, topic: str, messages: Iterable[Any], changes: list[Change]) -> list[str]:
        """Store messages for each subscription of the topic, in one commit with `changes`; then deliver them."""
        receivers = [one for one in self.subscriptions.values() if one.resource.topic == topic]
        published_at = time.time()
        added = []
        for content in messages:
            number = self._next_number()
            body = _PubsubMessage(data=content.data, attributes=content.attributes, ordering_key=content.ordering_key)
            body.message_id = str(number)
            body.publish_time.FromMilliseconds(int(published_at * 1000))
            added.append(Message(number, published_at, body, holders=len(receivers)))
        if receivers:
            changes = [*changes, *((_ADD_MESSAGE, (one.number, one.body.SerializeToString())) for one in added)]
            for receiver in receivers:
                changes += [(_ADD_DELIVERY, (receiver.number, one.number)) for one in added]
        await self.write(changes)
        for receiver in receivers:
            receiver.add(Delivery(one) for one in added)
        return [one.body.message_id for one in added]

    def _next_number(self) -> int:
        """Ever greater, also across restarts, and of the length that real message ids have."""
        self._last_number = max(self._last_number + 1, time.time_ns() // 1000)
        return self._last_number

    def _load(self) -> None:
        for name, body in self._database.execute("SELECT name, body FROM topics"):
            self.topics[name] = _Topic.FromString(body)
        by_number = {}
        for number, body in self._database.execute("SELECT number, body FROM subscriptions"):
            subscription = Subscription(self, number, _Subscription.FromString(body))
            self.subscriptions[subscription.name] = by_number[number] = subscription
        messages = {}
        for number, body in self._database.execute("SELECT number, body FROM messages"):
            content = _PubsubMessage.FromString(body)
            messages[number] = Message(number, content.publish_time.ToMilliseconds() / 1000, content)
            self._last_number = max(self._last_number, number)
        rows = self._database.execute("SELECT subscription, message, failures FROM deliveries ORDER BY message")
        for owner, number, failures in rows:
            if owner in by_number and number in messages:
                messages[number].holders += 1
                by_number[owner].add([Delivery(messages[number], failures)])


class Subscription:
    """One subscription: its resource, its backlog, and its push task if it has an endpoint."""

    def __init__(self, broker: Broker, number: int, resource: Any) -> None:
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
        row = (self.name, self.number, self.resource.SerializeToString())
        return "INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", row

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
        self.resource.push_config.CopyFrom(push_config)
        await self._broker.write([self.saved()])
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
        changes: list[Change] = [(_DELETE_DELIVERY, (self.number, number))]
        delivery.message.holders -= 1
        if delivery.message.holders == 0:
            changes.append((_DELETE_MESSAGE, (number,)))
        return changes

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
        self._broker.write([(_COUNT_FAILURE, (delivery.failures, self.number, delivery.message.number))])
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


def _fill_defaults(resource: Any) -> None:
    resource.ack_deadline_seconds = resource.ack_deadline_seconds or limits.DEFAULT_ACK_DEADLINE_S
    if not resource.HasField("message_retention_duration"):
        resource.message_retention_duration.seconds = limits.DEFAULT_RETENTION_S
    if resource.HasField("dead_letter_policy"):
        policy = resource.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or 5
