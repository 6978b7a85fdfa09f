"""Publishing: an answer is the confirmation, and what is not confirmed is said to be so."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.api_core import exceptions as google
from google.pubsub_v1.services.publisher import PublisherClient

from shared.adapters.pubsub import MOST_MESSAGES, PubSubMessageBus
from shared.errors import AccessDenied, NotConfirmed, NotFound, PayloadRefused
from shared.ports import Message


class Publisher:
    """Answers publish calls with ids, or with what it was given to raise."""

    def __init__(self, *errors: Exception | None) -> None:
        self._errors = list(errors)
        self.sizes: list[int] = []

    def publish(self, request: Any, **_: object) -> Any:
        error = self._errors.pop(0) if self._errors else None
        if error:
            raise error
        self.sizes.append(len(request.messages))
        return SimpleNamespace(message_ids=[f"{len(self.sizes)}-{number}" for number in range(len(request.messages))])


def bus(publisher: Publisher) -> PubSubMessageBus:
    return PubSubMessageBus(cast(PublisherClient, publisher), "p")


def made(kind: Any) -> Exception:
    return cast(Exception, kind("x"))


@pytest.mark.parametrize(
    "kind",
    [
        google.ServiceUnavailable,
        google.DeadlineExceeded,
        google.InternalServerError,
        google.ResourceExhausted,
        google.Cancelled,
    ],
)
def test_an_answer_that_did_not_come_is_no_confirmation(kind: type[Exception]) -> None:
    with pytest.raises(NotConfirmed):
        bus(Publisher(made(kind))).publish("t", [Message(b"a")])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(google.NotFound, NotFound), (google.PermissionDenied, AccessDenied), (google.InvalidArgument, PayloadRefused)],
)
def test_a_refusal_is_one_for_good(kind: type[Exception], expected: type[Exception]) -> None:
    with pytest.raises(expected):
        bus(Publisher(made(kind))).publish("t", [Message(b"a")])


def test_no_request_has_more_messages_than_pubsub_takes() -> None:
    publisher = Publisher()
    ids = bus(publisher).publish("t", [Message(b"a")] * (2 * MOST_MESSAGES + 1))
    assert publisher.sizes == [MOST_MESSAGES, MOST_MESSAGES, 1]
    assert (len(ids), len(set(ids))) == (2 * MOST_MESSAGES + 1, 2 * MOST_MESSAGES + 1)


def test_when_a_later_request_is_not_confirmed_the_whole_is_not() -> None:
    with pytest.raises(NotConfirmed):
        bus(Publisher(None, made(google.ServiceUnavailable))).publish("t", [Message(b"a")] * (MOST_MESSAGES + 1))
