"""A tenant's own record, the one row of its x_meta_tenant: read as it is now, changed by whoever saw it last."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableSchema
from shared.contracts.tenant import Tenant, is_tenant_id
from shared.errors import TenantUnknown, Unavailable
from shared.ports import Clock, Jobs, Rows
from shared.tenants.dml import change
from shared.tenants.metadata import metadata_table

_TRIES = 5


@dataclass(frozen=True)
class TenantRecord:
    """The row: the tenant, and when the row was made and last changed."""

    tenant: Tenant
    created_at: datetime | None
    updated_at: datetime | None


def read_record(rows: Rows, tenant_id: str, *, data_project: str, schema: TableSchema) -> TenantRecord | None:
    """The record as it is now, or None where there is no such tenant: one free `tabledata.list`."""
    if not is_tenant_id(tenant_id):
        return None
    found = rows.stored(metadata_table(data_project, tenant_id, "x_meta_tenant"), schema, limit=1)
    if not found or found[0]["tenant_id"] != tenant_id:
        return None
    row = found[0]
    tenant = Tenant(
        tenant_id=tenant_id,
        admin_email=row["admin_email"],
        epoch=row["onboarding_epoch"],
        status=row["status"],
        variables=json.loads(row["variables"] or "{}"),
        enabled_templates=tuple(row["enabled_templates"] or ()),
    )
    return TenantRecord(tenant, row["created_at"], row["updated_at"])


class TenantRecords:
    """Changes records of tenants; nothing of them is kept here."""

    def __init__(self, rows: Rows, jobs: Jobs, clock: Clock, *, data_project: str, schema: TableSchema) -> None:
        self._rows, self._jobs, self._clock = rows, jobs, clock
        self._data_project, self._schema = data_project, schema

    def get(self, tenant_id: str) -> TenantRecord | None:
        """The record as it is now, or None where there is no such tenant."""
        return read_record(self._rows, tenant_id, data_project=self._data_project, schema=self._schema)

    def change(self, tenant_id: str, changed: Callable[[Tenant], Tenant], *, request: str) -> TenantRecord:
        """Make the record what `changed` makes of it, and return it; one that stays the same is not written.

        Of two changes at once each sees the other's: the row is written only as it was read, else read again.
        Raises TenantUnknown where there is no record, and what `changed` raises.
        """
        for number in range(_TRIES):
            seen = self.get(tenant_id)
            if seen is None:
                raise TenantUnknown(f"there is no tenant {tenant_id[:64]!r}")
            wanted = changed(seen.tenant)
            if wanted == seen.tenant:
                return seen
            now = self._clock.now()
            # Never the same time twice, whatever the clocks of two instances say.
            now = max(now, seen.updated_at + timedelta(microseconds=1)) if seen.updated_at else now
            if self._write(wanted, seen, now, f"{request}-{number}"):
                return TenantRecord(wanted, seen.created_at, now)
        raise Unavailable(f"others are changing {tenant_id} all the time; try again")

    def _write(self, wanted: Tenant, seen: TenantRecord, now: datetime, request: str) -> bool:
        parameters = [
            Parameter("status", "STRING", wanted.status),
            Parameter("variables", "STRING", json.dumps(dict(wanted.variables))),
            Parameter("enabled_templates", "STRING", tuple(wanted.enabled_templates), array=True),
            Parameter("updated_at", "TIMESTAMP", now.isoformat()),
        ]
        assigned = ", ".join(f"{each.name} = @{each.name}" for each in parameters)
        as_seen = "updated_at IS NULL"
        if seen.updated_at is not None:
            as_seen = "updated_at = @seen"
            parameters.append(Parameter("seen", "TIMESTAMP", seen.updated_at.isoformat()))
        table = metadata_table(self._data_project, wanted.tenant_id, "x_meta_tenant")
        parameters.append(Parameter("tenant_id", "STRING", wanted.tenant_id))
        parameters.append(Parameter("epoch", "STRING", wanted.epoch))
        # One row, and none where the tenant was off-boarded and onboarded anew meanwhile.
        of_it = f"tenant_id = @tenant_id AND onboarding_epoch = @epoch AND {as_seen}"
        sql = Sql(f"UPDATE `{table}` SET {assigned} WHERE {of_it}", tuple(parameters))
        count = change(
            self._jobs, sql, tenant_id=wanted.tenant_id, request=request, table=table.table, operation="update"
        )
        return count > 0
