"""What the compiler of one form needs of the whole: other expressions, queries, what was found so far.

A module that compiles one form, such as CASE or GROUP BY, is handed a `Compiling` or a `Querying`. Those are
`ExpressionCompiler` (expression_compiler.py) and `QueryCompiler` (queries/query_compiler.py), which import the modules
of the forms.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from emulators.bigquery.errors import ApiError
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.analysis import Analysis
from emulators.bigquery.sql.compile.compiled import Compiled, Cte
from emulators.bigquery.sql.compile.scope import Scope
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


class Compiling(Protocol):
    """Compiles the expressions of one scope."""

    analysis: Analysis
    scope: Scope
    windows: dict[str, s.Window]  # the named ones, by name in lower case
    clause: str  # where the expression stands, for error messages
    has_aggregate: bool
    has_window: bool
    in_aggregate: bool

    def error(self, message: str, node: s.Node) -> ApiError:
        """An invalidQuery at a node."""

    def compile(self, node: s.Expr) -> Value:
        """The node as a typed DuckDB expression; where rows are grouped, one that is the same in each group."""

    def as_type(self, node: s.Expr, kind: t.Type, what: str) -> Value:
        """The node coerced to a type, or an error that names `what`."""

    def ungrouped(self, *scopes: Scope) -> AbstractContextManager[set[str]]:
        """Let columns of these scopes be used in any expression; yields the grouping keys."""

    def subquery(self, query: s.Query) -> Compiled:
        """A query inside the expression; it sees the names that the expression sees."""

    def within(self, scope: Scope) -> Compiling:
        """A compiler of expressions that see the names of another scope."""


class Querying(Protocol):
    """Compiles the queries of one statement."""

    analysis: Analysis
    ctes: list[Cte]  # those in scope, innermost last

    def query(self, query: s.Query, outer: Scope | None) -> Compiled:
        """A query with its CTEs, inside the names of `outer`."""

    def apart(self) -> Querying:
        """A compiler of queries that know none of these CTEs."""
