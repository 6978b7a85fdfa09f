"""Take in a push: from a subscription that the function serves, or else recorded as refused.

Authority comes from the subscription of the push body, never from the message (rules 1).
"""

import hashlib
import json
from collections.abc import Callable, Mapping

from shared.contracts.messages.push import Push, read_push
from shared.contracts.tables import DatasetRef
from shared.errors import MessageRejected, PayloadRefused, PermanentError
from shared.logs import log
from shared.ports import Clock, Rows

# Of a message that is refused, this much is kept; a row of a streaming insert has at most 10 MB (quotas page).
MOST_KEPT_CHARACTERS = 1_000_000


class RejectedMessages:
    """Keeps messages that cannot be run, with the reason."""

    def __init__(self, rows: Rows, clock: Clock, control: DatasetRef) -> None:
        self._rows, self._clock, self._table = rows, clock, control.table("x_meta_rejected_messages")

    def add(self, push: Push | None, body: bytes, error: PermanentError) -> None:
        """Record the message. The same one again, by its id or its bytes, is dropped by its insertId."""
        message = push.message if push else None
        identity = hashlib.sha256(message.message_id.encode() if message and message.message_id else body).hexdigest()
        row = {
            "message_id": message.message_id if message else None,
            "subscription": push.subscription if push else None,
            "publish_time": message.publish_time.isoformat() if message and message.publish_time else None,
            "received_at": self._clock.now().isoformat(),
            "error_code": error.code,
            "error_message": error.message[:8_000],
            "data": (message.data if message else body.decode("utf-8", "replace"))[:MOST_KEPT_CHARACTERS],
            "attributes": json.dumps(message.attributes) if message else None,
        }
        self._rows.append(self._table, [(identity, row)])
        log("message_rejected", "WARNING", error_code=error.code, message_id=row["message_id"])


class Receiver:
    """Pushes of a function's subscriptions, given as full names with what handles a push of each."""

    def __init__(self, handlers: Mapping[str, Callable[[Push], None]], rejected: RejectedMessages) -> None:
        self._handlers, self._rejected = handlers, rejected

    def receive(self, body: bytes) -> None:
        """Hand the push in a request's body to the handler of its subscription; record a message that is refused.

        Returning means: acknowledge. A TransientError that passes means: let it be redelivered.
        """
        push = None
        try:
            push = read_push(body)
            self._handler(push.subscription)(push)
        except (MessageRejected, PayloadRefused) as error:
            self._rejected.add(push, body, error)

    def _handler(self, subscription: str) -> Callable[[Push], None]:
        if subscription not in self._handlers:
            raise MessageRejected(f"this function serves {', '.join(sorted(self._handlers))} only")
        return self._handlers[subscription]
