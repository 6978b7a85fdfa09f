"""MessageBus: what it returns for is stored."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import pytest
from google.api_core import exceptions as google

from shared.adapters.pubsub import MOST_MESSAGES, PubSubMessageBus, client
from shared.errors import NotFound
from shared.ports import Message, MessageBus
from tests.contract.ports.cloud import Cloud, subscriber
from tests.fakes import FakeMessageBus

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}
ARRIVES_WITHIN_S = 60.0


class Backend(ABC):
    bus: MessageBus
    topic: str

    @abstractmethod
    def received(self, count: int) -> list[tuple[bytes, Mapping[str, str]]]:
        """What subscribers of the topic get, sorted."""


class Fake(Backend):
    def __init__(self) -> None:
        self.topic = "pipeline-runs"
        self.bus = self._bus = FakeMessageBus(self.topic)

    def received(self, count: int) -> list[tuple[bytes, Mapping[str, str]]]:
        return sorted(
            ((message.data, message.attributes) for _, message in self._bus.published), key=lambda each: each[0]
        )


class OnPubSub(Backend):
    """Our adapter on something that speaks Pub/Sub, with a topic and a subscription of this name."""

    def __init__(self, endpoint: str, project: str, name: str) -> None:
        publisher = client(endpoint)
        self._subscriber = subscriber(endpoint)
        self.topic, self._subscription = name, f"projects/{project}/subscriptions/{name}"
        topic = publisher.create_topic(name=f"projects/{project}/topics/{name}", **CALL).name
        self._subscriber.create_subscription(name=self._subscription, topic=topic, **CALL)
        self.bus = PubSubMessageBus(publisher, project)

    def received(self, count: int) -> list[tuple[bytes, Mapping[str, str]]]:
        found: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        deadline = time.monotonic() + ARRIVES_WITHIN_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} messages within {ARRIVES_WITHIN_S:.0f} s"
            try:
                answer = self._subscriber.pull(subscription=self._subscription, max_messages=1_000, **CALL)
            except google.DeadlineExceeded:  # so the service says that there is nothing now
                continue
            messages = [each.message for each in answer.received_messages]
            found |= {each.message_id: (each.data, dict(each.attributes)) for each in messages}
        return sorted(found.values(), key=lambda each: each[0])


@pytest.fixture(params=["fake", "embedded", "google_emulator"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "fake":
        return Fake()
    if request.param == "google_emulator":
        return OnPubSub(request.getfixturevalue("google_address"), "test-project", f"t-{uuid.uuid4().hex}")
    cloud: Cloud = request.getfixturevalue("cloud")
    return OnPubSub(cloud.pubsub, cloud.project, cloud.name())


def test_every_message_has_an_id_of_its_own(backend: Backend) -> None:
    ids = backend.bus.publish(backend.topic, [Message(b"a"), Message(b"b"), Message(b"a")])
    assert len(set(ids)) == 3


def test_what_was_published_arrives_with_its_attributes(backend: Backend) -> None:
    sent = [(b'{"a": 1}', {"tenant_id": "acmeinc_23xv2"}), (bytes(range(256)), {"é": "ü" * 100}), ("…".encode(), {})]
    backend.bus.publish(backend.topic, [Message(data, attributes) for data, attributes in sent])
    assert backend.received(3) == sorted(sent, key=lambda each: each[0])


def test_the_messages_of_two_calls_all_arrive(backend: Backend) -> None:
    first, second = (
        backend.bus.publish(backend.topic, [Message(b"a")]),
        backend.bus.publish(backend.topic, [Message(b"a")]),
    )
    assert first != second
    assert [data for data, _ in backend.received(2)] == [b"a", b"a"]


def test_more_messages_than_one_request_takes_all_arrive(backend: Backend) -> None:
    count = MOST_MESSAGES + 1
    ids = backend.bus.publish(backend.topic, [Message(f"{number:06}".encode()) for number in range(count)])
    assert len(set(ids)) == count
    assert [data for data, _ in backend.received(count)] == [f"{number:06}".encode() for number in range(count)]


def test_no_messages_are_no_ids(backend: Backend) -> None:
    assert backend.bus.publish(backend.topic, []) == []


def test_a_topic_that_is_not_there_is_an_error_for_good(backend: Backend) -> None:
    with pytest.raises(NotFound):
        backend.bus.publish("no-such-topic", [Message(b"a")])
