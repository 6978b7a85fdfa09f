"""What Pub/Sub says of a message that it gave up delivering."""

import datetime as dt
from dataclasses import dataclass

from shared.contracts.messages.push import Push
from shared.errors import MessageRejected

_SOURCE = "CloudPubSubDeadLetterSource"


@dataclass(frozen=True)
class DeadLetter:
    """Where the message came from: `source` is the short name of the subscription, `deliveries` how often it was tried.

    The four are attributes that Pub/Sub adds; on the dead-letter topic nobody else may publish. Dead-lettered messages
    have a new message id and publish time; `published_at` is the original one.
    """

    source: str
    deliveries: int
    published_at: dt.datetime
    project: str = ""

    @classmethod
    def of(cls, push: Push) -> "DeadLetter":
        """Read the attributes. Raises MessageRejected where Pub/Sub did not write them."""
        given = push.message.attributes
        try:
            return cls(
                source=given[f"{_SOURCE}Subscription"],
                deliveries=int(given[f"{_SOURCE}DeliveryCount"]),
                published_at=_moment(given[f"{_SOURCE}TopicPublishTime"]),
                project=given.get(f"{_SOURCE}SubscriptionProject", ""),
            )
        except (KeyError, ValueError):
            raise MessageRejected(
                f"the message has not the attributes {_SOURCE}… of a dead letter: Pub/Sub did not put it there"
            ) from None


def _moment(text: str) -> dt.datetime:
    """A time with its zone, as `2025-11-15T08:00:00.123+00:00` or with Z."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment
