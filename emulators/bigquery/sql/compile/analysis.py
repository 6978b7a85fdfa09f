"""What one analysis knows and gathers: parameters, catalog, tables read, columns read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from emulators.bigquery.errors import ApiError, invalid_query
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.queries.partition_filters import NO_SCANS, Scan, Scans
from emulators.bigquery.sql.compile.scope import Column
from emulators.bigquery.sql.read.statements import CreateFunction
from emulators.bigquery.sql.read.tokens import line_and_column


@dataclass(frozen=True)
class TableInfo:
    """A table as the analyzer sees it; `view` holds the SQL of a view."""

    uid: int
    project: str
    dataset: str
    name: str
    columns: tuple[tuple[str, t.Type], ...]
    required: frozenset[str] = frozenset()
    view: str | None = None
    partition_field: str | None = None
    partition_type: str | None = None  # DAY, HOUR, MONTH, YEAR, RANGE; None when not partitioned
    require_filter: bool = False
    descriptions: tuple[tuple[str, str], ...] = ()

    @property
    def ingestion_time(self) -> bool:
        """Whether rows are partitioned by when they arrived."""
        return self.partition_type is not None and self.partition_field is None


@dataclass(frozen=True)
class InlineTable:
    """Rows that the catalog makes up (INFORMATION_SCHEMA)."""

    columns: tuple[tuple[str, t.Type], ...]
    sql: str


class Catalog(Protocol):
    """Where table names are looked up, for a job of a `project`."""

    @property
    def project(self) -> str:
        """The project of the job."""

    def table(self, parts: list[str], default: tuple[str, str] | None) -> TableInfo | InlineTable:
        """The table of a path; raises notFound, or invalidQuery for a path that cannot be."""

    def wildcard(self, parts: list[str], default: tuple[str, str] | None) -> list[TableInfo]:
        """The tables of a path that ends in *."""


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
    scans: list[Scan] = field(default_factory=list)  # of tables that require a filter over partitions
    view_depth: int = 0
    functions: dict[str, CreateFunction] = field(default_factory=dict)  # of this request, by name in upper case

    def scan(self, table: TableInfo) -> Scans:
        """A new reading of a table; no scan when it requires no filter."""
        if not table.require_filter:
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
