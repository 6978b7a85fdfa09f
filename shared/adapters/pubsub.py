"""Pub/Sub by the generated client: one call a batch, and its answer is the confirmation (DESIGN, decision 8)."""

from collections.abc import Sequence

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
        name = f"projects/{self._project}/topics/{topic}"
        ids: list[str] = []
        for start in range(0, len(messages), MOST_MESSAGES):
            request = PublishRequest(
                topic=name,
                messages=[
                    PubsubMessage(data=message.data, attributes=dict(message.attributes))
                    for message in messages[start : start + MOST_MESSAGES]
                ],
            )
            try:
                with translated("Pub/Sub"):
                    ids += self._client.publish(request, retry=_RETRY, timeout=TIMEOUT_S).message_ids
            except TransientError as error:
                raise NotConfirmed(f"Pub/Sub has not confirmed: {error.message}") from error
        return ids
