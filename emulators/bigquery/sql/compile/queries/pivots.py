"""Compile PIVOT and UNPIVOT.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#pivot_operator
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import aggregates
from emulators.bigquery.sql.compile.expression_compiler import ExpressionCompiler
from emulators.bigquery.sql.compile.expressions import operators
from emulators.bigquery.sql.compile.scope import Column, Scope, Source
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s

if TYPE_CHECKING:
    from emulators.bigquery.sql.compile.queries.from_clause import FromCompiler

_PIVOTABLE = {"SUM", "AVG", "MIN", "MAX", "COUNT", "ANY_VALUE"}


def compile_pivot(outer: FromCompiler, item: s.Pivot | s.Unpivot) -> str:
    """The operator as a derived table."""
    from emulators.bigquery.sql.compile.queries.from_clause import FromCompiler

    scope = Scope(outer.scope.parent)
    source = FromCompiler(outer.queries, scope).compile(item.source)
    columns = scope.star()
    for column in columns:
        outer.analysis.reads |= column.reads
    alias = outer.analysis.alias()
    if isinstance(item, s.Pivot):
        sql, named = _pivot(outer, item, scope, columns, source)
    else:
        sql, named = _unpivot(outer, item, columns, source)
    outer.add(Source(item.alias, [Column(n, k, f"{alias}.c{i}") for i, (n, k) in enumerate(named)]), item.pos)
    return f"({sql}) AS {alias}"


def _pivot(
    outer: FromCompiler, item: s.Pivot, scope: Scope, columns: list[Column], source: str
) -> tuple[str, list[tuple[str, t.Type]]]:
    c = ExpressionCompiler(outer.analysis, scope, outer.queries)
    value = c.compile(item.input)
    used: set[str] = {value.sql}
    outputs: list[tuple[str, Value]] = []
    if len(item.aggregates) > 1 and not all(name for _, name in item.aggregates):
        raise not_implemented("PIVOT with several aggregates of which one has no alias")
    for expr, alias in item.values:
        if not isinstance(expr, s.Literal):
            raise not_implemented("PIVOT over values that are not literals")
        wanted = c.compile(expr)
        test = operators.compare(c, "=", value, wanted, item)
        if expr.kind == "NULL":
            test = Value(f"({value.sql} IS NULL)", t.BOOL)
        for call, name in item.aggregates:
            if call.name not in _PIVOTABLE or call.distinct or call.order or call.having:
                raise not_implemented(f"{call.name} in PIVOT")
            if call.star:
                result = Value(f"count(*) FILTER (WHERE {test.sql})", t.INT64)
            else:
                used |= {c.compile(a).sql for a in call.args}
                inner = aggregates.AGGREGATES[call.name](c, call, f" FILTER (WHERE {test.sql})")
                result = inner
            label = alias or _label(expr)
            outputs.append((f"{name}_{label}" if name else label, result))
    keys = [col for col in columns if col.sql not in used]
    listed = [(k.name, Value(k.sql, k.type)) for k in keys] + outputs
    select = ", ".join(f"{v.sql} AS c{i}" for i, (_, v) in enumerate(listed))
    group = f" GROUP BY {', '.join(k.sql for k in keys)}" if keys else ""
    return f"SELECT {select} FROM {source}{group}", [(n, v.type) for n, v in listed]


def _label(literal: s.Literal) -> str:
    """The column name a pivot value makes: its text, with other characters as underscores."""
    if (
        literal.kind == "STRING"
        and str(literal.value).replace("_", "a").isalnum()
        and not str(literal.value)[:1].isdigit()
    ):
        return str(literal.value)
    if literal.kind == "INT64" and not str(literal.value).startswith("-"):
        return f"_{literal.value!s}"
    if literal.kind == "BOOL":
        return str(literal.value).upper()
    raise not_implemented("PIVOT values whose column name is not plain; give an alias")


def _unpivot(
    outer: FromCompiler, item: s.Unpivot, columns: list[Column], source: str
) -> tuple[str, list[tuple[str, t.Type]]]:
    by_name = {c.name.lower(): c for c in columns}
    spent: set[str] = set()
    rows: list[tuple[list[Column], str, t.Type]] = []
    for names, label in item.columns:
        if len(names) != len(item.values):
            raise outer.analysis.error("UNPIVOT columns and values differ in number", item.pos)
        found = []
        for name in names:
            if name.lower() not in by_name:
                raise outer.analysis.error(f"Unrecognized name: {name}", item.pos)
            found.append(by_name[name.lower()])
            spent.add(name.lower())
        if label is None:
            rows.append((found, t.text("_".join(names)), t.STRING))
        elif isinstance(label, s.Literal) and label.kind in {"STRING", "INT64"}:
            c = ExpressionCompiler(outer.analysis, Scope(), outer.queries)
            value = c.compile(label)
            rows.append((found, value.sql, value.type))
        else:
            raise not_implemented("UNPIVOT labels that are not literals")
    kinds: list[t.Type] = []
    for i in range(len(item.values)):
        kind = t.supertype([(found[i].type, False, False) for found, _, _ in rows])
        if kind is None or any(found[i].type != kind for found, _, _ in rows):
            raise outer.analysis.error("UNPIVOT columns must all have the same type", item.pos)
        kinds.append(kind)
    keep = [c for c in columns if c.name.lower() not in spent]
    named = [(c.name, c.type) for c in keep] + list(zip(item.values, kinds, strict=True)) + [(item.name, rows[0][2])]
    branches = []
    for found, label_sql, _ in rows:
        parts = [c.sql for c in keep] + [
            convert(Value(f.sql, f.type), k).sql for f, k in zip(found, kinds, strict=True)
        ]
        listed = ", ".join(f"{p} AS c{i}" for i, p in enumerate([*parts, label_sql]))
        test = "" if item.include_nulls else " WHERE " + " OR ".join(f"{f.sql} IS NOT NULL" for f in found)
        branches.append(f"SELECT {listed} FROM {source}{test}")
    return " UNION ALL ".join(branches), named
