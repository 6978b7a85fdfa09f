"""Compile expressions: resolve names, type every part, refuse what is not known."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from emulators.bigquery.errors import ApiError, not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile import literals
from emulators.bigquery.sql.compile.calls import aggregates, special_functions, sql_functions, window_functions
from emulators.bigquery.sql.compile.calls.function_table import FUNCTIONS
from emulators.bigquery.sql.compile.calls.signatures import choose, tried
from emulators.bigquery.sql.compile.expressions import casts, names, operators
from emulators.bigquery.sql.compile.scope import Scope
from emulators.bigquery.sql.compile.type_names import type_of
from emulators.bigquery.sql.compile.values import (
    Value,
    array_sql,
    coerces,
    common,
    common_type,
    convert,
    null_of,
    struct_sql,
)
from emulators.bigquery.sql.read import syntax as s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulators.bigquery.sql.compile.analysis import Analysis
    from emulators.bigquery.sql.compile.queries.query_compiler import QueryCompiler


class ExpressionCompiler:
    """Expressions of one scope. `queries` compiles subqueries; `windows` are the named ones."""

    def __init__(self, analysis: Analysis, scope: Scope, queries: QueryCompiler) -> None:
        self.analysis = analysis
        self.scope = scope
        self.queries = queries
        self.windows: dict[str, s.Window] = {}
        self.clause = "SELECT"  # where the expression stands, for error messages
        self.has_aggregate = False
        self.has_window = False
        self.in_aggregate = False

    def error(self, message: str, node: s.Node) -> ApiError:
        """An invalidQuery at a node."""
        return self.analysis.error(message, node.pos)

    def compile(self, node: s.Expr) -> Value:
        """The node as a typed DuckDB expression; where rows are grouped, one that is the same in each group."""
        if isinstance(node, s.Name | s.Literal | s.Param) or not any(sc.grouped for sc in self.scope.chain()):
            return _COMPILERS[type(node)](self, node)
        with self.ungrouped(*self.scope.chain()) as keys:
            value = _COMPILERS[type(node)](self, node)
        return value if value.sql in keys else _COMPILERS[type(node)](self, node)

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
            raise operators.no_operator(self, "AND", values, node)
        sql = " AND ".join(f"({convert(value, t.BOOL).sql})" for value in values)
        return Value(f"({sql})", t.BOOL, fragile=any(value.fragile for value in values))

    # -- literals and parameters -----------------------------------------------------------------------

    def _literal(self, node: s.Literal) -> Value:
        sql = self.analysis.sql
        if node.kind == "NULL":
            return Value("NULL", t.NULL)
        if node.kind == "BOOL":
            return Value("TRUE" if node.value else "FALSE", t.BOOL)
        if isinstance(node.value, bytes):
            return Value(literals.bytes_literal(node.value), t.BYTES)
        written = str(node.value)
        if node.kind == "STRING":
            return Value(t.text(written), t.STRING, literal=written)
        if node.kind in {"INT64", "FLOAT64"}:
            return Value(literals.number(node.kind, written, sql, node.pos), t.Type(node.kind), literal=written)
        kind = t.Type(node.kind)
        try:
            return Value(literals.from_text(node.kind, written, sql, node.pos), kind)
        except ApiError as error:
            raise self.error(f"Invalid {node.kind} literal", node) from error

    def _param(self, node: s.Param) -> Value:
        key = node.name if node.name is not None else str(node.index)
        kind = self.analysis.parameters.get(key)
        if kind is None:
            if node.name is None:
                raise self.error("Query parameter number out of range: no value was given for it", node)
            raise self.error(f"Query parameter '{node.name}' not found", node)
        self.analysis.used_parameters.add(key)
        return Value(f"CAST($p_{key} AS {kind.duck})", kind, parameter=True)

    def _array(self, node: s.Array) -> Value:
        items = [self.compile(item) for item in node.items]
        if node.type is not None:
            kind = type_of(node.type)
            for item, source in zip(items, node.items, strict=True):
                if not coerces(item, kind.of):
                    raise self.error(f"Array element type {item.type} does not coerce to {kind.of}", source)
            parts = [convert(i, kind.of, self.analysis.sql, node.pos) for i in items]
            return Value(array_sql(kind, [p.sql for p in parts]), kind, fragile=any(i.fragile for i in items))
        if not items:
            return Value(f"CAST([] AS {t.INT64.duck}[])", t.array_of(t.INT64), items=())
        converted, element = common(
            items, self.analysis.sql, node.pos, "Array elements of types do not have a common supertype"
        )
        if element.kind == "ARRAY":
            raise self.error(
                "Cannot construct array with element type ARRAY because nested arrays are not supported", node
            )
        kind = t.array_of(element)
        sql = array_sql(kind, [c.sql for c in converted])
        return Value(sql, kind, items=tuple(converted), fragile=any(i.fragile for i in items))

    def _struct(self, node: s.Struct) -> Value:
        items = [self.compile(expr) for expr, _ in node.fields]
        if node.type is not None:
            kind = type_of(node.type)
            if len(kind.fields) != len(items):
                raise self.error(
                    f"STRUCT type has {len(kind.fields)} fields but constructor call has {len(items)} fields", node
                )
            for item, (name, field), (source, _) in zip(items, kind.fields, node.fields, strict=True):
                if not coerces(item, field):
                    raise self.error(f"Struct field {name} has type {field} which does not match {item.type}", source)
            items = [convert(i, f, self.analysis.sql, node.pos) for i, f in zip(items, kind.types, strict=True)]
        else:
            untyped = [i if i.type.kind != "NULL" else convert(i, t.INT64) for i in items]
            names = [alias or own_name(expr) for expr, alias in node.fields]
            kind = t.struct_of([(n, i.type) for n, i in zip(names, untyped, strict=True)])
            items = untyped if not any(i.type.kind == "NULL" for i in items) else items
            if not kind.fields:
                raise not_implemented("a STRUCT without fields")
            fragile = any(i.fragile for i in items)
            return Value(struct_sql(kind, [u.sql for u in untyped]), kind, items=tuple(items), fragile=fragile)
        return Value(struct_sql(kind, [i.sql for i in items]), kind, fragile=any(i.fragile for i in items))

    def _between(self, node: s.Between) -> Value:
        values = [self.compile(part) for part in (node.value, node.low, node.high)]
        if common_type(values[:2]) is None or common_type(values[::2]) is None:
            raise operators.no_operator(self, "BETWEEN", values, node)
        low = s.Binary(node.pos, ">=", node.value, node.low)
        high = s.Binary(node.pos, "<=", node.value, node.high)
        both = operators.binary(self, s.Binary(node.pos, "AND", low, high))
        return replace(both, sql=f"(NOT {both.sql})") if node.negated else both

    def _interval(self, node: s.Interval) -> Value:
        del node
        raise not_implemented("INTERVAL values other than as an argument of date and time arithmetic")

    def _star(self, node: s.Star) -> Value:
        raise self.error('Syntax error: Unexpected "*"', node)

    # -- calls and subqueries --------------------------------------------------------------------------

    def _call(self, node: s.Call) -> Value:
        if node.name in self.analysis.functions:
            return sql_functions.call(self, self.analysis.functions[node.name], node)
        if node.named and node.name not in special_functions.NAMED_ARGUMENTS:
            raise not_implemented(f"named arguments of {node.name}")
        if node.over is not None:
            return window_functions.windowed(self, node)
        if node.name in aggregates.AGGREGATES:
            return aggregates.aggregate(self, node)
        if node.name in window_functions.WINDOW_ONLY:
            raise self.error(f"Window function {node.name} requires an OVER clause", node)
        if node.distinct or node.star or node.order or node.limit or node.nulls or node.having:
            if node.name in FUNCTIONS or node.name in special_functions.SPECIAL:
                raise self.error(f"Function {node.name} is not an aggregate function", node)
            raise self.unknown_function(node)
        special = special_functions.SPECIAL.get(node.name)
        lines = FUNCTIONS.get(node.name)
        if special is None and lines is None:
            raise self.unknown_function(node)
        if node.safe:
            return self._safe(node, special, lines)
        if special is not None:
            return special(self, node)
        assert lines is not None
        values = [self.compile(arg) for arg in node.args]
        return choose(node.name, lines, values, self.analysis.sql, node.pos)

    def _safe(self, node: s.Call, special: Callable[..., Value] | None, lines: tuple[str, ...] | None) -> Value:
        """SAFE.f(…): NULL for errors of f itself; errors of its arguments stay errors."""
        if special is not None:
            if any(self.compile(a).fragile for a in node.args if not isinstance(a, s.Interval | s.Name)):
                raise not_implemented(f"SAFE.{node.name} of arguments that may fail themselves")
            value = special(self, replace(node, safe=False))
            return replace(value, sql=f"TRY({value.sql})", fragile=False)
        assert lines is not None
        values = [self.compile(arg) for arg in node.args]
        kinds: list[Value] = []

        def call(parts: list[str]) -> str:
            inner = [replace(v, sql=p, items=None) for v, p in zip(values, parts, strict=True)]
            kinds.append(choose(node.name, lines, inner, self.analysis.sql, node.pos))
            return kinds[0].sql

        sql = tried([v.sql if v.type.kind != "NULL" else null_of(t.INT64) for v in values], call)
        return replace(kinds[0], sql=sql, fragile=any(v.fragile for v in values))

    def unknown_function(self, node: s.Call) -> ApiError:
        """Not in the allow-list: the embedded service's no for BigQuery's functions, BigQuery's for others."""
        families = special_functions.KNOWN_FAMILIES
        if node.name in special_functions.KNOWN_BUT_REFUSED or node.name.startswith(families):
            return not_implemented(f"the function {node.name}")
        return self.error(f"Function not found: {node.name}", node)

    def check_correlation(self, clauses: frozenset[str], tables: bool) -> None:
        """Refuse a correlated subquery over a table that may be none that BigQuery can turn into a join.

        Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/subqueries#correlated_subquery_concepts
        """
        if tables and clauses and not ("=" in clauses and clauses <= {"=", "WHERE"}):
            raise not_implemented(
                "a correlated subquery over a table that is not tied to the query around it by an equality in its "
                "WHERE alone; BigQuery runs those only that it can turn into a join"
            )

    def _subquery(self, node: s.Subquery) -> Value:
        with self.ungrouped(*([self.scope] if self.in_aggregate else [])):
            compiled = self.queries.subquery(node.query, self.scope)
        self.check_correlation(compiled.correlation, compiled.tables)
        for column in compiled.columns:
            self.analysis.reads |= column.reads
        if node.kind == "exists":
            return Value(f"EXISTS ({compiled.sql})", t.BOOL)
        if len(compiled.columns) != 1:
            if node.kind == "array":
                raise self.error(
                    "ARRAY subquery cannot have more than one column unless using SELECT AS STRUCT "
                    "to build STRUCT values",
                    node,
                )
            raise self.error(
                "Scalar subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values",
                node,
            )
        column = compiled.columns[0]
        if node.kind == "array":
            if column.type.kind == "ARRAY":
                raise self.error(
                    "Cannot use array subquery with column of type ARRAY because nested arrays are not supported", node
                )
            sql = f"(SELECT COALESCE(list(bq_q.{column.sql}), []) FROM ({compiled.sql}) AS bq_q)"
            return Value(sql, t.array_of(column.type), fragile=True)
        return Value(f"({compiled.sql})", column.type, fragile=True)


def own_name(node: s.Expr) -> str:
    """The name a struct field or select item takes from its expression."""
    if isinstance(node, s.Name | s.Field):
        return node.name
    return ""


_COMPILERS: dict[type, Callable[..., Value]] = {
    s.Name: names.name,
    s.Field: names.field,
    s.Literal: ExpressionCompiler._literal,
    s.Param: ExpressionCompiler._param,
    s.Array: ExpressionCompiler._array,
    s.Struct: ExpressionCompiler._struct,
    s.Unary: operators.unary,
    s.Binary: operators.binary,
    s.Between: ExpressionCompiler._between,
    s.In: operators.is_in,
    s.Like: operators.like,
    s.Is: operators.is_,
    s.Case: operators.case,
    s.Cast: casts.cast,
    s.Index: operators.index,
    s.Extract: special_functions.extract,
    s.Interval: ExpressionCompiler._interval,
    s.Star: ExpressionCompiler._star,
    s.Call: ExpressionCompiler._call,
    s.Subquery: ExpressionCompiler._subquery,
}
