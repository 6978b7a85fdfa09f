"""What one analysis knows and gathers: parameters, catalog, tables read, columns read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from emulators.bigquery.errors import ApiError, invalid_query
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scan, Scans
from emulators.bigquery.sql.compile.scope import Column
from emulators.bigquery.sql.read.statements import CreateFunction
from emulators.bigquery.sql.read.tokens import line_and_column
from emulators.bigquery.sql.tables import Catalog, TableInfo


@dataclass
class Analysis:
    """State shared by the compilers of one statement."""

    sql: str
    catalog: Catalog
    parameters: dict[str, t.Type]  # by lower-case name, or by index as text
    default_dataset: tuple[str, str] | None = None
    tables: dict[int, TableInfo] = field(default_factory=dict)
    views: list[TableInfo] = field(default_factory=list)
    reads: set[tuple[int, str]] = field(default_factory=set)
    used_parameters: set[str] = field(default_factory=set)
    uses_now: bool = False
    uncacheable: bool = False
    counter: int = 0
    scans: list[Scan] = field(default_factory=list)  # of partitioned tables
    view_depth: int = 0
    functions: dict[str, CreateFunction] = field(default_factory=dict)  # of this request, by name in upper case

    def scan(self, table: TableInfo) -> Scans:
        """A new reading of a table; no scan when it has no partitions."""
        if table.partition_type is None:
            return NO_SCANS
        self.scans.append(Scan(table))
        return frozenset(self.scans[-1:])

    def copies(self, columns: list[Column]) -> list[Column]:
        """Columns of a CTE as one use of it sees them: each use needs a filter of its own."""
        made: dict[Scan, Scan] = {}
        for scan in frozenset().union(*(c.partitions for c in columns)):
            made[scan] = Scan(scan.table)
            scan.copies.append(made[scan])
            self.scans.append(made[scan])
        return [replace(c, partitions=frozenset(made[scan] for scan in c.partitions)) for c in columns]

    def alias(self, prefix: str = "t") -> str:
        """A fresh DuckDB alias."""
        self.counter += 1
        return f"{prefix}{self.counter}"

    def error(self, message: str, pos: int) -> ApiError:
        """An invalidQuery with its place."""
        if self.view_depth:
            return invalid_query(message)
        return invalid_query(f"{message} at {line_and_column(self.sql, pos)}")
