"""Compile comparisons: =, <, BETWEEN, IS, with BigQuery's rules for NaN and NULL.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#comparison_operators
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.logic import logical
from emulators.bigquery.sql.compile.expressions.operand_errors import no_operator
from emulators.bigquery.sql.compile.values import Value, coerces, common, common_type, convert
from emulators.bigquery.sql.read import syntax as s

# NaN equals nothing and orders against nothing; in DuckDB it equals itself and is the greatest
_FLOAT_COMPARISON = {
    "=": "({0} = {1} AND NOT isnan({0}))",
    "!=": "({0} <> {1} OR isnan({0}))",
    "<": "({0} < {1} AND NOT isnan({1}))",
    ">": "({0} > {1} AND NOT isnan({0}))",
    "<=": "({0} <= {1} AND NOT isnan({0}) AND NOT isnan({1}))",
    ">=": "({0} >= {1} AND NOT isnan({0}) AND NOT isnan({1}))",
}
COMPARISONS = frozenset(_FLOAT_COMPARISON)


def compare(c: Compiling, op: str, left: Value, right: Value, node: s.Node) -> Value:
    """A comparison; both sides coerce to a common type or the analyzer refuses."""
    kind = common_type([left, right])
    if kind is None:
        raise no_operator(c, op, [left, right], node)
    if kind.kind == "BIGNUMERIC":
        raise not_implemented("comparison of BIGNUMERIC")
    if op in {"=", "!="}:
        if kind.kind == "ARRAY" or not kind.groupable:
            raise c.error(
                f"{'Equality' if op == '=' else 'Inequality'} is not defined for arguments of type {kind}", node
            )
        if kind.kind == "STRUCT":
            return _compare_structs(c, op, left, right, kind, node)
    elif not kind.orderable:
        raise c.error(f"Less than is not defined for arguments of type {kind}", node)
    a, b = as_sql(left, kind, c, node), as_sql(right, kind, c, node)
    fragile = left.fragile or right.fragile or left.type != right.type
    if kind.kind == "FLOAT64":
        return Value(_compare_floats(op, a, b, left, right), t.BOOL, fragile=fragile)
    return Value(f"({a} {op} {b})", t.BOOL, fragile=fragile)


def as_sql(value: Value, kind: t.Type, c: Compiling, node: s.Node) -> str:
    """DuckDB text of a value as a type that it coerces to."""
    return convert(value, kind, c.analysis.sql, node.pos).sql


def _compare_floats(op: str, a: str, b: str, left: Value, right: Value) -> str:
    """A comparison with NaN on a side; a literal is never NaN, so only the other side is tested."""
    if not (left.literal or right.literal):
        return _FLOAT_COMPARISON[op].format(a, b)
    for side, value in ((a, left), (b, right)):
        if value.literal is None:
            return f"({a} {op} {b} {'OR' if op == '!=' else 'AND NOT'} isnan({side}))"
    return f"({a} {op} {b})"


def _compare_structs(c: Compiling, op: str, left: Value, right: Value, kind: t.Type, node: s.Node) -> Value:
    """Field by field, because NULL fields make the answer NULL, which DuckDB's struct equality does not."""
    tests = [compare(c, op, _part(left, i), _part(right, i), node).sql for i in range(len(kind.fields))]
    joined = (" AND " if op == "=" else " OR ").join(tests)
    return Value(f"({joined})", t.BOOL, fragile=True)


def _part(value: Value, index: int) -> Value:
    if value.items is not None:
        return value.items[index]
    name = value.type.duck_names[index]
    return Value(f"struct_extract({value.sql}, {t.text(name)})", value.type.types[index], parameter=value.parameter)


def between(c: Compiling, node: s.Between) -> Value:
    """BETWEEN: two comparisons."""
    values = [c.compile(part) for part in (node.value, node.low, node.high)]
    if common_type(values[:2]) is None or common_type(values[::2]) is None:
        raise no_operator(c, "BETWEEN", values, node)
    value, low, high = values
    least = compare(c, ">=", value, low, node)
    most = compare(c, "<=", value, high, node)
    both = logical("AND", least, most)
    return replace(both, sql=f"(NOT {both.sql})") if node.negated else both


def is_(c: Compiling, node: s.Is) -> Value:
    """IS [NOT] NULL, TRUE, FALSE, DISTINCT FROM."""
    value = c.compile(node.value)
    negation = "NOT " if node.negated else ""
    if node.what == "NULL":
        kind = t.INT64 if value.type.kind == "NULL" else value.type
        return Value(f"({convert(value, kind).sql} IS {negation}NULL)", t.BOOL, fragile=value.fragile)
    if node.what in {"TRUE", "FALSE"}:
        if not coerces(value, t.BOOL):
            raise no_operator(c, f"IS {node.what}", [value], node)
        sql = f"({convert(value, t.BOOL).sql} IS {negation}{node.what})"
        return Value(sql, t.BOOL, fragile=value.fragile)
    assert node.other is not None
    values, kind = common(
        [value, c.compile(node.other)], c.analysis.sql, node.pos, "IS DISTINCT FROM has no common type"
    )
    if not comparable(kind):
        raise not_implemented(f"IS DISTINCT FROM over {kind}")
    return Value(f"({values[0].sql} IS {negation}DISTINCT FROM {values[1].sql})", t.BOOL, fragile=True)


def comparable(kind: t.Type) -> bool:
    """Whether DuckDB's equality is BigQuery's, through all fields."""
    if kind.kind == "STRUCT":
        return all(map(comparable, kind.types))
    return kind.kind not in {"BIGNUMERIC", "ARRAY", "JSON", "GEOGRAPHY"}
