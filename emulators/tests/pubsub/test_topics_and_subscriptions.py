"""What there is: topics and subscriptions, made, found, listed, deleted."""

from typing import Any

import pytest
from google.api_core import exceptions

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}


def test_a_topic_is_made_once(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    assert pubsub.publisher.get_topic(topic=topic, **CALL).name == topic
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.create_topic()


@pytest.mark.parametrize("short", ["1abc", "ab", "goog-runs", "a b c", "a" * 256])
def test_a_name_that_is_none_is_refused(pubsub: Any, short: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.create_topic(short)


def test_an_unknown_topic_is_not_found(pubsub: Any) -> None:
    unknown = pubsub.name("topics", "unknown")
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.get_topic(topic=unknown, **CALL)
    with pytest.raises(exceptions.NotFound):
        pubsub.publish(unknown, {"data": b"x"})
    with pytest.raises(exceptions.NotFound):
        pubsub.publisher.delete_topic(topic=unknown, **CALL)
    with pytest.raises(exceptions.NotFound):
        pubsub.subscribe(unknown)


def test_a_project_lists_its_own(pubsub: Any) -> None:
    topics = [pubsub.create_topic(short) for short in ("aaa", "bbb")]
    subscription = pubsub.subscribe(topics[0])
    listed = pubsub.publisher.list_topics(project=pubsub.project, **CALL)
    assert sorted(topic.name for topic in listed) == topics
    subscriptions = pubsub.subscriber.list_subscriptions(project=pubsub.project, **CALL)
    assert [one.name for one in subscriptions] == [subscription]


def test_a_subscription_is_made_once_and_with_defaults(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscriber.get_subscription(subscription=pubsub.subscribe(topic), **CALL)
    assert subscription.topic == topic
    assert subscription.ack_deadline_seconds == 10
    assert subscription.message_retention_duration.days == 7
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscribe(topic)


def test_an_ack_deadline_over_600_s_is_refused(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscribe(topic, ack_deadline_seconds=601)


def test_a_deleted_topic_leaves_its_subscriptions_behind(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"kept"})
    pubsub.publisher.delete_topic(topic=topic, **CALL)
    assert pubsub.subscriber.get_subscription(subscription=subscription, **CALL).topic == "_deleted-topic_"
    with pytest.raises(exceptions.NotFound):
        pubsub.publish(topic, {"data": b"x"})
    (received,) = pubsub.pull(subscription)
    assert received.message.data == b"kept"


def test_a_deleted_subscription_is_not_found(pubsub: Any) -> None:
    subscription = pubsub.subscribe(pubsub.create_topic())
    pubsub.subscriber.delete_subscription(subscription=subscription, **CALL)
    for call in (pubsub.subscriber.get_subscription, pubsub.subscriber.delete_subscription):
        with pytest.raises(exceptions.NotFound):
            call(subscription=subscription, **CALL)
    with pytest.raises(exceptions.NotFound):
        pubsub.is_empty(subscription)
