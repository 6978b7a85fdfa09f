"""What the parts of a query are when they have been compiled."""

from __future__ import annotations

from dataclasses import dataclass

from emulators.bigquery.sql.compile.scope import Column, Reads
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


@dataclass
class Compiled:
    """A query as DuckDB text; `columns` are its outputs, `Column.sql` being c0, c1, …."""

    sql: str
    columns: list[Column]
    value_table: bool = False
    correlation: frozenset[str] = frozenset()  # the clauses that name something of the queries around; "=" in WHERE
    tables: bool = False  # whether it reads a table, not only arrays


@dataclass
class Cte:
    """A common table expression, compiled where it is named.

    `recursive` is set while its own recursive term is compiled.
    """

    name: str
    compiled: Compiled
    alias: str
    recursive: bool = False


@dataclass
class Item:
    """One output of a SELECT list; `alias` tells whether the text names it, `node` is its expression if it has one."""

    name: str
    value: Value
    reads: Reads
    alias: bool
    node: s.Expr | None = None
    pos: int = 0
    unnamed: bool = False
