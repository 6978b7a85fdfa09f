"""Who a tenant is, read from its own x_meta_tenant."""

import json

from shared.contracts.tables import TableSchema
from shared.contracts.tenant import Tenant, is_tenant_id
from shared.ports import Clock, Rows
from shared.tenants.freshness import Fresh
from shared.tenants.metadata import metadata_table

# Revocation and suspension hold everywhere within this time (PRODUCT 3).
TTL_S = 60
MOST_KEPT = 20_000


class Directory:
    """Tenants by id: one free `tabledata.list` a tenant a minute, no query job (DESIGN, decision 4)."""

    def __init__(self, rows: Rows, clock: Clock, *, data_project: str, schema: TableSchema) -> None:
        self._rows, self._data_project, self._schema = rows, data_project, schema
        self._kept: Fresh[str, Tenant | None] = Fresh(clock, ttl_s=TTL_S, size=MOST_KEPT)

    def get(self, tenant_id: str) -> Tenant | None:
        """The tenant, or None where there is none; at most `TTL_S` old."""
        if not is_tenant_id(tenant_id):
            return None
        return self._kept.get(tenant_id, lambda: self._read(tenant_id))

    def forget(self, tenant_id: str) -> None:
        """Read this tenant again next time: something about it has changed."""
        self._kept.forget(tenant_id)

    def _read(self, tenant_id: str) -> Tenant | None:
        found = self._rows.stored(metadata_table(self._data_project, tenant_id, "x_meta_tenant"), self._schema, limit=1)
        if not found or found[0]["tenant_id"] != tenant_id:
            return None
        row = found[0]
        return Tenant(
            tenant_id=tenant_id,
            admin_email=row["admin_email"],
            epoch=row["onboarding_epoch"],
            status=row["status"],
            variables=json.loads(row["variables"] or "{}"),
            enabled_templates=tuple(row["enabled_templates"] or ()),
        )
