"""Compile queries: CTEs, set operations, ORDER BY and LIMIT around SELECTs.

Every SELECT becomes one DuckDB SELECT whose output columns are c0, c1, …; names and types are kept beside it.
Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.compile.analysis import Analysis
from emulators.bigquery.sql.compile.compiled import Compiled, Cte
from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler
from emulators.bigquery.sql.compile.expressions.ordering import order_key, ordinal
from emulators.bigquery.sql.compile.queries.recursion import compile_recursive, references
from emulators.bigquery.sql.compile.queries.selects import SelectCompiler
from emulators.bigquery.sql.compile.queries.set_operations import compile_operation
from emulators.bigquery.sql.compile.scans import NO_SCANS
from emulators.bigquery.sql.compile.scope import Column, Scope, Source
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


class QueryCompiler:
    """Queries of one statement; `ctes` are those in scope, innermost last."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.ctes: list[Cte] = []

    def query(self, query: s.Query, outer: Scope | None) -> Compiled:
        """A query with its CTEs."""
        depth = len(self.ctes)
        prefix = ""
        try:
            if query.ctes:
                prefix = self._with(query, outer)
            compiled = self._body(query, outer)
        finally:
            del self.ctes[depth:]
        return replace(compiled, sql=prefix + compiled.sql)

    def apart(self) -> QueryCompiler:
        """A compiler of queries that know none of these CTEs."""
        return QueryCompiler(self.analysis)

    def _with(self, query: s.Query, outer: Scope | None) -> str:
        parts = []
        seen: set[str] = set()
        for index, (name, inner) in enumerate(query.ctes):
            if name.lower() in seen:
                raise self.analysis.error(f"Duplicate alias {name} for WITH subquery", inner.pos)
            seen.add(name.lower())
            if query.recursive and any(references(inner, later) for later, _ in query.ctes[index + 1 :]):
                raise not_implemented("WITH RECURSIVE with a CTE that reads a later one")
            if query.recursive and references(inner, name):
                cte = compile_recursive(self, name, inner, outer)
            else:
                cte = Cte(name, self.query(inner, outer), self.analysis.alias("w"))
            parts.append(f"{cte.alias} AS ({cte.compiled.sql})")
            self.ctes.append(cte)
        return f"WITH {'RECURSIVE ' if query.recursive else ''}{', '.join(parts)} "

    def _body(self, query: s.Query, outer: Scope | None) -> Compiled:
        body = query.body
        tail = self._limit(query)
        if isinstance(body, s.Select):
            compiled = SelectCompiler(self, body, outer).compile(query.order, tail)
            return _without_scans(compiled) if tail else compiled
        compiled = compile_operation(self, body, outer) if isinstance(body, s.SetOperation) else self.query(body, outer)
        if not query.order and not tail:
            return compiled
        alias = self.analysis.alias("q")
        columns = [replace(c, sql=f"{alias}.{c.sql}") for c in compiled.columns]
        order = self._order_after(query.order, columns, outer)
        compiled = _without_scans(compiled) if tail else compiled
        return replace(compiled, sql=f"SELECT * FROM ({compiled.sql}) AS {alias}{order}{tail}")

    def _order_after(self, order: list[s.OrderItem], columns: list[Column], outer: Scope | None) -> str:
        """ORDER BY over the outputs of a set operation."""
        if not order:
            return ""
        scope = Scope(outer, [Source(None, columns)])
        c = ExpressionCompiler(self, scope)
        keys = []
        for item in order:
            if isinstance(item.expr, s.Literal) and item.expr.kind == "INT64":
                column = ordinal(self.analysis, item.expr, columns)
                keys.append(order_key(Value(column.sql, column.type), item, c))
            else:
                keys.append(order_key(c.compile(item.expr), item, c))
        return " ORDER BY " + ", ".join(keys)

    def _limit(self, query: s.Query) -> str:
        """LIMIT and OFFSET: integer literals, parameters, and casts of them."""
        out = ""
        c = ExpressionCompiler(self, Scope())
        for word, node in (("LIMIT", query.limit), ("OFFSET", query.offset)):
            if node is None:
                continue
            if not isinstance(node, s.Literal | s.Param | s.Cast):
                raise not_implemented(f"{word} of an expression; give an integer literal or a parameter")
            value = c.compile(node)
            if value.type.kind != "INT64":
                raise self.analysis.error(f"{word} expects an integer literal or parameter", node.pos)
            if value.literal is not None and value.literal.startswith("-"):
                raise self.analysis.error(f"{word} expects a non-negative integer literal or parameter", node.pos)
            out += f" {word} {value.sql if value.literal is not None else _counted(value.sql)}"
        return out


def _without_scans(compiled: Compiled) -> Compiled:
    """Filters around LIMIT say nothing about what is read within."""
    return replace(compiled, columns=[replace(c, partitions=NO_SCANS) for c in compiled.columns])


def _counted(sql: str) -> str:
    """A LIMIT that is known as the query runs; DuckDB takes NULL for no limit at all."""
    return (
        f"(SELECT CASE WHEN bq_n IS NULL THEN bq_raise_int('Limit requires non-null count and offset') WHEN bq_n < 0 "
        f"THEN bq_raise_int('Limit requires non-negative count and offset') ELSE bq_n END FROM (SELECT {sql} AS bq_n))"
    )
