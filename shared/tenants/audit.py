"""Record who is about to do what, before it is done: no act is without its record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.contracts.tables import DatasetRef
from shared.errors import ConvergenceError, Unavailable
from shared.logs import log
from shared.ports import Clock, Rows

Actor = Literal["admin", "tenant", "anyone"]


@dataclass(frozen=True)
class Act:
    """What somebody asked for. `fields` are names, never values; `subject` is a key's or a batch's id, or a provider.

    Without `tenant_id` it is about no tenant in particular.

    `audit_id` is the id of the request: the jobs that it starts bear it too.
    """

    audit_id: str
    action: str
    tenant_id: str | None
    actor: Actor
    key_id: str | None
    source_address: str
    subject: str | None = None
    fields: Sequence[str] = ()
    trace: str | None = None


class Audit:
    """Appends to the control table x_meta_audit; queries see a row at once (facts 6)."""

    def __init__(self, rows: Rows, clock: Clock, control: DatasetRef) -> None:
        self._rows, self._clock, self._table = rows, clock, control.table("x_meta_audit")

    def record(self, act: Act) -> None:
        """Record the act. Raises Unavailable where that fails, whatever the reason: then nothing may be done."""
        row = {
            "audit_id": act.audit_id,
            "called_at": self._clock.now().isoformat(),
            "action": act.action,
            "tenant_id": act.tenant_id,
            "actor": act.actor,
            "key_id": act.key_id,
            "source_address": act.source_address,
            "subject": act.subject,
            "fields": list(act.fields),
            "trace": act.trace,
        }
        try:
            self._rows.append(self._table, [(act.audit_id, row)])
        except ConvergenceError as error:
            log("audit_failed", "ERROR", action=act.action, error_code=error.code)
            raise Unavailable("the call could not be recorded in x_meta_audit, so nothing was done") from error
