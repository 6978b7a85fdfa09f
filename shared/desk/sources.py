"""Check `sources.yml`, and say what reading a shared source costs when every tenant's run does it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp, parse_one

from shared.contracts.files.shared_sources import ExaminedSources, SharedSource
from shared.contracts.sql import Sql
from shared.desk.files import SOURCES
from shared.errors import Fault, PermanentError
from shared.templating.isolation import Policy, guard

# BigQuery on demand, US multi-region: $6.25 a TiB, in whole MiB, at least 10 for each table of a query (facts 12).
DOLLARS_PER_TIB = 6.25
LEAST_BYTES = 10 * 1024**2
TENANTS = 10_000

_COMPARISONS = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)


def dollars(bytes_billed: float) -> float:
    """What a query of so many bytes costs on demand."""
    return bytes_billed / 1024**4 * DOLLARS_PER_TIB


def billed(bytes_processed: int, tables: int) -> int:
    """What a query of so many tables bills: whole MiB, at least 10 for each table; nothing where nothing is read.

    >>> billed(16, 2) // 2**20, billed(0, 1), billed(2**20 * 30 + 1, 1) // 2**20
    (20, 0, 31)
    """
    if not bytes_processed or not tables:
        return 0
    return max(-(-bytes_processed // 1024**2) * 1024**2, LEAST_BYTES * tables)


def size(count: float) -> str:
    """Bytes for people.

    >>> size(10 * 1024**2), size(1536), size(5)
    ('10.0 MiB', '1.5 KiB', '5 B')
    """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:,.0f} B" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    raise AssertionError("every size has a unit")


def filter_faults(examined: ExaminedSources, policy_of: Callable[[SharedSource], Policy], *, file: str) -> list[Fault]:
    """Sources whose table is no table, or whose filter is no condition that the guard can put into a query."""
    faults = []
    for index, source in examined.sources.items():
        key = "table"
        try:
            policy = policy_of(source)
            key = "tenant_filter"
            for known in policy.sources:
                guard(Sql(f"SELECT * FROM `{known.table}`"), policy)
        except PermanentError as error:
            line = examined.document.line_of((index, key))
            message = (error.faults[0] if error.faults else error).message
            faults.append(Fault(f"{file}:{line} {index}.{key}", error.code, message))
    return faults


@dataclass(frozen=True)
class Scan:
    """A query's read of a shared source: whether its rows are chosen by day, and by tenant, before they are read."""

    source: SharedSource
    by_day: bool
    by_tenant: bool

    def cost(self, bytes_read: float | None) -> str:
        """The warning's text, with the arithmetic. `bytes_read` is what one run reads, where it is known."""
        lacks = "the whole table"
        if self.by_day:
            lacks = "all tenants' rows of the day"
        elif self.by_tenant:
            lacks = "the tenant's rows of every day"
        price = f"${DOLLARS_PER_TIB}/TiB"
        if bytes_read is None:
            cost = f"${TENANTS * DOLLARS_PER_TIB:,.0f} for each TiB of it, at every date"
            arithmetic = f"{TENANTS:,} tenants × its bytes × {price} = {cost}"
        else:
            billed = max(bytes_read, LEAST_BYTES)
            cost = f"${TENANTS * dollars(billed):,.2f} at every date"
            arithmetic = f"{TENANTS:,} tenants × {size(billed)} × {price} = {cost}"
        mend = []
        if not self.by_day:
            column = self.source.partition_field
            mend.append(f"filter by {column}" if column else "partition it by day")
        if not self.by_tenant:
            mend.append("cluster it by tenant")
        return (
            f"reads {lacks} of shared source {self.source.name!r}: {arithmetic}; {' and '.join(mend)}, or a staging"
            f" table of it, and say so in {SOURCES} (partition_field, cluster_by)"
        )


def scan(text: str, source: SharedSource) -> Scan:
    """How a query reads a source, as far as the two texts tell.

    >>> table = SharedSource(name="a", table="p.d.t", tenant_filter="owner = '{tenant_id}'", partition_field="day")
    >>> found = scan("SELECT * FROM x WHERE DATE(day) = @p1_date", table)
    >>> found.by_day, found.by_tenant
    (True, False)
    """
    day, clusters = source.partition_field, source.cluster_by
    condition = "SELECT 1 WHERE " + re.sub(r"{(\w+)}", r"\1", source.tenant_filter)
    return Scan(
        source,
        by_day=day is not None and _is_compared(text, day),
        by_tenant=bool(clusters) and _is_compared(condition, clusters[0]),
    )


def _is_compared(query: str, column: str) -> bool:
    """Whether the column is compared with something that no row decides, somewhere in the query."""
    for comparison in parse_one(query, read="bigquery").find_all(*_COMPARISONS):
        sides = [one for value in comparison.args.values() for one in (value if isinstance(value, list) else [value])]
        columns = [{found.name.lower() for found in side.find_all(exp.Column)} for side in sides if side is not None]
        if {column.lower()} in columns and set() in columns:
            return True
    return False
