"""What the embedded Pub/Sub does as the real one is documented, where Google's emulator is laxer or slower."""

import queue
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions

from emulators.pubsub import Broker

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}
QUICK = {"minimum_backoff": {"nanos": 10_000_000}, "maximum_backoff": {"nanos": 40_000_000}}


@pytest.mark.parametrize(
    "message",
    [
        {"data": b"x", "attributes": {str(n): "v" for n in range(101)}},
        {"data": b"x", "attributes": {"k" * 257: "v"}},
        {"data": b"x", "attributes": {"k": "v" * 1025}},
        {"data": b"x", "attributes": {"": "v"}},
        {"data": b"x", "attributes": {"goog-key": "v"}},
        {"data": b"x", "ordering_key": "k" * 1025},
        {"data": bytes(10_000_000)},
    ],
    ids=["101-attributes", "long-key", "long-value", "no-key", "goog-key", "long-ordering-key", "10-mb"],
)
def test_a_message_over_a_limit_is_refused(embedded: Any, message: dict[str, Any]) -> None:
    topic = embedded.create_topic()
    with pytest.raises(exceptions.InvalidArgument):
        embedded.publish(topic, message)


def test_a_message_at_the_limits_is_taken(embedded: Any) -> None:
    topic = embedded.create_topic()
    attributes = {f"{n:0>256}": "v" * 1024 for n in range(100)}
    assert embedded.publish(topic, {"data": bytes(9_800_000), "attributes": attributes})


@pytest.mark.parametrize(
    "wrong",
    [
        {"ack_deadline_seconds": 9},
        {"dead_letter_policy": {"dead_letter_topic": "RUNS", "max_delivery_attempts": 4}},
        {"dead_letter_policy": {"dead_letter_topic": "RUNS", "max_delivery_attempts": 101}},
        {"retry_policy": {"minimum_backoff": {"seconds": 601}}},
        {"retry_policy": {"minimum_backoff": {"seconds": 20}, "maximum_backoff": {"seconds": 10}}},
        {"message_retention_duration": {"seconds": 599}},
        {"message_retention_duration": {"seconds": 32 * 86_400}},
        {"push_config": {"push_endpoint": "https://example.com"}},
        {"push_config": {"push_endpoint": "nonsense"}},
    ],
)
def test_a_setting_out_of_bounds_is_refused(embedded: Any, wrong: dict[str, Any]) -> None:
    topic = embedded.create_topic()
    if "dead_letter_policy" in wrong:
        wrong["dead_letter_policy"]["dead_letter_topic"] = topic
    with pytest.raises(exceptions.InvalidArgument):
        embedded.subscribe(topic, **wrong)


def test_a_dead_letter_topic_must_be_there(embedded: Any) -> None:
    topic = embedded.create_topic()
    with pytest.raises(exceptions.NotFound):
        embedded.subscribe(topic, dead_letter_policy={"dead_letter_topic": embedded.name("topics", "none")})


@pytest.mark.parametrize(
    "unhonoured",
    [
        {"filter": 'attributes.a = "b"'},
        {"enable_message_ordering": True},
        {"enable_exactly_once_delivery": True},
        {"push_config": {"push_endpoint": "http://127.0.0.1/", "oidc_token": {"service_account_email": "a@b.c"}}},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_that_would_be_ignored_is_unimplemented(embedded: Any, unhonoured: dict[str, Any]) -> None:
    topic = embedded.create_topic()
    with pytest.raises(exceptions.MethodNotImplemented, match="does not honour"):
        embedded.subscribe(topic, **unhonoured)


def test_a_call_that_is_missing_is_unimplemented(embedded: Any) -> None:
    subscription = embedded.subscribe(embedded.create_topic())
    with pytest.raises(exceptions.MethodNotImplemented):
        embedded.subscriber.seek(request={"subscription": subscription}, **CALL)


def test_the_push_body_counts_attempts_where_a_dead_letter_policy_does(embedded: Any, target: Any) -> None:
    topic, dead = embedded.create_topic(), embedded.create_topic("dead")
    graves = embedded.subscribe(dead, "graves")
    target.answer = lambda _: 500
    embedded.subscribe(
        topic,
        push_config={"push_endpoint": target.url},
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
        retry_policy=QUICK,
    )
    (id_,) = embedded.publish(topic, {"data": b"poison", "attributes": {"a": "b"}, "ordering_key": "k"})
    pushed = [target.next() for _ in range(5)]
    assert [one["deliveryAttempt"] for one in pushed] == [1, 2, 3, 4, 5]
    assert {one["message"]["orderingKey"] for one in pushed} == {"k"}

    (letter,) = embedded.pull(graves)
    assert letter.message.data == b"poison"
    assert letter.message.message_id != id_
    assert dict(letter.message.attributes) == {
        "a": "b",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "reader",
        "CloudPubSubDeadLetterSourceSubscriptionProject": embedded.project.removeprefix("projects/"),
        "CloudPubSubDeadLetterSourceTopicPublishTime": pushed[0]["message"]["publishTime"],
    }
    assert target.is_quiet


def test_a_pulled_message_tells_its_attempt(embedded: Any) -> None:
    topic, dead = embedded.create_topic(), embedded.create_topic("dead")
    subscription = embedded.subscribe(topic, dead_letter_policy={"dead_letter_topic": dead})
    embedded.publish(topic, {"data": b"x"})
    (first,) = embedded.pull(subscription)
    embedded.set_deadline(subscription, first, 0)
    (second,) = embedded.pull(subscription)
    assert (first.delivery_attempt, second.delivery_attempt) == (1, 2)


@pytest.mark.parametrize("status", [203, 205, 206])
def test_a_status_near_those_that_acknowledge_does_not(embedded: Any, target: Any, status: int) -> None:
    topic = embedded.create_topic()
    answers = [status, 204]
    target.answer = lambda _: answers.pop(0)
    embedded.subscribe(topic, push_config={"push_endpoint": target.url}, retry_policy=QUICK)
    embedded.publish(topic, {"data": b"x"})
    assert target.next()["message"] == target.next()["message"]


def test_without_its_dead_letter_topic_a_message_is_delivered_on(embedded: Any, target: Any) -> None:
    topic, dead = embedded.create_topic(), embedded.create_topic("dead")
    target.answer = lambda _: 500
    embedded.subscribe(
        topic,
        push_config={"push_endpoint": target.url},
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
        retry_policy=QUICK,
    )
    embedded.publisher.delete_topic(topic=dead, **CALL)
    embedded.publish(topic, {"data": b"poison"})
    assert [target.next()["deliveryAttempt"] for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]


def test_sixteen_requests_are_in_flight_and_no_more(embedded: Any, target: Any) -> None:
    topic = embedded.create_topic()
    release, entered = threading.Event(), queue.Queue[int]()

    def answer(_: dict[str, Any]) -> int:
        entered.put(1)
        release.wait(10)
        return 204

    target.answer = answer
    embedded.subscribe(topic, push_config={"push_endpoint": target.url})
    embedded.publish(topic, *[{"data": b"x"}] * 17)
    for _ in range(16):
        entered.get(timeout=5)
    with pytest.raises(queue.Empty):
        entered.get(timeout=0.2)
    release.set()
    entered.get(timeout=5)


def test_a_refused_message_pauses_the_whole_subscription(embedded: Any, target: Any, broker: Broker) -> None:
    topic = embedded.create_topic()
    answered_at: list[float] = []

    def answer(request: Any) -> int:
        answered_at.append(time.monotonic())
        return 500 if request["message"].get("attributes") else 204

    target.answer = answer
    pause = {"minimum_backoff": {"nanos": 300_000_000}, "maximum_backoff": {"seconds": 10}}
    subscription = embedded.subscribe(topic, push_config={"push_endpoint": target.url}, retry_policy=pause)
    embedded.publish(topic, {"attributes": {"poison": "yes"}})
    target.next()
    while broker.subscriptions[subscription].backlog.leased:  # until the refusal has come back
        time.sleep(0.001)
    embedded.publish(topic, {"data": b"good"})
    target.next()
    assert answered_at[1] - answered_at[0] >= 0.3


def test_an_endpoint_without_an_answer_is_asked_again(embedded: Any, target: Any, broker: Broker) -> None:
    topic = embedded.create_topic()
    hang = threading.Event()
    answers: list[Any] = [lambda: hang.wait(10) and 204, lambda: 204]
    target.answer = lambda _: answers.pop(0)()
    subscription = embedded.subscribe(topic, push_config={"push_endpoint": target.url}, retry_policy=QUICK)
    broker.subscriptions[subscription].resource.ack_deadline_seconds = 1  # ten is the least that a client may set
    embedded.publish(topic, {"data": b"x"})
    target.next()  # of the second request; the first still hangs
    hang.set()


def test_an_endpoint_that_is_down_is_asked_again(embedded: Any, target: Any) -> None:
    topic = embedded.create_topic()
    # The port of a listener that was closed again: nobody answers there.
    embedded.subscribe(topic, push_config={"push_endpoint": "http://127.0.0.1:9/"}, retry_policy=QUICK)
    embedded.publish(topic, {"data": b"x"})
    subscription = embedded.name("subscriptions", "reader")
    request = {"subscription": subscription, "push_config": {"push_endpoint": target.url}}
    embedded.subscriber.modify_push_config(request=request, **CALL)
    target.next()


def test_held_messages_are_pushed_after_release(embedded: Any, target: Any, broker: Broker, loop_thread: Any) -> None:
    topic = embedded.create_topic()
    embedded.subscribe(topic, push_config={"push_endpoint": target.url})
    loop_thread.run(broker.hold_push())
    embedded.publish(topic, {"data": b"x"})
    with pytest.raises(queue.Empty):
        target.next(timeout_s=0.2)
    loop_thread.call(broker.release_push)
    target.next()


def test_an_expired_message_is_dropped(embedded: Any, broker: Broker) -> None:
    topic = embedded.create_topic()
    subscription = embedded.subscribe(topic)
    embedded.publish(topic, {"data": b"old"})
    (delivery,) = broker.subscriptions[subscription].backlog.all()
    delivery.message.published_at -= 8 * 86_400
    embedded.publish(topic, {"data": b"new"})
    assert [one.message.data for one in embedded.pull(subscription)] == [b"new"]


def test_what_was_confirmed_survives_a_kill(
    embedded: Any, loop_thread: Any, broker: Broker, tmp_path: Path, target: Any
) -> None:
    topic, dead = embedded.create_topic(), embedded.create_topic("dead")
    subscription = embedded.subscribe(topic, dead_letter_policy={"dead_letter_topic": dead})
    ids = embedded.publish(topic, {"data": b"acked"}, {"data": b"nacked"}, {"data": b"leased"})
    acked, nacked, _ = embedded.pull(subscription)
    embedded.acknowledge(subscription, acked)
    embedded.set_deadline(subscription, nacked, 0)
    # Acknowledgements are written behind; a publish waits for what was given before it.
    embedded.publish(dead, {"data": b"x"})

    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("pubsub.sqlite*"):  # the files as a kill would leave them, with the write-ahead log
        shutil.copy(file, killed)
    reopened: Broker = loop_thread.call(lambda: Broker(killed / "pubsub.sqlite"))
    again = reopened.subscriptions[subscription]
    left = {delivery.message.body.message_id: delivery.attempt for delivery in again.backlog.all()}
    assert left == {ids[1]: 2, ids[2]: 1}
    assert sorted(reopened.topics) == sorted([topic, dead])
    (fresh,) = loop_thread.run(reopened.publish(topic, [delivery.message.body for delivery in again.backlog.all()][:1]))
    assert int(fresh) > max(map(int, ids))
    loop_thread.run(reopened.close())


def test_what_no_subscription_holds_any_more_is_deleted_from_disk(
    embedded: Any, loop_thread: Any, tmp_path: Path
) -> None:
    topic = embedded.create_topic()
    one, two = embedded.subscribe(topic, "one"), embedded.subscribe(topic, "two")
    embedded.publish(topic, {"data": b"x"})
    embedded.acknowledge(one, *embedded.pull(one))
    embedded.subscriber.delete_subscription(subscription=two, **CALL)
    reopened: Broker = loop_thread.call(lambda: Broker(tmp_path / "pubsub.sqlite"))
    assert reopened.subscriptions[one].backlog.unacked == 0
    loop_thread.run(reopened.close())
    import sqlite3

    database = sqlite3.connect(tmp_path / "pubsub.sqlite")
    assert database.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    database.close()
