"""What a statement sees of tables, and where it looks their names up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from emulators.bigquery.sql import types as t


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


def table_name(uid: int) -> str:
    """What a table is called in compiled text; the runner binds it to a snapshot."""
    return f"src_{uid}"
