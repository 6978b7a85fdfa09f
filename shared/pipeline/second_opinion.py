"""Ask BigQuery itself what a query would read, and refuse to run it where that is more than the guard saw."""

import hashlib

from shared.contracts.sql import Sql
from shared.ports import Clock, Jobs
from shared.templating.isolation import Guarded, confirm
from shared.tenants.freshness import Fresh

# PRODUCT 4: verdicts are kept for an hour, per query with the tenant's own datasets replaced by a marker.
TTL_S = 3_600
MOST_KEPT = 10_000


class DryRunOpinion:
    """One dry run (free) an hour for a template's query, however many tenants run it."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._kept: Fresh[str, bool] = Fresh(clock, ttl_s=TTL_S, size=MOST_KEPT)

    def confirm(self, sql: Sql, tenant_id: str) -> None:
        """Raise IsolationRefused when the service sees a table that the guard did not; QueryFailed when it is wrong."""
        # Cut at the tenant's id: what is between is the same for all tenants, and no marker could be in it already.
        text = sql.text.split(tenant_id)
        types = [(each.name, each.type, each.array) for each in sql.parameters]
        reads = sorted(str(table).split(tenant_id) for table in sql.reads)
        verdict = hashlib.sha256(repr((text, types, reads)).encode()).hexdigest()
        self._kept.get(verdict, lambda: self._ask(sql))

    def _ask(self, sql: Sql) -> bool:
        confirm(Guarded(sql, sql.reads, ()), self._jobs.dry_run(sql).tables)
        return True
