"""Messages: pushed to an endpoint until it acknowledges."""

import base64
from typing import Any

import pytest

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}
QUICK = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"seconds": 1}}


def push_to(target: Any) -> dict[str, Any]:
    return {"push_config": {"push_endpoint": target.url}, "retry_policy": QUICK}


def test_a_message_is_pushed_as_json(pubsub: Any, target: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic, **push_to(target))
    (id_,) = pubsub.publish(topic, {"data": b"\x00\xff", "attributes": {"a": "ü"}})
    request = target.next()
    assert request["subscription"] == subscription
    message = request["message"]
    assert base64.b64decode(message["data"]) == b"\x00\xff"
    assert message["attributes"] == {"a": "ü"}
    assert message["messageId"] == message["message_id"] == id_
    assert message["publishTime"] == message["publish_time"]
    assert "deliveryAttempt" not in request


def test_a_message_of_attributes_has_no_data(pubsub: Any, target: Any) -> None:
    topic = pubsub.create_topic()
    pubsub.subscribe(topic, **push_to(target))
    pubsub.publish(topic, {"attributes": {"a": "b"}})
    assert not target.next()["message"].get("data")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_acknowledging_status_ends_delivery(pubsub: Any, target: Any, status: int) -> None:
    topic = pubsub.create_topic()
    target.answer = lambda _: status
    pubsub.subscribe(topic, **push_to(target))
    pubsub.publish(topic, {"data": b"first"})
    target.next()
    pubsub.publish(topic, {"data": b"second"})
    assert base64.b64decode(target.next()["message"]["data"]) == b"second"
    assert target.is_quiet


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
def test_any_other_status_delivers_again(pubsub: Any, target: Any, status: int) -> None:
    topic = pubsub.create_topic()
    answers = [status, 204]
    target.answer = lambda _: answers.pop(0)
    pubsub.subscribe(topic, **push_to(target))
    pubsub.publish(topic, {"data": b"x"})
    assert target.next()["message"] == target.next()["message"]


def test_a_pull_subscription_becomes_a_push_subscription_and_back(pubsub: Any, target: Any) -> None:
    topic = pubsub.create_topic()
    subscription = pubsub.subscribe(topic)
    pubsub.publish(topic, {"data": b"first"})
    configure = pubsub.subscriber.modify_push_config
    configure(request={"subscription": subscription, "push_config": {"push_endpoint": target.url}}, **CALL)
    assert base64.b64decode(target.next()["message"]["data"]) == b"first"
    configure(request={"subscription": subscription, "push_config": {}}, **CALL)
    pubsub.publish(topic, {"data": b"second"})
    (received,) = pubsub.pull(subscription)
    assert received.message.data == b"second"
    assert target.is_quiet
