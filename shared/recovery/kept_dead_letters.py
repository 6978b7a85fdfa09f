"""Keep messages that were given up, with what is known of them: the control table x_meta_dead_letters."""

import hashlib
import json

from shared.contracts.messages.dead_letter import DeadLetter
from shared.contracts.messages.push import Push
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.tables import DatasetRef
from shared.errors import PermanentError
from shared.logs import log
from shared.ports import Clock, Rows
from shared.runs.receive import MOST_KEPT_CHARACTERS


class KeptDeadLetters:
    """Appends to x_meta_dead_letters."""

    def __init__(self, rows: Rows, clock: Clock, control: DatasetRef) -> None:
        self._rows, self._clock, self._table = rows, clock, control.table("x_meta_dead_letters")

    def add(self, push: Push, letter: DeadLetter, error: PermanentError, run: RunMessage | None) -> None:
        """Keep the message. The same one again, by its id, is dropped by its insertId, or harmless."""
        message = push.message
        identity = hashlib.sha256(message.message_id.encode() or message.data.encode()).hexdigest()
        row = {
            "message_id": message.message_id,
            "source_subscription": letter.source,
            "deliveries": letter.deliveries,
            "publish_time": letter.published_at.isoformat(),
            "received_at": self._clock.now().isoformat(),
            "error_code": error.code,
            "error_message": error.message[:8_000],
            "tenant_id": run.tenant_id if run else None,
            "pipeline_logging_id": run.pipeline_logging_id if run else None,
            "batch_id": run.batch_id if run else None,
            "data": message.data[:MOST_KEPT_CHARACTERS],
            "attributes": json.dumps(message.attributes),
        }
        self._rows.append(self._table, [(identity, row)])
        log("dead_letter_kept", "ERROR", error_code=error.code, source=letter.source, message_id=message.message_id)
