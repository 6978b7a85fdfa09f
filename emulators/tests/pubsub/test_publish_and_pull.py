"""Messages: in by publish, out by pull, until they are acknowledged."""

from typing import Any

import pytest
from google.api_core import exceptions

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}


def test_ids_come_in_order_and_are_unique(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    ids = pubsub.publish(topic, *({"data": str(n).encode()} for n in range(5)))
    assert len(set(ids)) == 5
    received = {one.message.message_id: one.message.data for one in pubsub.pull(subscription)}
    assert [received[id_] for id_ in ids] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_message_arrives_as_it_was_published(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    (id_,) = pubsub.publish(topic, {"data": b"\x00\xff", "attributes": {"a": "ü"}, "ordering_key": "k"})
    (received,) = pubsub.pull(subscription)
    message = received.message
    assert (message.data, dict(message.attributes), message.ordering_key) == (b"\x00\xff", {"a": "ü"}, "k")
    assert message.message_id == id_
    assert message.publish_time.year > 2000


@pytest.mark.parametrize(
    "messages",
    [[], [{}], [{"data": b"x"}, {"data": b""}], [{"ordering_key": "k"}], [{"data": b"x"}] * 1001],
    ids=["none", "empty", "one-empty", "key-only", "too-many"],
)
def test_a_faulty_request_is_refused_as_a_whole(pubsub: Any, messages: list[dict[str, Any]]) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish(topic, *messages)
    assert pubsub.is_empty(subscription)


def test_a_thousand_messages_go_in_one_request(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    assert len(set(pubsub.publish(topic, *[{"data": b"x"}] * 1000))) == 1000


def test_attributes_alone_are_a_message(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"attributes": {"a": "b"}})
    (received,) = pubsub.pull(subscription)
    assert (received.message.data, dict(received.message.attributes)) == (b"", {"a": "b"})


def test_each_subscription_gets_every_message(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscriptions = [pubsub.subscribe(topic, short) for short in ("one", "two")]
    pubsub.publish(topic, {"data": b"x"})
    for subscription in subscriptions:
        (received,) = pubsub.pull(subscription)
        pubsub.acknowledge(subscription, received)


def test_a_subscription_does_not_get_what_was_published_before_it(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    pubsub.publish(topic, {"data": b"before"})
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"after"})
    (received,) = pubsub.pull(subscription)
    assert received.message.data == b"after"


def test_a_message_is_leased_to_one_subscriber(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"x"})
    pubsub.pull(subscription)
    assert pubsub.is_empty(subscription)


def test_an_acknowledged_message_does_not_come_again(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"x"})
    (received,) = pubsub.pull(subscription)
    pubsub.acknowledge(subscription, received)
    pubsub.acknowledge(subscription, received)  # twice: nothing happens
    pubsub.set_deadline(subscription, received, 0)  # too late to refuse it
    assert pubsub.is_empty(subscription)


def test_a_nacked_message_comes_again(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"x"})
    (first,) = pubsub.pull(subscription)
    pubsub.set_deadline(subscription, first, 0)
    (second,) = pubsub.pull(subscription)
    assert second.message.message_id == first.message.message_id


def test_a_message_comes_again_when_its_lease_has_ended(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"x"})
    (first,) = pubsub.pull(subscription)
    pubsub.set_deadline(subscription, first, 1)
    (second,) = pubsub.pull(subscription)
    assert second.message.message_id == first.message.message_id


def test_a_pull_asks_for_at_least_one_message(pubsub: Any) -> None:
    subscription = pubsub.subscribe(pubsub.create_topic())
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscriber.pull(subscription=subscription, max_messages=0, **CALL)


def test_a_pull_waits_for_a_message(pubsub: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"x"})
    received = pubsub.subscriber.pull(subscription=subscription, max_messages=5, **CALL).received_messages
    assert [one.message.data for one in received] == [b"x"]


def test_what_is_no_ack_id_is_refused(pubsub: Any) -> None:
    subscription = pubsub.subscribe(pubsub.create_topic())
    for ids in ([], ["nonsense"]):
        with pytest.raises(exceptions.InvalidArgument):
            pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ids, **CALL)


def test_a_message_that_used_up_its_deliveries_goes_to_the_dead_letter_topic(pubsub: Any) -> None:
    topic, dead = pubsub.create_topic(), pubsub.create_topic("dead")
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    subscription = pubsub.subscribe(topic, dead_letter_policy=policy)
    graves = pubsub.subscribe(dead, "graves")
    pubsub.publish(topic, {"data": b"poison", "attributes": {"a": "b"}})
    for _ in range(5):
        (received,) = pubsub.pull(subscription)
        pubsub.set_deadline(subscription, received, 0)
    assert pubsub.is_empty(subscription)  # and Google's emulator moves it when it is asked for the next
    (letter,) = pubsub.pull(graves)
    assert letter.message.data == b"poison"
    assert letter.message.attributes["a"] == "b"
