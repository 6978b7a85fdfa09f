"""Topics, subscriptions and what is owed to each: memory in front of a journal.

A publish is confirmed once it is on disk; acknowledgements are written behind. After kill -9 everything that was
confirmed and not acknowledged is delivered (again): at least once, as Pub/Sub promises.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from google.pubsub_v1 import types as pubsub

from emulators import rpc, storage_full
from emulators.database import open_database
from emulators.pubsub import limits, tables
from emulators.pubsub.backlog import Delivery, Message
from emulators.pubsub.journal import Change, Journal
from emulators.pubsub.push import json_time
from emulators.pubsub.subscription import Subscription
from emulators.rpc import Code, Refused

DELETED_TOPIC = "_deleted-topic_"
_Topic, _Subscription = rpc.raw(pubsub.Topic), rpc.raw(pubsub.Subscription)
_PubsubMessage = rpc.raw(pubsub.PubsubMessage)


class Broker:
    """All topics and subscriptions of one data directory. Used from one event loop."""

    def __init__(self, path: Path, *, push_held: bool = False) -> None:
        """`push_held`: push nothing until `release_push`, e.g. while endpoints of an earlier run are replaced."""
        self._database = open_database(path, tables.TABLES)
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
        try:
            await self.write([tables.add_topic(topic.name, topic.SerializeToString())])
        except BaseException:
            del self.topics[topic.name]
            raise

    def topic(self, name: str) -> Any:
        """The topic of this name, refused when there is none."""
        limits.check_name(name, "topics")
        if name not in self.topics:
            raise Refused(Code.NOT_FOUND, f"Topic not found: {name}")
        return self.topics[name]

    async def delete_topic(self, name: str) -> None:
        """Its subscriptions stay, with the messages they have, and get no more."""
        topic = self.topic(name)
        del self.topics[name]
        changes = [tables.delete_topic(name)]
        orphans = [one for one in self.subscriptions.values() if one.resource.topic == name]
        for subscription in orphans:
            subscription.resource.topic = DELETED_TOPIC
            changes.append(subscription.saved())
        try:
            await self.write(changes)
        except BaseException:
            self.topics[name] = topic
            for subscription in orphans:
                subscription.resource.topic = name
            raise

    async def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """The ids of the messages, in order, once all of them are on disk."""
        self.topic(topic)
        return await self._put(topic, messages, [])

    async def create_subscription(self, resource: Any) -> Subscription:
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
        try:
            await self.write([subscription.saved()])
        except BaseException:
            del self.subscriptions[resource.name]
            raise
        subscription.restart_push()
        return subscription

    def subscription(self, name: str) -> Subscription:
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
        changes = [tables.delete_subscription(name)]
        deliveries = subscription.backlog.all()
        for delivery in deliveries:
            changes += subscription.removal(delivery.message.number)
        try:
            await self.write(changes)
        except BaseException:
            self.subscriptions[name] = subscription
            subscription.restore(deliveries)
            subscription.restart_push()
            raise

    async def dead_letter(self, subscription: Subscription, delivery: Delivery) -> bool:
        """Move a message that used up its deliveries to the dead letter topic.

        False if the topic is gone or the disk is full: then it is still the subscription's.
        """
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
        try:
            await self._put(topic, [letter], subscription.removal(delivery.message.number))
        except sqlite3.Error as error:
            subscription.restore([delivery])
            if storage_full.is_full(error):
                return False
            raise
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
            changes = [*changes, *(tables.add_message(one) for one in added)]
            for receiver in receivers:
                changes += [tables.add_delivery(receiver.number, one.number) for one in added]
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


def _fill_defaults(resource: Any) -> None:
    resource.ack_deadline_seconds = resource.ack_deadline_seconds or limits.DEFAULT_ACK_DEADLINE_S
    if not resource.HasField("message_retention_duration"):
        resource.message_retention_duration.seconds = limits.DEFAULT_RETENTION_S
    if resource.HasField("dead_letter_policy"):
        policy = resource.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or 5
