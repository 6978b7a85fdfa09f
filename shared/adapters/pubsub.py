"""Pub/Sub by the generated client: one call a batch, and its answer is the confirmation (decision 8)."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
from google.api_core import exceptions as google
from google.api_core.retry import Retry, if_exception_type
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PublishRequest, PubsubMessage

from shared.adapters.google_errors import translated
from shared.errors import NotConfirmed, TransientError
from shared.ports import Message

# Most messages that one publish call takes; Pub/Sub quotas page.
MOST_MESSAGES = 1_000
TIMEOUT_S = 10.0
REQUESTS_AT_ONCE = 4
_RawRequest: Any = type(PublishRequest.pb(PublishRequest()))
_RawMessage: Any = type(PubsubMessage.pb(PubsubMessage()))
# Publishing again what was published gives a second message of the same run, which is harmless; losing one is not.
_RETRY = Retry(
    predicate=if_exception_type(google.ServiceUnavailable, google.InternalServerError, google.Aborted),
    initial=0.1,
    maximum=2.0,
    timeout=TIMEOUT_S,
)


def client(emulator_host: str) -> PublisherClient:
    """Google's generated publisher; with a host, of an embedded Pub/Sub or Google's emulator."""
    if emulator_host:
        return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(emulator_host)))
    return PublisherClient()


class PubSubMessageBus:
    """`ports.MessageBus`."""

    def __init__(self, client: PublisherClient, project: str) -> None:
        self._client, self._project = client, project

    def publish(self, topic: str, messages: Sequence[Message]) -> list[str]:
        """See the port."""
        ids: list[str] = []
        for start in range(0, len(messages), MOST_MESSAGES):
            ids += self._publish(topic, messages[start : start + MOST_MESSAGES])
        return ids

    def publish_chunks(self, topic: str, chunks: Iterable[Sequence[Message]]) -> Iterator[int]:
        """See the port."""
        under_way: deque[Future[Sequence[str]]] = deque()
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for chunk in chunks:
                under_way.append(pool.submit(self._publish, topic, chunk))
                if len(under_way) > REQUESTS_AT_ONCE:
                    yield len(under_way.popleft().result())
            while under_way:
                yield len(under_way.popleft().result())

    def _publish(self, topic: str, messages: Sequence[Message]) -> Sequence[str]:
        # The bare protobuf classes: proto-plus would take several times as long as the call itself.
        request = _RawRequest(
            topic=f"projects/{self._project}/topics/{topic}",
            messages=[_RawMessage(data=message.data, attributes=message.attributes) for message in messages],
        )
        try:
            with translated("Pub/Sub"):
                answer = self._client.publish(PublishRequest.wrap(request), retry=_RETRY, timeout=TIMEOUT_S)
        except TransientError as error:
            raise NotConfirmed(f"Pub/Sub has not confirmed: {error.message}") from error
        return list(answer.message_ids)
