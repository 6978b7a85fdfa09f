"""The readings of partitioned tables, and what filters say of their partitions."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulators.bigquery.sql.tables import TableInfo


@dataclass(eq=False)
class Scan:
    """One reading of a partitioned table; each use of a CTE makes `copies` of those in it.

    `filters` are texts over the bounds of a partition, which all hold for one that is read (`queries/pruning.py`).
    """

    table: TableInfo
    pruned: bool = False
    unsure: bool = False
    filters: list[str] = field(default_factory=list)
    copies: list[Scan] = field(default_factory=list)


Scans = frozenset[Scan]
NO_SCANS: Scans = frozenset()
