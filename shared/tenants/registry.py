"""The registry of tenants, control table x_meta_tenants: a row in it marks an onboarding that is complete."""

from dataclasses import dataclass, fields
from datetime import datetime

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.contracts.tenant import Tenant, TenantStatus
from shared.errors import Unavailable
from shared.ports import Jobs
from shared.settings import Settings
from shared.tenants.dml import change
from shared.tenants.records import TenantRecords

_LOOKS = 5


@dataclass(frozen=True)
class Registered:
    """A row of the registry, as it is listed."""

    tenant_id: str
    status: TenantStatus
    admin_email: str
    enabled_templates: tuple[str, ...]
    onboarded_at: datetime


class Registry:
    """Reads and writes rows of x_meta_tenants, by DML: loads into one table have a daily limit, DML has none (facts 4).

    Every write takes the id of the `request` that it belongs to: the same one again does nothing.
    """

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self._jobs, self._settings = jobs, settings
        self._table = DatasetRef(settings.gcp_project_id, settings.control_dataset).table("x_meta_tenants")

    def has(self, tenant_id: str) -> bool:
        """Whether the tenant is entered."""
        return self.epoch(tenant_id) is not None

    def epoch(self, tenant_id: str) -> str | None:
        """The epoch of the onboarding that entered the tenant, or None where it is not entered."""
        sql = f"SELECT onboarding_epoch FROM `{self._table}` WHERE tenant_id = @tenant_id LIMIT 1"
        found = self._jobs.select(Sql(sql, (Parameter("tenant_id", "STRING", tenant_id),)))
        return str(found[0]["onboarding_epoch"]) if found else None

    def page(self, *, limit: int, after: str = "", status: TenantStatus | None = None) -> list[Registered]:
        """At most `limit` tenants in the order of their ids, those that come `after` this one: one query job."""
        wanted, parameters = "tenant_id > @after", [Parameter("after", "STRING", after)]
        if status:
            wanted += " AND status = @status"
            parameters.append(Parameter("status", "STRING", status))
        names = [column.name for column in fields(Registered)]
        sql = f"SELECT {', '.join(names)} FROM `{self._table}` WHERE {wanted} ORDER BY tenant_id LIMIT {limit}"
        found = self._jobs.select(Sql(sql, tuple(parameters)), max_rows=limit)
        return [
            Registered(**{**{name: row[name] for name in names}, "enabled_templates": tuple(row["enabled_templates"])})
            for row in found
        ]

    def enter(self, tenant: Tenant, *, onboarded_at: datetime, request: str) -> None:
        """Add the tenant's row."""
        parameters = (
            Parameter("tenant_id", "STRING", tenant.tenant_id),
            Parameter("admin_email", "STRING", tenant.admin_email),
            Parameter("data_project_id", "STRING", self._settings.data_project),
            Parameter("location", "STRING", self._settings.location),
            Parameter("onboarding_epoch", "STRING", tenant.epoch),
            Parameter("onboarded_at", "TIMESTAMP", onboarded_at.isoformat()),
            *_changeable(tenant),
        )
        names = [parameter.name for parameter in parameters]
        sql = f"INSERT INTO `{self._table}` ({', '.join(names)}) VALUES (@{', @'.join(names)})"
        self._change(Sql(sql, parameters), tenant.tenant_id, request, "insert")

    def follow(self, tenant_id: str, records: TenantRecords, *, request: str) -> None:
        """Let the tenant's row say what its own record says; without one of them nothing happens.

        The record is read again afterwards: of two who change it at once, the slower must not leave here what the other
        has replaced there.
        """
        for number in range(_LOOKS):
            seen = records.get(tenant_id)
            if seen is None:
                return
            self._update(seen.tenant, f"{request}-{number}")
            if records.get(tenant_id) == seen:
                return
        raise Unavailable(f"others are changing {tenant_id} all the time; try again")

    def _update(self, tenant: Tenant, request: str) -> None:
        parameters = _changeable(tenant)
        assigned = ", ".join(f"{each.name} = @{each.name}" for each in parameters)
        sql = f"UPDATE `{self._table}` SET {assigned} WHERE tenant_id = @tenant_id"
        parameters = (*parameters, Parameter("tenant_id", "STRING", tenant.tenant_id))
        self._change(Sql(sql, parameters), tenant.tenant_id, request, "update")

    def remove(self, tenant_id: str, epoch: str, *, request: str) -> bool:
        """Take out the row that the onboarding of this epoch has entered; whether there was one."""
        sql = f"DELETE FROM `{self._table}` WHERE tenant_id = @tenant_id AND onboarding_epoch = @epoch"
        parameters = Parameter("tenant_id", "STRING", tenant_id), Parameter("epoch", "STRING", epoch)
        return self._change(Sql(sql, parameters), tenant_id, request, "delete") > 0

    def _change(self, sql: Sql, tenant_id: str, request: str, operation: str) -> int:
        return change(
            self._jobs, sql, tenant_id=tenant_id, request=request, table=self._table.table, operation=operation
        )


def _changeable(tenant: Tenant) -> tuple[Parameter, ...]:
    """What may change after the onboarding."""
    return (
        Parameter("status", "STRING", tenant.status),
        Parameter("enabled_templates", "STRING", tuple(tenant.enabled_templates), array=True),
    )
