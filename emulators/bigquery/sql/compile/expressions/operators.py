"""Compile operators such as + and || with BigQuery's types and its rules for NULL, NaN and overflow.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions import concatenation
from emulators.bigquery.sql.compile.expressions.comparisons import COMPARISONS, as_sql, compare
from emulators.bigquery.sql.compile.expressions.intervals import plus_interval
from emulators.bigquery.sql.compile.expressions.logic import logical
from emulators.bigquery.sql.compile.expressions.operand_errors import no_operator
from emulators.bigquery.sql.compile.values import Value, coerces, common_type, convert
from emulators.bigquery.sql.read import syntax as s

_ARITHMETIC = {
    ("+", "INT64"): "({0} + {1})",
    ("-", "INT64"): "({0} - {1})",
    ("*", "INT64"): "({0} * {1})",
    ("+", "NUMERIC"): "({0} + {1})",
    ("-", "NUMERIC"): "({0} - {1})",
    ("*", "NUMERIC"): "bq_multiply_numeric({0}, {1})",
    ("/", "NUMERIC"): "bq_divide_numeric({0}, {1})",
    ("+", "FLOAT64"): "bq_add_float({0}, {1})",
    ("-", "FLOAT64"): "bq_add_float({0}, -({1}))",
    ("*", "FLOAT64"): "bq_multiply_float({0}, {1})",
    ("/", "FLOAT64"): "bq_divide({0}, {1})",
}


def unary(c: Compiling, node: s.Unary) -> Value:
    """-x, +x, ~x, NOT x."""
    value = c.compile(node.operand)
    if node.op == "NOT":
        if not coerces(value, t.BOOL):
            raise no_operator(c, "NOT", [value], node)
        return replace(convert(value, t.BOOL), sql=f"(NOT {convert(value, t.BOOL).sql})", literal=None, name="")
    if node.op == "~":
        if value.type.kind != "INT64":
            raise no_operator(c, "~", [value], node)
        return Value(f"(~{value.sql})", t.INT64, fragile=value.fragile)
    if value.type.kind == "NULL":
        value = convert(value, t.INT64)
    if value.type.kind not in {"INT64", "NUMERIC", "FLOAT64"}:
        if value.type.kind == "BIGNUMERIC":
            raise not_implemented("arithmetic on BIGNUMERIC")
        raise no_operator(c, node.op, [value], node)
    if node.op == "+":
        return replace(value, name="")
    return Value(f"CAST(-{value.sql} AS {value.type.duck})", value.type, fragile=True)


def binary(c: Compiling, node: s.Binary) -> Value:
    """Any infix operator."""
    op = node.op
    if op in {"AND", "OR"}:
        left, right = c.compile(node.left), c.compile(node.right)
        for side in (left, right):
            if not coerces(side, t.BOOL):
                raise no_operator(c, op, [left, right], node)
        return logical(op, convert(left, t.BOOL), convert(right, t.BOOL))
    if op in {"+", "-"} and (isinstance(node.right, s.Interval) or isinstance(node.left, s.Interval)):
        return plus_interval(c, node)
    left, right = c.compile(node.left), c.compile(node.right)
    if op in COMPARISONS:
        return compare(c, op, left, right, node)
    if op == "||":
        return concatenation.operator(c, left, right, node)
    if op in {"&", "|", "^", "<<", ">>"}:
        return _bits(c, op, left, right, node)
    return _arithmetic(c, op, left, right, node)


def _arithmetic(c: Compiling, op: str, left: Value, right: Value, node: s.Binary) -> Value:
    kinds = (left.type.kind, right.type.kind)
    if kinds[0] == "DATE" and op in {"+", "-"} and kinds[1] in {"INT64", "NULL"}:
        sign = "" if op == "+" else "-"
        return Value(f"bq_date_add({left.sql}, {sign}{convert(right, t.INT64).sql}, 'DAY')", t.DATE, fragile=True)
    if op == "+" and kinds[1] == "DATE" and kinds[0] == "INT64":
        return Value(f"bq_date_add({right.sql}, {left.sql}, 'DAY')", t.DATE, fragile=True)
    if op == "-" and kinds[0] == kinds[1] and kinds[0] in {"DATE", "TIMESTAMP", "DATETIME"}:
        raise not_implemented(
            f"{kinds[0]} - {kinds[0]}, which yields an INTERVAL; EXTRACT(DAY FROM …) of DATEs is served"
        )
    kind = common_type([left, right])
    if kind is None or not kind.is_numeric:
        raise no_operator(c, op, [left, right], node)
    if kind.kind == "BIGNUMERIC":
        raise not_implemented("arithmetic on BIGNUMERIC")
    if op == "/" and kind.kind == "INT64":
        kind = t.FLOAT64
        zero = "bq_divide_int({0}, {1})"
        return Value(zero.format(as_sql(left, t.INT64, c, node), as_sql(right, t.INT64, c, node)), kind, fragile=True)
    sql = _ARITHMETIC[op, kind.kind].format(as_sql(left, kind, c, node), as_sql(right, kind, c, node))
    return Value(sql, kind, fragile=True)


def _bits(c: Compiling, op: str, left: Value, right: Value, node: s.Binary) -> Value:
    if left.type.kind not in {"INT64", "NULL"} or right.type.kind not in {"INT64", "NULL"}:
        if "BYTES" in {left.type.kind, right.type.kind}:
            raise not_implemented(f"{op} on BYTES")
        raise no_operator(c, op, [left, right], node)
    a, b = convert(left, t.INT64).sql, convert(right, t.INT64).sql
    if op in {"<<", ">>"}:
        name = "bq_shift_left" if op == "<<" else "bq_shift_right"
        return Value(f"{name}({a}, {b})", t.INT64, fragile=True)
    return Value(f"xor({a}, {b})" if op == "^" else f"({a} {op} {b})", t.INT64)
