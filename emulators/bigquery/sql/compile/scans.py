"""The readings of tables that require a filter over their partitions."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulators.bigquery.sql.tables import TableInfo


@dataclass(eq=False)
class Scan:
    """One reading of a table that requires a filter; each use of a CTE makes `copies` of those in it."""

    table: TableInfo
    pruned: bool = False
    unsure: bool = False
    copies: list[Scan] = field(default_factory=list)


Scans = frozenset[Scan]
NO_SCANS: Scans = frozenset()
