"""Compile date parts and INTERVAL: what may be added to which type, by + and - and by functions such as DATE_ADD.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#interval_arithmetic_operators,
…/date_functions#date_add, …/interval_functions
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s

DATE_PARTS = {"DAY", "WEEK", "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR"}
TIME_PARTS = {"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR"}
_WEEKDAYS = {"SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"}
PARTS = {
    "DATE": DATE_PARTS,
    "TIME": TIME_PARTS,
    "DATETIME": DATE_PARTS | TIME_PARTS,
    "TIMESTAMP": DATE_PARTS | TIME_PARTS,
}
ADD_PARTS = {
    "DATE": {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"},
    "TIME": TIME_PARTS,
    "DATETIME": TIME_PARTS | {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"},
    "TIMESTAMP": TIME_PARTS | {"DAY"},
}


def part_of(c: Compiling, node: s.Expr, allowed: set[str], function: str) -> str:
    """A date part argument: MONTH, WEEK(MONDAY), …; raises invalidQuery for one that is not allowed."""
    if isinstance(node, s.Name):
        part = node.name.upper()
    elif isinstance(node, s.Call) and node.name == "WEEK" and len(node.args) == 1 and isinstance(node.args[0], s.Name):
        day = node.args[0].name.upper()
        if day not in _WEEKDAYS:
            raise c.error(f"A valid date part name is required but found WEEK({day})", node)
        return f"WEEK({day})"
    else:
        raise c.error("A valid date part name is required", node)
    if part not in PARTS["TIMESTAMP"] | {"DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME", "DATETIME", "NANOSECOND"}:
        raise c.error(f"A valid date part name is required but found {part}", node)
    if part not in allowed:
        if part == "NANOSECOND":
            raise not_implemented("NANOSECOND")
        raise c.error(f"{function} does not support the {part} date part", node)
    return part


def shifted(c: Compiling, value: Value, interval: s.Interval, sign: str, function: str) -> Value:
    """The value moved by an interval, back where `sign` is -; `function` is named in errors."""
    if interval.to is not None:
        raise not_implemented("INTERVAL … TO …")
    kind = value.type.kind
    part = part_of(c, s.Name(interval.pos, interval.part), ADD_PARTS[kind], function)
    count = c.as_type(interval.value, t.INT64, "INTERVAL value")
    name = "datetime" if kind == "TIMESTAMP" else kind.lower()
    sql = f"bq_{name}_add({value.sql}, {sign}({count.sql}), {t.text(part)})"
    return Value(sql, value.type, fragile=True)


def plus_interval(c: Compiling, node: s.Binary) -> Value:
    """x + INTERVAL and x - INTERVAL; a DATE becomes a DATETIME."""
    left, right = node.left, node.right
    if isinstance(left, s.Interval):
        if node.op == "-" or isinstance(right, s.Interval):
            raise not_implemented("arithmetic on INTERVAL values")
        left, right = right, left
    assert isinstance(right, s.Interval)
    value = c.compile(left)
    if value.type.kind not in ADD_PARTS:
        raise c.error(f"No matching signature for operator {node.op} for argument types: {value.type}, INTERVAL", node)
    if value.type.kind == "DATE":
        value = convert(value, t.DATETIME)
    if value.type.kind == "TIMESTAMP" and right.part.upper() in {"WEEK", "MONTH", "QUARTER", "YEAR"}:
        raise not_implemented("adding an INTERVAL of weeks or more to a TIMESTAMP")
    return shifted(c, value, right, "-" if node.op == "-" else "", f"operator {node.op}")


def interval(_c: Compiling, _node: s.Interval) -> Value:
    """An INTERVAL that is a value of its own: refused."""
    raise not_implemented("INTERVAL values other than as an argument of date and time arithmetic")
