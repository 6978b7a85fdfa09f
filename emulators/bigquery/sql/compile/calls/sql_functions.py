"""Call a SQL function that the same request defines: its expression, with the arguments in place of the parameters.

Source: https://cloud.google.com/bigquery/docs/user-defined-functions#sql-udf-structure
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.scope import Column, Scope, Source
from emulators.bigquery.sql.compile.type_names import type_of
from emulators.bigquery.sql.compile.values import Value, coerces, convert, untyped
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read import syntax as s

# What gives another value each time: an argument may stand in several places.
_VOLATILE = ("random(", "uuid(")


def call(c: Compiling, function: st.CreateFunction, node: s.Call) -> Value:
    """The value of a call; raises what the analyzer would for other arguments than those declared."""
    if node.safe or node.named or node.over or node.modified:
        raise not_implemented(f"calls of the function {function.name} with SAFE., OVER or modifiers of arguments")
    values = [c.compile(argument) for argument in node.args]
    if any(word in value.sql for value in values for word in _VOLATILE):
        raise not_implemented(f"random arguments of the function {function.name}")
    kinds = [None if kind is None else type_of(kind) for _, kind in function.parameters]
    if not _fit(values, kinds):
        place = str(c.error("", node).message)
        raise t.no_signature(f"function {function.name}", [v.type for v in values], place)
    columns = [
        _parameter(c, name, value, kind, node)
        for (name, _), value, kind in zip(function.parameters, values, kinds, strict=True)
    ]
    result = _body(c, function, columns)
    return Value(result.sql, result.type, fragile=True)


def _fit(values: list[Value], kinds: list[t.Type | None]) -> bool:
    """Whether the arguments are as many and of such types as declared; None is ANY TYPE."""
    if len(values) != len(kinds):
        return False
    return all(kind is None or coerces(value, kind) for value, kind in zip(values, kinds, strict=True))


def _parameter(c: Compiling, name: str, value: Value, kind: t.Type | None, node: s.Call) -> Column:
    if value.type.kind == "NULL":
        kind = kind or t.INT64
        return Column(name, kind, untyped(value.sql, kind))
    given = value if kind is None else convert(value, kind, c.analysis.sql, node.pos)
    return Column(name, given.type, f"({given.sql})")


def _body(c: Compiling, function: st.CreateFunction, columns: list[Column]) -> Value:
    """The expression over its parameters; it knows the functions that were defined before it."""

    analysis, around = c.analysis, c.analysis.functions
    analysis.functions = function.known
    try:
        inner = c.within(Scope(None, [Source(None, columns)]))
        if function.returns is None:
            value = inner.compile(function.body)
        else:
            kind = type_of(function.returns)
            value = inner.as_type(function.body, kind, f"Function {function.name}")
    finally:
        analysis.functions = around
    if inner.has_aggregate or inner.has_window:
        raise c.error(f"Aggregate and window functions are not allowed in the function {function.name}", function)
    return value
