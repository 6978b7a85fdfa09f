"""Compile IN over a list, a subquery or an array.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#in_operators
"""

from __future__ import annotations

from dataclasses import dataclass

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.comparisons import as_sql, comparable, compare
from emulators.bigquery.sql.compile.expressions.operand_errors import no_operator
from emulators.bigquery.sql.compile.expressions.subqueries import check_correlation
from emulators.bigquery.sql.compile.values import Value, coerces, common_type, convert
from emulators.bigquery.sql.read import syntax as s

# Types of which DuckDB's equality is BigQuery's: IN over a list of them, and over an array, is DuckDB's.
_PLAIN_IN_LIST = {"INT64", "STRING", "DATE"}
_PLAIN_IN_ARRAY = {"INT64", "STRING", "DATE", "TIMESTAMP", "NUMERIC", "BOOL"}


@dataclass(frozen=True)
class _Rows:
    """What a value is looked for in: a DuckDB FROM item, and the column of it with its type."""

    source: str
    column: str
    type: t.Type


def is_in(c: Compiling, node: s.In) -> Value:
    """IN and NOT IN."""
    value = c.compile(node.value)
    if node.items is not None:
        return _in_list(c, node, value, [c.compile(item) for item in node.items])
    if node.query is not None:
        return _in_rows(c, node, value, _rows_of_query(c, node, node.query))
    assert node.unnest is not None
    return _in_array(c, node, value, c.compile(node.unnest))


def _negation(node: s.In) -> str:
    return "NOT " if node.negated else ""


def _in_list(c: Compiling, node: s.In, value: Value, items: list[Value]) -> Value:
    if any(common_type([value, item]) is None for item in items):
        given = ", ".join(dict.fromkeys(str(item.type) for item in items))
        raise c.error(f"No matching signature for operator IN for argument types {value.type} and {{{given}}}", node)
    if all(item.type == value.type for item in items) and value.type.kind in _PLAIN_IN_LIST:
        listed = ", ".join(item.sql for item in items)
        return Value(f"({value.sql} {_negation(node)}IN ({listed}))", t.BOOL, fragile=value.fragile)
    tests = [compare(c, "=", value, item, node).sql for item in items]
    return Value(f"({_negation(node)}({' OR '.join(tests)}))", t.BOOL, fragile=True)


def _rows_of_query(c: Compiling, node: s.In, query: s.Query) -> _Rows:
    compiled = c.subquery(query)
    check_correlation(compiled.correlation | ({"="} if compiled.correlation else set()), compiled.tables)
    if len(compiled.columns) != 1:
        raise c.error("Subquery of type IN must have only one output column", node)
    column = compiled.columns[0]
    c.analysis.reads |= column.reads
    return _Rows(f"({compiled.sql}) AS bq_in", f"bq_in.{column.sql}", column.type)


def _in_array(c: Compiling, node: s.In, value: Value, array: Value) -> Value:
    if array.type.kind != "ARRAY":
        raise c.error(f"Second argument of IN UNNEST must be an array but was {array.type}", node)
    array = _widened(c, node, value, array)
    element = array.type.of
    if value.type == element and element.kind in _PLAIN_IN_ARRAY:
        sql = f"bq_in_array({value.sql}, {array.sql})"
        return Value(f"({_negation(node)}{sql})", t.BOOL, fragile=value.fragile or array.fragile)
    alias = c.analysis.alias("u")
    return _in_rows(c, node, value, _Rows(f"UNNEST({array.sql}) AS {alias}(x)", f"{alias}.x", element))


def _widened(c: Compiling, node: s.In, value: Value, array: Value) -> Value:
    """An array literal or parameter as an array of what the value is, where it coerces."""
    if not (array.parameter or (array.items is not None and array.is_literal)):
        return array
    sides = [(value.type, value.is_literal, value.parameter), (array.type.of, True, array.parameter)]
    kind = t.supertype(sides)
    if kind is None or kind == array.type.of or not coerces(array, t.array_of(kind)):
        return array
    return convert(array, t.array_of(kind), c.analysis.sql, node.pos)


def _in_rows(c: Compiling, node: s.In, value: Value, rows: _Rows) -> Value:
    element = Value("x", rows.type)
    kind = common_type([value, element])
    if kind is not None and kind.kind == "STRUCT" and comparable(kind):
        return _in_structs(c, node, value, rows)
    if kind is not None and kind.kind in {"STRUCT", "BIGNUMERIC"}:
        raise not_implemented(f"IN over values of type {kind}")
    if kind is None or not kind.groupable:
        raise no_operator(c, "IN", [value, element], node)
    right = convert(Value(rows.column, rows.type), kind).sql
    left = as_sql(value, kind, c, node)
    return Value(f"({left} {_negation(node)}IN (SELECT {right} FROM {rows.source}))", t.BOOL, fragile=True)


def _in_structs(c: Compiling, node: s.In, value: Value, rows: _Rows) -> Value:
    """IN where NULL fields make some comparisons NULL, which DuckDB's IN does not know of."""
    equal = compare(c, "=", value, Value(rows.column, rows.type), node).sql
    found = f"CASE WHEN bool_or({equal}) THEN TRUE WHEN count(*) = count({equal}) THEN FALSE END"
    return Value(f"({_negation(node)}(SELECT {found} FROM {rows.source}))", t.BOOL, fragile=True)
