"""Compile a call: which kind of function it is of, and what SAFE. means.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-reference
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls import aggregates, special_functions, sql_functions, window_functions
from emulators.bigquery.sql.compile.calls.function_table import FUNCTIONS
from emulators.bigquery.sql.compile.calls.signatures import choose
from emulators.bigquery.sql.compile.calls.unknown import unknown
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.safe import tried
from emulators.bigquery.sql.compile.values import Value, null_of
from emulators.bigquery.sql.read import syntax as s


def call(c: Compiling, node: s.Call) -> Value:
    """A call of any function."""
    if node.name in c.analysis.functions:
        return sql_functions.call(c, c.analysis.functions[node.name], node)
    if node.named and node.name not in special_functions.NAMED_ARGUMENTS:
        raise not_implemented(f"named arguments of {node.name}")
    if node.over is not None:
        return window_functions.windowed(c, node)
    if node.name in aggregates.AGGREGATES:
        return aggregates.aggregate(c, node)
    if node.name in window_functions.WINDOW_ONLY:
        raise c.error(f"Window function {node.name} requires an OVER clause", node)
    return _scalar(c, node)


def _scalar(c: Compiling, node: s.Call) -> Value:
    """A call of a function of one row's values."""
    special = special_functions.SPECIAL.get(node.name)
    lines = FUNCTIONS.get(node.name)
    if special is None and lines is None:
        raise unknown(c, node)
    if node.modified:
        raise c.error(f"Function {node.name} is not an aggregate function", node)
    if node.safe:
        return _safe(c, node, special, lines)
    if special is not None:
        return special(c, node)
    assert lines is not None
    values = [c.compile(arg) for arg in node.args]
    return choose(node.name, lines, values, c.analysis.sql, node.pos)


def _safe(c: Compiling, node: s.Call, special: Callable[..., Value] | None, lines: tuple[str, ...] | None) -> Value:
    """SAFE.f(…): NULL for errors of f itself; errors of its arguments stay errors."""
    if special is not None:
        if any(c.compile(a).fragile for a in node.args if not isinstance(a, s.Interval | s.Name)):
            raise not_implemented(f"SAFE.{node.name} of arguments that may fail themselves")
        value = special(c, replace(node, safe=False))
        return replace(value, sql=f"TRY({value.sql})", fragile=False)
    assert lines is not None
    values = [c.compile(arg) for arg in node.args]
    kinds: list[Value] = []

    def chosen(parts: list[str]) -> str:
        inner = [replace(v, sql=p, items=None) for v, p in zip(values, parts, strict=True)]
        kinds.append(choose(node.name, lines, inner, c.analysis.sql, node.pos))
        return kinds[0].sql

    sql = tried([v.sql if v.type.kind != "NULL" else null_of(t.INT64) for v in values], chosen)
    return replace(kinds[0], sql=sql, fragile=any(v.fragile for v in values))
