"""What a statement is when it has been compiled: DuckDB text of its rows and effects, their columns, what is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulators.bigquery.errors import invalid_query
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.scans import Scan
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.tables import TableInfo


@dataclass
class Rows:
    """A query: `sql` yields columns c0, c1, … named and typed by `columns`."""

    sql: str
    columns: list[tuple[str, t.Type]]
    repeated: tuple[str, ...] = ()  # names that the query gave more than once
    unnamed: int = 0  # the first column without a name, counted from 1

    def check_names(self, what: str, where: str) -> None:
        """Raise unless each column has a name of its own, as CREATE TABLE AS and CREATE VIEW ask."""
        if self.unnamed:
            raise invalid_query(f"{what} columns must be named, but column {self.unnamed} has no name{where}")
        if self.repeated:
            raise invalid_query(f"{what} has columns with duplicate name {self.repeated[0]}{where}")

    def check_destination(self) -> None:
        """Raise for repeated names, which no table can hold."""
        if self.repeated:
            raise invalid_query(
                "Duplicate column names in the result are not supported when a destination table is present. "
                f"Found duplicate(s): {', '.join(self.repeated)}"
            )


@dataclass
class Effect:
    """What DML does: `sql` yields "_bq_row", act (1 update, 2 delete), then the new columns."""

    sql: str


@dataclass
class Plan:
    """A compiled statement; `rows` of SELECT and INSERT, `effects` and `inserts` of other DML."""

    statement: st.Statement
    kind: str
    rows: Rows | None = None
    target: TableInfo | None = None
    target_columns: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    inserts: list[Rows] = field(default_factory=list)
    tables: dict[int, TableInfo] = field(default_factory=dict)
    views: list[TableInfo] = field(default_factory=list)
    reads: set[tuple[int, str]] = field(default_factory=set)
    scans: list[Scan] = field(default_factory=list)  # of partitioned tables
    parameters: set[str] = field(default_factory=set)
    uses_now: bool = False
    cacheable: bool = True


def named_rows(sql: str, columns: list[tuple[str, t.Type]], unnamed: list[bool]) -> Rows:
    """Rows under the names that a result carries; `unnamed` tells which names were made up."""
    seen: set[str] = set()
    repeated = []
    for (name, _), made_up in zip(columns, unnamed, strict=True):
        if not made_up and name.lower() in seen:
            repeated.append(name)
        seen.add(name.lower())
    first = unnamed.index(True) + 1 if True in unnamed else 0
    return Rows(sql, result_names(columns), tuple(dict.fromkeys(repeated)), first)


def result_names(columns: list[tuple[str, t.Type]]) -> list[tuple[str, t.Type]]:
    """Names as results carry them: anonymous ones get f0_, repeated ones a number.

    >>> [n for n, _ in result_names([("id", t.INT64), ("id", t.INT64)])]
    ['id', 'id_1']
    """
    taken: set[str] = set()
    out = []
    for index, (name, kind) in enumerate(columns):
        unique, number = name or f"f{index}_", 0
        while unique.lower() in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique.lower())
        out.append((unique, kind))
    return out
