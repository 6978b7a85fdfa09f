"""The backends that the Pub/Sub contract holds for, and an endpoint to push to."""

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from emulators.pubsub import Broker, handlers

CALL: dict[str, Any] = {"timeout": 10.0, "retry": None}


class PubSub:
    """Google's clients on one backend, and a project of this test's own."""

    def __init__(self, channel: Any) -> None:
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.project = f"projects/p-{uuid.uuid4().hex[:8]}"

    def name(self, kind: str, short: str) -> str:
        return f"{self.project}/{kind}/{short}"

    def create_topic(self, short: str = "runs") -> str:
        return str(self.publisher.create_topic(name=self.name("topics", short), **CALL).name)

    def publish(self, topic: str, *messages: Mapping[str, Any]) -> list[str]:
        request = {"topic": topic, "messages": list(messages)}
        return list(self.publisher.publish(request=request, **CALL).message_ids)

    def subscribe(self, topic: str, short: str = "reader", **more: Any) -> str:
        request = {"name": self.name("subscriptions", short), "topic": topic, **more}
        return str(self.subscriber.create_subscription(request=request, **CALL).name)

    def pull(self, subscription: str, most: int = 10) -> list[Any]:
        """What there is now; polls, for the service may need a moment."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            request = {"subscription": subscription, "max_messages": most, "return_immediately": True}
            with pytest.warns(DeprecationWarning, match="return_immediately"):
                received = self.subscriber.pull(request=request, **CALL).received_messages
            if received:
                return list(received)
            time.sleep(0.02)
        raise AssertionError(f"nothing came from {subscription}")

    def is_empty(self, subscription: str) -> bool:
        request = {"subscription": subscription, "max_messages": 1, "return_immediately": True}
        with pytest.warns(DeprecationWarning, match="return_immediately"):
            return not self.subscriber.pull(request=request, **CALL).received_messages

    def acknowledge(self, subscription: str, *received: Any) -> None:
        ids = [one.ack_id for one in received]
        self.subscriber.acknowledge(subscription=subscription, ack_ids=ids, **CALL)

    def set_deadline(self, subscription: str, received: Any, deadline_s: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=deadline_s, **CALL
        )


class PushTarget:
    """An endpoint that answers as it is told and hands over what was pushed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: Callable[[dict[str, Any]], int] = lambda _: 204
        self._pushed: queue.Queue[dict[str, Any]] = queue.Queue()

    def receive(self, body: bytes) -> int:
        request: dict[str, Any] = json.loads(body)
        status = self.answer(request)
        self._pushed.put(request)
        return status

    def next(self, timeout_s: float = 10.0) -> dict[str, Any]:
        return self._pushed.get(timeout=timeout_s)

    @property
    def is_quiet(self) -> bool:
        return self._pushed.empty()


class PushServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PushHandler)
        self.target = PushTarget(f"http://127.0.0.1:{self.server_port}/push")

    def handle_error(self, *_: Any) -> None:
        """A client may hang up: the test's own assertions say what matters."""


class PushHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PushServer

    def do_POST(self) -> None:
        self.send_response(self.server.target.receive(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def target() -> Iterator[PushTarget]:
    with PushServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server.target
        server.shutdown()
        thread.join()


@pytest.fixture
def broker(loop_thread: Any, tmp_path: Path) -> Iterator[Broker]:
    broker = loop_thread.call(lambda: Broker(tmp_path / "pubsub.sqlite"))
    loop_thread.call(broker.start)
    yield broker
    loop_thread.run(broker.close())


@pytest.fixture
def embedded(loop_thread: Any, broker: Broker) -> Iterator[PubSub]:
    with loop_thread.channel_to(handlers(broker)) as channel:
        yield PubSub(channel)


@pytest.fixture(params=["embedded", "google"])
def pubsub(request: pytest.FixtureRequest) -> PubSub:
    """Each backend that must behave alike."""
    fixture = "embedded" if request.param == "embedded" else "google_emulator"
    backend: PubSub = request.getfixturevalue(fixture)
    return backend


@pytest.fixture(scope="session")
def _google_channel(google_address: str) -> Iterator[Any]:
    with grpc.insecure_channel(google_address) as channel:
        yield channel


@pytest.fixture
def google_emulator(_google_channel: Any) -> PubSub:
    return PubSub(_google_channel)
