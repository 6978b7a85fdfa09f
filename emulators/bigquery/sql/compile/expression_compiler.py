"""Compile expressions: every form of them is compiled by the function that FORMS names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from emulators.bigquery.errors import ApiError
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import call, dates
from emulators.bigquery.sql.compile.compiled import Compiled
from emulators.bigquery.sql.compile.compiling import Compiling, Querying
from emulators.bigquery.sql.compile.expressions import (
    casts,
    comparisons,
    conditional,
    constants,
    constructors,
    elements,
    intervals,
    membership,
    names,
    operators,
    patterns,
    subqueries,
)
from emulators.bigquery.sql.compile.expressions.operand_errors import no_operator
from emulators.bigquery.sql.compile.scope import Scope
from emulators.bigquery.sql.compile.values import Value, coerces, convert
from emulators.bigquery.sql.read import syntax as s

FORMS: dict[type[s.Expr], Callable[[Compiling, Any], Value]] = {
    s.Name: names.name,
    s.Field: names.field,
    s.Star: names.star,
    s.Literal: constants.literal,
    s.Param: constants.parameter,
    s.Array: constructors.array,
    s.Struct: constructors.struct,
    s.Index: elements.index,
    s.Unary: operators.unary,
    s.Binary: operators.binary,
    s.Between: comparisons.between,
    s.Is: comparisons.is_,
    s.In: membership.is_in,
    s.Like: patterns.like,
    s.Case: conditional.case,
    s.Cast: casts.cast,
    s.Interval: intervals.interval,
    s.Extract: dates.extract,
    s.Call: call.call,
    s.Subquery: subqueries.subquery,
}


class ExpressionCompiler:
    """Expressions of one scope. `queries` compiles subqueries; `windows` are the named ones."""

    def __init__(self, queries: Querying, scope: Scope) -> None:
        self.analysis = queries.analysis
        self.scope = scope
        self.windows: dict[str, s.Window] = {}
        self.clause = "SELECT"
        self.has_aggregate = False
        self.has_window = False
        self.in_aggregate = False
        self._queries = queries

    def within(self, scope: Scope) -> ExpressionCompiler:
        """A compiler of expressions that see the names of another scope."""
        return ExpressionCompiler(self._queries, scope)

    def subquery(self, query: s.Query) -> Compiled:
        """A query inside the expression; it sees the names that the expression sees."""
        return self._queries.query(query, self.scope)

    def error(self, message: str, node: s.Node) -> ApiError:
        """An invalidQuery at a node."""
        return self.analysis.error(message, node.pos)

    def compile(self, node: s.Expr) -> Value:
        """The node as a typed DuckDB expression; where rows are grouped, one that is the same in each group."""
        if isinstance(node, s.Name | s.Literal | s.Param) or not any(sc.grouped for sc in self.scope.chain()):
            return FORMS[type(node)](self, node)
        with self.ungrouped(*self.scope.chain()) as keys:
            value = FORMS[type(node)](self, node)
        return value if value.sql in keys else FORMS[type(node)](self, node)

    @contextlib.contextmanager
    def ungrouped(self, *scopes: Scope) -> Iterator[set[str]]:
        """Let columns of these scopes be used in any expression; yields the grouping keys."""
        kept = [(scope, scope.grouped) for scope in scopes]
        try:
            for scope in scopes:
                scope.grouped = None
            yield {key for _, keys in kept for key in keys or ()}
        finally:
            for scope, keys in kept:
                scope.grouped = keys

    def as_type(self, node: s.Expr, kind: t.Type, what: str) -> Value:
        """The node coerced to a type, or an error that names `what`."""
        value = self.compile(node)
        if not coerces(value, kind):
            raise self.error(f"{what} should return type {kind}, but returns {value.type}", node)
        return convert(value, kind, self.analysis.sql, node.pos)

    def condition(self, node: s.Expr, clause: str) -> Value:
        """A BOOL for WHERE, ON and the like.

        What AND connects at its top stays so, for DuckDB finds the keys of joins there; as a filter it computes the
        parts in their order as soon as one may fail.
        """
        self.clause = clause
        tests = s.conjuncts(node)
        if len(tests) == 1:
            return self.as_type(node, t.BOOL, f"{clause} clause")
        values = [self.compile(test) for test in tests]
        if not all(coerces(value, t.BOOL) for value in values):
            raise no_operator(self, "AND", values, node)
        sql = " AND ".join(f"({convert(value, t.BOOL).sql})" for value in values)
        return Value(f"({sql})", t.BOOL, fragile=any(value.fragile for value in values))
