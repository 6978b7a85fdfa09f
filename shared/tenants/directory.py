"""Who a tenant is, as its own record says, kept for a minute."""

from shared.contracts.tables import TableSchema
from shared.contracts.tenant import Tenant, is_tenant_id
from shared.errors import TenantSuspended, TenantUnknown
from shared.ports import Clock, Rows
from shared.tenants.freshness import Fresh
from shared.tenants.records import read_record

# Revocation and suspension hold everywhere within this time (rules 3).
TTL_S = 60
MOST_KEPT = 20_000


class Directory:
    """Tenants by id: one free `tabledata.list` a tenant a minute, no query job (decision 4)."""

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

    def confirm(self, tenant_id: str) -> None:
        """Read the tenant now. Raises TenantUnknown or TenantSuspended where it is no longer one or not active.

        Asked before anything is made for it: an off-boarded tenant does not come back by itself (rules 3).
        """
        self._kept.forget(tenant_id)
        tenant = self.get(tenant_id)
        if tenant is None:
            raise TenantUnknown(f"{tenant_id} is no longer a tenant: nothing is made for it")
        if tenant.status != "active":
            raise TenantSuspended(f"{tenant_id} is suspended: nothing is made for it")

    def _read(self, tenant_id: str) -> Tenant | None:
        found = read_record(self._rows, tenant_id, data_project=self._data_project, schema=self._schema)
        return found.tenant if found else None
