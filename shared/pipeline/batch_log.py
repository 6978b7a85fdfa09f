"""What happened to a batch: events that are only ever added, beside the events of its runs."""

import hashlib
from collections.abc import Callable
from typing import Literal

from shared.contracts.batches import Batch
from shared.contracts.tables import DatasetRef
from shared.ports import Clock, Rows

BatchEvent = Literal["STARTED", "PUBLISHED", "CLOSED"]


class BatchLog:
    """Writes events of batches."""

    def __init__(self, rows: Callable[[], Rows], clock: Clock, control: DatasetRef) -> None:
        self._rows, self._clock, self._table = rows, clock, control.table("x_meta_batches")

    def add(
        self, batch: Batch, event: BatchEvent, *, expected: int | None = None, published: int | None = None
    ) -> None:
        """Add an event; the same again is dropped by its insertId, or harmless."""
        parts = (batch.batch_id, str(batch.attempt), batch.only or "", event)
        event_id = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        first, last = batch.days[0], batch.days[-1]
        row = {
            "event_id": event_id,
            "event_time": self._clock.now().isoformat(),
            "batch_id": batch.batch_id,
            "event": event,
            "attempt": batch.attempt,
            "provider": batch.address.provider,
            "domain": batch.address.domain,
            "template_name": batch.address.template_name,
            "first_date": first.isoformat() if first else None,
            "last_date": last.isoformat() if last else None,
            "trigger_by": batch.trigger_by,
            "asked_at": batch.asked_at.isoformat(),
            "expected": expected,
            "published": published,
            "message": batch.message().model_dump_json(by_alias=True),
        }
        self._rows().append(self._table, [(event_id, row)])
