"""What Pub/Sub refuses, and in which words, before anything is stored.

Sources: https://cloud.google.com/pubsub/quotas#resource_limits and the field comments of google/pubsub/v1.
A field that the embedded service does not honour is UNIMPLEMENTED: better than being ignored.
"""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from emulators.rpc import Code, Refused

MOST_MESSAGES = 1_000
MOST_REQUEST_BYTES = 10_000_000
_MOST_ATTRIBUTES = 100
_MOST_KEY_BYTES = 256
_MOST_VALUE_BYTES = 1_024
_MOST_ORDERING_KEY_BYTES = 1_024

_ACK_DEADLINE_S = range(10, 601)
_DELIVERY_ATTEMPTS = range(5, 101)
_MOST_BACKOFF_S = 600.0
_RETENTION_S = (600.0, 31 * 86_400.0)
DEFAULT_ACK_DEADLINE_S = 10
DEFAULT_RETENTION_S = 7 * 86_400
DEFAULT_BACKOFF_S = (10.0, 600.0)

# https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
_NAME = re.compile(r"projects/[^/]+/(?P<kind>topics|subscriptions)/(?P<id>[A-Za-z][A-Za-z0-9._~+%-]{2,254})")

_SUBSCRIPTION_FIELDS = frozenset(
    {
        "name",
        "topic",
        "push_config",
        "ack_deadline_seconds",
        "message_retention_duration",
        "labels",
        "expiration_policy",  # nothing expires here, whatever it says
        "dead_letter_policy",
        "retry_policy",
    }
)
_PUSH_FIELDS = frozenset({"push_endpoint"})


def seconds(duration: Any) -> float:
    """A protobuf Duration as seconds."""
    return float(duration.seconds + duration.nanos / 1e9)


def check_name(name: str, kind: str) -> None:
    """Refuse what is not `projects/{project}/{kind}/{id}`, kind being `topics` or `subscriptions`."""
    match = _NAME.fullmatch(name)
    if match is None or match["kind"] != kind or match["id"].startswith("goog"):
        raise invalid(f"Invalid [{kind}] name: (name={name})")


def check_publish(request: Any) -> None:
    """Refuse a publish request that the real service would refuse; the whole request or nothing."""
    if not request.messages:
        raise invalid("No messages to publish")
    if len(request.messages) > MOST_MESSAGES:
        raise invalid(f"{len(request.messages)} messages in one request; the maximum is {MOST_MESSAGES}")
    if request.ByteSize() > MOST_REQUEST_BYTES:
        raise invalid(f"request of {request.ByteSize()} bytes; the maximum is {MOST_REQUEST_BYTES}")
    for message in request.messages:
        if not message.data and not message.attributes:
            raise invalid("Some messages are empty: a message needs data or at least one attribute")
        if message.attributes:
            _check_attributes(message.attributes)
        if len(message.ordering_key.encode()) > _MOST_ORDERING_KEY_BYTES:
            raise invalid(f"ordering key longer than {_MOST_ORDERING_KEY_BYTES} bytes")


def check_subscription(subscription: Any) -> None:
    """Refuse a subscription that the real service would refuse or this one would not honour."""
    check_name(subscription.name, "subscriptions")
    _check_honoured(subscription, _SUBSCRIPTION_FIELDS, "subscription")
    check_push_config(subscription.push_config)
    deadline = subscription.ack_deadline_seconds
    if deadline and deadline not in _ACK_DEADLINE_S:
        raise invalid(f"ack_deadline_seconds {deadline}: must be from 10 to 600")
    if subscription.HasField("dead_letter_policy"):
        attempts = subscription.dead_letter_policy.max_delivery_attempts
        if attempts and attempts not in _DELIVERY_ATTEMPTS:
            raise invalid(f"max_delivery_attempts {attempts}: must be from 5 to 100")
    if subscription.HasField("retry_policy"):
        least, most = backoff_s(subscription)
        if not 0 <= least <= most <= _MOST_BACKOFF_S:
            raise invalid(f"retry policy from {least} s to {most} s: must be ascending, from 0 to 600 s")
    if subscription.HasField("message_retention_duration"):
        retention = seconds(subscription.message_retention_duration)
        if not _RETENTION_S[0] <= retention <= _RETENTION_S[1]:
            raise invalid(f"message_retention_duration {retention} s: must be from 10 minutes to 31 days")


def check_push_config(push_config: Any) -> None:
    """Refuse an endpoint that is no plain http URL; an empty one means a pull subscription."""
    _check_honoured(push_config, _PUSH_FIELDS, "push_config")
    endpoint = push_config.push_endpoint
    if endpoint and (urlsplit(endpoint).scheme != "http" or not urlsplit(endpoint).hostname):
        raise invalid(f"Invalid push endpoint {endpoint!r}: the embedded Pub/Sub pushes to http:// URLs")


def backoff_s(subscription: Any) -> tuple[float, float]:
    """Minimum and maximum backoff of a subscription's retry policy, with Pub/Sub's defaults."""
    policy = subscription.retry_policy
    least = seconds(policy.minimum_backoff) if policy.HasField("minimum_backoff") else DEFAULT_BACKOFF_S[0]
    most = seconds(policy.maximum_backoff) if policy.HasField("maximum_backoff") else DEFAULT_BACKOFF_S[1]
    return least, most


def invalid(detail: str) -> Refused:
    """An INVALID_ARGUMENT answer."""
    return Refused(Code.INVALID_ARGUMENT, detail)


def _check_attributes(attributes: Any) -> None:
    if len(attributes) > _MOST_ATTRIBUTES:
        raise invalid(f"{len(attributes)} attributes; the maximum is {_MOST_ATTRIBUTES}")
    for key, value in attributes.items():
        if not key or len(key.encode()) > _MOST_KEY_BYTES or key.startswith("goog"):
            raise invalid("an attribute key must have 1 to 256 bytes and not begin with goog")
        if len(value.encode()) > _MOST_VALUE_BYTES:
            raise invalid(f"attribute {key[:40]!r}: value longer than {_MOST_VALUE_BYTES} bytes")


def _check_honoured(message: Any, fields: Collection[str], what: str) -> None:
    for field, _ in message.ListFields():
        if field.name not in fields:
            raise Refused(Code.UNIMPLEMENTED, f"the embedded Pub/Sub does not honour {what}.{field.name}")
