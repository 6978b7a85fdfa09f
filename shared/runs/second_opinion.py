"""Ask BigQuery itself what a query would read, and refuse to run it where that is more than the guard saw.

The guard goes by names. Behind a name in the tenant's own dataset there may be a view, which reads on, or the dataset
may bear the tenant's name and not its label: neither is the tenant's to read (rules 3, 4). That is looked up for each
tenant; the dry run is one for all of them.
"""

import hashlib
from functools import partial

from shared.contracts.sql import Sql
from shared.contracts.tables import Column, TableRef
from shared.contracts.tenant import TENANT_LABEL, owner_of_dataset
from shared.errors import IsolationRefused, NotFound, NotOurs
from shared.ports import Catalog, Clock, Jobs
from shared.templating.isolation import confirm
from shared.tenants.freshness import Fresh

# Verdicts are kept for an hour, per query with the tenant's own datasets replaced by a marker (rules 4).
TTL_S = 3_600
MOST_KEPT = 10_000


class DryRunOpinion:
    """One dry run (free) an hour for a template's query, however many tenants run it.

    A tenant's own table is looked at once an hour too: two calls of metadata, none for a query of shared sources only.
    """

    def __init__(self, jobs: Jobs, catalog: Catalog, clock: Clock) -> None:
        self._jobs, self._catalog = jobs, catalog
        self._own: Fresh[TableRef, bool] = Fresh(clock, ttl_s=TTL_S, size=MOST_KEPT)
        self._kept: Fresh[str, tuple[Column, ...]] = Fresh(clock, ttl_s=TTL_S, size=MOST_KEPT)

    def confirm(self, sql: Sql, tenant_id: str) -> tuple[Column, ...] | None:
        """Raise IsolationRefused when the service sees a table that the guard did not, or the tenant's table is a view.

        NotOurs when the tenant's dataset lacks its label, NotFound when there is none, QueryFailed for a wrong query.
        The query's columns, at most an hour old; None where the verdict was given for another tenant, whose own tables
        may have other columns.
        """
        for table in sorted(sql.reads):
            if owner_of_dataset(table.dataset) == tenant_id:
                self._own.get(table, partial(self._is_own, table, tenant_id))
        # Cut at the tenant's id: what is between is the same for all tenants, and no marker could be in it already.
        text = sql.text.split(tenant_id)
        types = [(each.name, each.type, each.array) for each in sql.parameters]
        reads = sorted(str(table).split(tenant_id) for table in sql.reads)
        verdict = hashlib.sha256(repr((text, types, reads)).encode()).hexdigest()
        is_everybodys = len(text) == 1
        asked: list[tuple[Column, ...]] = []

        def ask() -> tuple[Column, ...]:
            asked.append(self._ask(sql))
            return asked[0] if is_everybodys else ()

        kept = self._kept.get(verdict, ask)
        return asked[0] if asked else kept if is_everybodys else None

    def _ask(self, sql: Sql) -> tuple[Column, ...]:
        answer = self._jobs.dry_run(sql)
        confirm(sql, answer.tables)
        return answer.columns

    def _is_own(self, table: TableRef, tenant_id: str) -> bool:
        dataset = self._catalog.get_dataset(table.dataset_ref)
        if dataset is None:
            raise NotFound(f"dataset {table.dataset} is not there; nothing was written to it yet")
        if dataset.labels.get(TENANT_LABEL) != tenant_id:
            raise NotOurs(
                f"dataset {table.dataset} does not bear the label {TENANT_LABEL}={tenant_id}: nothing is read from it"
            )
        if self._catalog.is_view(table):
            raise IsolationRefused(
                f"{table} is no table of rows but reads others (a view or the like); name its tables"
            )
        return True
