"""The gRPC face of the broker: Publisher and Subscriber. What is missing here is UNIMPLEMENTED."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types as pubsub

from emulators import rpc
from emulators.pubsub import limits
from emulators.pubsub.backlog import Delivery
from emulators.pubsub.broker import Broker
from emulators.pubsub.subscription import Subscription

# How long a Pull waits for a first message. The real one is "bounded" without a number; clients set a deadline.
_PULL_WAIT_S = 5.0
_MOST_PULLED = 1_000
_MOST_EXTENSION_S = 600

_PublishResponse, _PullResponse = rpc.raw(pubsub.PublishResponse), rpc.raw(pubsub.PullResponse)
_ListTopicsResponse = rpc.raw(pubsub.ListTopicsResponse)
_ListSubscriptionsResponse = rpc.raw(pubsub.ListSubscriptionsResponse)


def handlers(broker: Broker) -> tuple[Any, Any]:
    """The two gRPC services over a broker."""
    publisher, subscriber = _Publisher(broker), _Subscriber(broker)
    method = rpc.Method
    return (
        rpc.handler(
            "google.pubsub.v1.Publisher",
            {
                "CreateTopic": method(pubsub.Topic, pubsub.Topic, publisher.create),
                "GetTopic": method(pubsub.GetTopicRequest, pubsub.Topic, publisher.get),
                "ListTopics": method(pubsub.ListTopicsRequest, pubsub.ListTopicsResponse, publisher.list),
                "DeleteTopic": method(pubsub.DeleteTopicRequest, Empty, publisher.delete),
                "Publish": method(pubsub.PublishRequest, pubsub.PublishResponse, publisher.publish),
            },
        ),
        rpc.handler(
            "google.pubsub.v1.Subscriber",
            {
                "CreateSubscription": method(pubsub.Subscription, pubsub.Subscription, subscriber.create),
                "GetSubscription": method(pubsub.GetSubscriptionRequest, pubsub.Subscription, subscriber.get),
                "ListSubscriptions": method(
                    pubsub.ListSubscriptionsRequest, pubsub.ListSubscriptionsResponse, subscriber.list
                ),
                "DeleteSubscription": method(pubsub.DeleteSubscriptionRequest, Empty, subscriber.delete),
                "ModifyPushConfig": method(pubsub.ModifyPushConfigRequest, Empty, subscriber.modify_push_config),
                "Pull": method(pubsub.PullRequest, pubsub.PullResponse, subscriber.pull),
                "Acknowledge": method(pubsub.AcknowledgeRequest, Empty, subscriber.acknowledge),
                "ModifyAckDeadline": method(pubsub.ModifyAckDeadlineRequest, Empty, subscriber.modify_ack_deadline),
            },
        ),
    )


class _Publisher:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def create(self, request: Any) -> Any:
        await self._broker.create_topic(request)
        return request

    async def get(self, request: Any) -> Any:
        return self._broker.topic(request.topic)

    async def list(self, request: Any) -> Any:
        return _ListTopicsResponse(topics=_of_project(request.project, self._broker.topics.values()))

    async def delete(self, request: Any) -> Any:
        await self._broker.delete_topic(request.topic)
        return Empty()

    async def publish(self, request: Any) -> Any:
        self._broker.topic(request.topic)
        limits.check_publish(request)
        ids = await self._broker.publish(request.topic, request.messages)
        return _PublishResponse(message_ids=ids)


class _Subscriber:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def create(self, request: Any) -> Any:
        return (await self._broker.create_subscription(request)).resource

    async def get(self, request: Any) -> Any:
        return self._broker.subscription(request.subscription).resource

    async def list(self, request: Any) -> Any:
        resources = [one.resource for one in self._broker.subscriptions.values()]
        return _ListSubscriptionsResponse(subscriptions=_of_project(request.project, resources))

    async def delete(self, request: Any) -> Any:
        await self._broker.delete_subscription(request.subscription)
        return Empty()

    async def modify_push_config(self, request: Any) -> Any:
        await self._broker.subscription(request.subscription).set_push_config(request.push_config)
        return Empty()

    async def pull(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        if request.max_messages < 1:
            raise limits.invalid("No max_messages specified")
        wait_s = 0.0 if request.return_immediately else _PULL_WAIT_S
        deliveries = await subscription.pull(min(request.max_messages, _MOST_PULLED), wait_s)
        response = _PullResponse()
        for delivery in deliveries:
            received = response.received_messages.add(ack_id=_ack_id(subscription, delivery))
            received.message.CopyFrom(delivery.message.body)
            received.delivery_attempt = subscription.counted_attempt(delivery) or 0
        return response

    async def acknowledge(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        for number, _ in _parsed(subscription, request.ack_ids):
            subscription.acknowledge(number)
        return Empty()

    async def modify_ack_deadline(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        deadline_s = request.ack_deadline_seconds
        if not 0 <= deadline_s <= _MOST_EXTENSION_S:
            raise limits.invalid(f"ack_deadline_seconds {deadline_s}: must be from 0 to 600")
        for number, attempt in _parsed(subscription, request.ack_ids):
            delivery = subscription.backlog.get(number)
            # An id of an earlier attempt speaks for a lease that has ended.
            if delivery is None or delivery.attempt != attempt or delivery.lease_ends is None:
                continue
            if deadline_s == 0:
                subscription.refuse(delivery)
            else:
                subscription.extend(delivery, deadline_s)
        return Empty()


def _of_project(project: str, resources: Iterable[Any]) -> list[Any]:
    """All of them in one page, by name; the real one pages, its clients follow either."""
    return sorted((one for one in resources if one.name.startswith(f"{project}/")), key=lambda one: one.name)


def _ack_id(subscription: Subscription, delivery: Delivery) -> str:
    return f"{subscription.number}:{delivery.message.number}:{delivery.attempt}"


def _parsed(subscription: Subscription, ack_ids: Iterable[str]) -> list[tuple[int, int]]:
    """Message number and attempt of each ack id, all of them or refused."""
    parsed = []
    for ack_id in ack_ids:
        parts = ack_id.split(":")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts) or int(parts[0]) != subscription.number:
            raise limits.invalid(f"Invalid ack id (ack_id={ack_id[:80]})")
        parsed.append((int(parts[1]), int(parts[2])))
    if not parsed:
        raise limits.invalid("No ack ids specified")
    return parsed
