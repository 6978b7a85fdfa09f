"""What happened to a batch: events that are only ever added, beside the events of its runs."""

import hashlib
from datetime import datetime
from typing import Any, Literal

from shared.contracts.messages.batch import Batch
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.ports import Clock, Jobs, Rows

# As a batch goes through them. ASKED: the API is about to publish it; NOT_PUBLISHED: Pub/Sub did not confirm, and the
# caller was told so. A schedule's batch begins with STARTED. Each attempt has events of its own.
BatchEvent = Literal["ASKED", "NOT_PUBLISHED", "STARTED", "PUBLISHED", "CLOSED"]
# Far above what an attempt has: an event is there again for each time that its message was delivered.
MOST_EVENTS = 10_000


class BatchLog:
    """Writes and reads events of batches."""

    def __init__(self, rows: Rows, jobs: Jobs, clock: Clock, control: DatasetRef) -> None:
        self._rows, self._jobs, self._clock, self._table = rows, jobs, clock, control.table("x_meta_batches")

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
        self._rows.append(self._table, [(event_id, row)])

    def read(self, batch_id: str) -> list[dict[str, Any]]:
        """All events of a batch, the earliest first; none for an unknown one. One query job."""
        sql = Sql(
            f"SELECT * FROM `{self._table}` WHERE batch_id = @batch_id",
            (Parameter("batch_id", "STRING", batch_id),),
        )
        return sorted(self._jobs.select(sql, max_rows=MOST_EVENTS), key=lambda event: event["event_time"])

    def open(self, since: datetime, *, limit: int) -> list[str]:
        """Batches, the earliest first, with an event since then whose last attempt is not CLOSED. One query job."""
        sql = Sql(
            f"""\
SELECT batch_id FROM `{self._table}`
WHERE event_time >= @since
GROUP BY batch_id
HAVING MAX(attempt) > IFNULL(MAX(IF(event = 'CLOSED', attempt, NULL)), 0)
ORDER BY MIN(asked_at), batch_id
LIMIT {limit}""",
            (Parameter("since", "TIMESTAMP", since.isoformat()),),
        )
        return [row["batch_id"] for row in self._jobs.select(sql, max_rows=limit)]
