"""Compile date and time functions; what they compute is in functions/calendar.py.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/date_functions, …/datetime_functions,
…/time_functions, …/timestamp_functions
"""

from __future__ import annotations

from collections.abc import Callable

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls.native_dates import MICROS, difference, part_number, printed, truncated
from emulators.bigquery.sql.compile.calls.signatures import choose
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.intervals import (
    ADD_PARTS,
    DATE_PARTS,
    PARTS,
    TIME_PARTS,
    part_of,
    shifted,
)
from emulators.bigquery.sql.compile.values import Value, coerces, convert
from emulators.bigquery.sql.read import syntax as s


def _scalar(c: Compiling, node: s.Expr, kinds: tuple[str, ...], call: s.Call) -> Value:
    """An argument of one of several types, by exact type first, then by coercion."""
    value = c.compile(node)
    if value.type.kind in kinds:
        return value
    for kind in kinds:
        if coerces(value, t.Type(kind)):
            return convert(value, t.Type(kind), c.analysis.sql, node.pos)
    raise _no_match(c, call, [value])


def _no_match(c: Compiling, call: s.Call, values: list[Value]) -> Exception:
    given = ", ".join(str(v.type) for v in values)
    return c.error(f"No matching signature for function {call.name}\n  Argument types: {given}", call)


def _arity(c: Compiling, call: s.Call, low: int, high: int) -> None:
    if not low <= len(call.args) <= high or call.named:
        raise c.error(
            f"Number of arguments does not match for function {call.name}: expected {low} to "
            f"{high}, found {len(call.args)}",
            call,
        )


def now(c: Compiling) -> str:
    """The instant of the statement, the same wherever it is asked."""
    c.analysis.uses_now = True
    return "CAST($bq_now AS TIMESTAMP)"


def current(c: Compiling, call: s.Call) -> Value:
    """CURRENT_TIMESTAMP and the like."""
    kind = call.name.removeprefix("CURRENT_")
    _arity(c, call, 0, 0 if kind == "TIMESTAMP" else 1)
    instant = now(c)
    if call.args:
        zone = c.as_type(call.args[0], t.STRING, f"{call.name} time zone")
        instant = f"bq_in_zone({instant}, {zone.sql})"
    target = t.Type(kind)
    return Value(
        instant if kind in {"TIMESTAMP", "DATETIME"} else f"CAST({instant} AS {target.duck})",
        target,
        fragile=bool(call.args),
    )


def shift(c: Compiling, call: s.Call) -> Value:
    """X_ADD(x, INTERVAL n part) and X_SUB."""
    kind, op = call.name.rsplit("_", 1)
    _arity(c, call, 2, 2)
    interval = call.args[1]
    if not isinstance(interval, s.Interval):
        if kind != "DATE":
            raise c.error(f"{call.name} needs INTERVAL int64 part as its second argument", interval)
        interval = s.Interval(interval.pos, interval, "DAY")
    value = _shiftable(c, call, kind)
    return shifted(c, value, interval, "-" if op == "SUB" else "", call.name)


def _shiftable(c: Compiling, call: s.Call, kind: str) -> Value:
    _sure(call, c.compile(call.args[0]), kind)
    return _scalar(c, call.args[0], (kind,), call)


def _sure(call: s.Call, value: Value, kind: str) -> None:
    """Refuse a DATETIME for a TIMESTAMP and the like, which newer versions of the service take in some functions."""
    unlike = value.type.kind != kind and {value.type.kind, kind} <= {"DATE", "DATETIME", "TIMESTAMP"}
    if unlike and (value.type.kind, kind) != ("DATE", "DATETIME"):
        raise not_implemented(f"{call.name} of {value.type}")


def diff(c: Compiling, call: s.Call) -> Value:
    """X_DIFF(a, b, part)."""
    kind = call.name.removesuffix("_DIFF")
    _arity(c, call, 3, 3)
    values = [c.compile(a) for a in call.args[:2]]
    if kind == "DATE" and all(v.type.kind in {"TIMESTAMP", "DATETIME"} for v in values):
        kind = values[0].type.kind
    target = t.Type(kind)
    if not all(coerces(v, target) for v in values):
        raise _no_match(c, call, values)
    a, b = (convert(v, target, c.analysis.sql, call.pos).sql for v in values)
    allowed = PARTS[kind] if kind != "TIMESTAMP" else TIME_PARTS | {"DAY"}
    part = part_of(c, call.args[2], allowed | ({"WEEK"} if kind != "TIMESTAMP" else set()), call.name)
    return Value(difference(kind, a, b, part), t.INT64, fragile=True)


def trunc(c: Compiling, call: s.Call) -> Value:
    """X_TRUNC(x, part[, zone])."""
    kind = call.name.removesuffix("_TRUNC")
    _arity(c, call, 2, 3)
    value = c.compile(call.args[0])
    if kind in {"DATE", "TIMESTAMP", "DATETIME"} and value.type.kind in {"TIMESTAMP", "DATETIME"}:
        kind = value.type.kind
    if not coerces(value, t.Type(kind)):
        raise _no_match(c, call, [value])
    value = convert(value, t.Type(kind), c.analysis.sql, call.pos)
    part = part_of(c, call.args[1], PARTS[kind], call.name)
    if len(call.args) == 3:
        if kind != "TIMESTAMP":
            raise _no_match(c, call, [value])
        zone = c.as_type(call.args[2], t.STRING, "time zone")
        return Value(f"bq_timestamp_trunc_zone({value.sql}, {t.text(part)}, {zone.sql})", value.type, fragile=True)
    return Value(truncated(kind, value.sql, part), value.type, fragile=True)


def bucket(c: Compiling, call: s.Call) -> Value:
    """X_BUCKET(x, INTERVAL n part[, origin]), the origin being 1950-01-01; months and years are refused."""
    kind = call.name.removesuffix("_BUCKET")
    _arity(c, call, 2, 3)
    interval = call.args[1]
    if not isinstance(interval, s.Interval) or interval.to is not None:
        raise c.error(f"{call.name} needs INTERVAL int64 part as its second argument", interval)
    if interval.part.upper() in {"MONTH", "QUARTER", "YEAR"}:
        raise not_implemented(f"{call.name} by {interval.part.upper()}")
    allowed = {"DAY", "WEEK"} if kind == "DATE" else TIME_PARTS | {"DAY", "WEEK"}
    part = part_of(c, s.Name(interval.pos, interval.part), allowed, call.name)
    values = [_shiftable(c, call, kind).sql, "TIMESTAMP '1950-01-01'"]
    if len(call.args) == 3:
        values[1] = _scalar(c, call.args[2], (kind,), call).sql
    width = f"({c.as_type(interval.value, t.INT64, 'INTERVAL value').sql}) * {MICROS[part]}"
    sql = f"bq_bucket(CAST({values[0]} AS TIMESTAMP), {width}, CAST({values[1]} AS TIMESTAMP))"
    return Value(f"CAST({sql} AS {t.Type(kind).duck})", t.Type(kind), fragile=True)


def last_day(c: Compiling, call: s.Call) -> Value:
    """LAST_DAY(date[, part])."""
    _arity(c, call, 1, 2)
    value = _scalar(c, call.args[0], ("DATE", "DATETIME"), call)
    part = "MONTH" if len(call.args) == 1 else part_of(c, call.args[1], DATE_PARTS - {"DAY"}, call.name)
    return Value(f"bq_last_day(CAST({value.sql} AS DATE), {t.text(part)})", t.DATE, fragile=True)


def extract(c: Compiling, node: s.Extract) -> Value:
    """EXTRACT(part FROM x [AT TIME ZONE z])."""
    days = _days_between(c, node.value)
    if days is not None and node.zone is None:
        return _of_days(c, node, days)
    value = c.compile(node.value)
    kind = value.type.kind
    if kind not in PARTS:
        if kind == "INTERVAL":
            raise not_implemented("EXTRACT from an INTERVAL")
        raise c.error(f"EXTRACT does not support arguments of type {value.type}", node)
    extra = {
        "DATE": {"DAYOFWEEK", "DAYOFYEAR"},
        "TIME": set(),
        "DATETIME": {"DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME"},
        "TIMESTAMP": {"DAYOFWEEK", "DAYOFYEAR", "DATE", "TIME", "DATETIME"},
    }[kind]
    part = part_of(c, node.part, PARTS[kind] | extra, "EXTRACT")
    sql = value.sql
    if node.zone is not None:
        if kind != "TIMESTAMP":
            raise c.error("EXTRACT AT TIME ZONE needs a TIMESTAMP", node)
        sql = f"bq_in_zone({sql}, {c.as_type(node.zone, t.STRING, 'time zone').sql})"
    if part in {"DATE", "TIME", "DATETIME"}:
        target = t.Type(part)
        return Value(f"CAST({sql} AS {target.duck})", target, fragile=True)
    return Value(part_number(kind, sql, part), t.INT64, fragile=True)


def _days_between(c: Compiling, node: s.Expr) -> str | None:
    """DATE - DATE, an INTERVAL of nothing but days: DuckDB text of their number; None for another expression."""
    if not isinstance(node, s.Binary) or node.op != "-" or isinstance(node.right, s.Interval):
        return None
    left, right = c.compile(node.left), c.compile(node.right)
    if left.type != t.DATE or right.type != t.DATE:
        return None
    return f"date_diff('day', {right.sql}, {left.sql})"


def _of_days(c: Compiling, node: s.Extract, days: str) -> Value:
    """A part of an INTERVAL of days; all but DAY are 0 (interval_functions page, EXTRACT)."""
    parts = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"}
    part = part_of(c, node.part, parts, "EXTRACT")
    return Value(days if part == "DAY" else f"({days} * 0)", t.INT64, fragile=True)


def formatted(c: Compiling, call: s.Call) -> Value:
    """FORMAT_X(format, x[, zone])."""
    kind = call.name.removeprefix("FORMAT_")
    _arity(c, call, 2, 3 if kind == "TIMESTAMP" else 2)
    pattern = c.as_type(call.args[0], t.STRING, call.name)
    value = c.compile(call.args[1])
    _sure(call, value, kind)
    if not coerces(value, t.Type(kind)):
        raise _no_match(c, call, [pattern, value])
    value = convert(value, t.Type(kind), c.analysis.sql, call.pos)
    zone = c.as_type(call.args[2], t.STRING, "time zone").sql if len(call.args) == 3 else "'UTC'"
    sql = value.sql if kind != "DATE" else f"CAST({value.sql} AS TIMESTAMP)"
    if kind == "TIME":
        return Value(f"bq_format_time({pattern.sql}, {sql})", t.STRING, fragile=True)
    python = f"bq_format_timestamp({pattern.sql}, {sql}, {zone}, {t.text(kind)})"
    native = None
    if pattern.literal is not None and len(call.args) == 2:
        native = printed(kind, pattern.literal, sql, python)
    return Value(native or python, t.STRING, fragile=True)


def parsed(c: Compiling, call: s.Call) -> Value:
    """PARSE_X(format, text[, zone])."""
    kind = call.name.removeprefix("PARSE_")
    _arity(c, call, 2, 3 if kind == "TIMESTAMP" else 2)
    pattern, value = (c.as_type(a, t.STRING, call.name) for a in call.args[:2])
    zone = c.as_type(call.args[2], t.STRING, "time zone").sql if len(call.args) == 3 else "'UTC'"
    target = t.Type(kind)
    sql = f"bq_parse_timestamp({pattern.sql}, {value.sql}, {zone}, {t.text(kind)})"
    return Value(sql if target.duck == "TIMESTAMP" else f"CAST({sql} AS {target.duck})", target, fragile=True)


def constructor(c: Compiling, call: s.Call) -> Value:
    """DATE(…), DATETIME(…), TIME(…), TIMESTAMP(…)."""
    values = [c.compile(a) for a in call.args]
    return choose(call.name, _CONSTRUCTORS[call.name], values, c.analysis.sql, call.pos)


_CONSTRUCTORS = {
    "DATE": (
        "DATE -> DATE : {0}",
        "DATETIME -> DATE : CAST({0} AS DATE)",
        "TIMESTAMP -> DATE : CAST({0} AS DATE)",
        "TIMESTAMP, STRING -> DATE : CAST(bq_in_zone({0}, {1}) AS DATE)",
        "INT64, INT64, INT64 -> DATE : bq_make_date({0}, {1}, {2})",
    ),
    "DATETIME": (
        "DATETIME -> DATETIME : {0}",
        "DATE -> DATETIME : CAST({0} AS TIMESTAMP)",
        "TIMESTAMP -> DATETIME : {0}",
        "TIMESTAMP, STRING -> DATETIME : bq_in_zone({0}, {1})",
        "DATE, TIME -> DATETIME : ({0} + {1})",
        "INT64, INT64, INT64, INT64, INT64, INT64 -> DATETIME : bq_make_datetime({0}, {1}, {2}, {3}, {4}, {5})",
    ),
    "TIME": (
        "TIME -> TIME : {0}",
        "DATETIME -> TIME : CAST({0} AS TIME)",
        "TIMESTAMP -> TIME : CAST({0} AS TIME)",
        "TIMESTAMP, STRING -> TIME : CAST(bq_in_zone({0}, {1}) AS TIME)",
        "INT64, INT64, INT64 -> TIME : bq_make_time({0}, {1}, {2})",
    ),
    "TIMESTAMP": (
        "TIMESTAMP -> TIMESTAMP : {0}",
        "STRING -> TIMESTAMP : bq_string_to_timestamp({0})",
        "STRING, STRING -> TIMESTAMP : bq_string_to_timestamp_zone({0}, {1})",
        "DATE -> TIMESTAMP : CAST({0} AS TIMESTAMP)",
        "DATE, STRING -> TIMESTAMP : bq_from_zone(CAST({0} AS TIMESTAMP), {1})",
        "DATETIME -> TIMESTAMP : {0}",
        "DATETIME, STRING -> TIMESTAMP : bq_from_zone({0}, {1})",
    ),
    "UNIX_SECONDS": ("TIMESTAMP -> INT64 : bq_floor_div(epoch_us({0}), 1000000)",),
    "UNIX_MILLIS": ("TIMESTAMP -> INT64 : bq_floor_div(epoch_us({0}), 1000)",),
    "UNIX_MICROS": ("TIMESTAMP -> INT64 : epoch_us({0})",),
    "TIMESTAMP_SECONDS": ("INT64 -> TIMESTAMP : bq_timestamp_of({0}, 1000000)",),
    "TIMESTAMP_MILLIS": ("INT64 -> TIMESTAMP : bq_timestamp_of({0}, 1000)",),
    "TIMESTAMP_MICROS": ("INT64 -> TIMESTAMP : bq_timestamp_of({0}, 1)",),
    "UNIX_DATE": ("DATE -> INT64 : CAST(datediff('day', DATE '1970-01-01', {0}) AS BIGINT)",),
    "DATE_FROM_UNIX_DATE": ("INT64 -> DATE : bq_date_add(DATE '1970-01-01', {0}, 'DAY')",),
    "STRING": (
        "TIMESTAMP -> STRING : bq_timestamp_to_string({0})",
        "TIMESTAMP, STRING -> STRING : bq_timestamp_to_string_zone({0}, {1})",
        "DATE -> STRING : bq_date_to_string({0})",
        "DATETIME -> STRING : bq_datetime_to_string({0})",
        "TIME -> STRING : bq_time_to_string({0})",
        "JSON -> STRING : bq_json_string({0})",
    ),
}


def generate(c: Compiling, call: s.Call) -> Value:
    """GENERATE_DATE_ARRAY and GENERATE_TIMESTAMP_ARRAY."""
    kind = "DATE" if "DATE" in call.name else "TIMESTAMP"
    _arity(c, call, 2 if kind == "DATE" else 3, 3)
    start, end = (_scalar(c, a, (kind,), call) for a in call.args[:2])
    step, part = "CAST(1 AS BIGINT)", "DAY"
    if len(call.args) == 3:
        interval = call.args[2]
        if not isinstance(interval, s.Interval) or interval.to is not None:
            raise c.error(f"{call.name} needs INTERVAL int64 part as its third argument", call.args[2])
        part = part_of(c, s.Name(interval.pos, interval.part), ADD_PARTS[kind], call.name)
        step = c.as_type(interval.value, t.INT64, "INTERVAL value").sql
    sql = f"bq_generate_{kind.lower()}_array({start.sql}, {end.sql}, {step}, {t.text(part)})"
    return Value(sql, t.array_of(t.Type(kind)), fragile=True)


_KINDS = ("DATE", "DATETIME", "TIME", "TIMESTAMP")
DATE_FUNCTIONS: dict[str, Callable[[Compiling, s.Call], Value]] = {
    **{f"CURRENT_{k}": current for k in _KINDS},
    **{f"{k}_{op}": shift for k in _KINDS for op in ("ADD", "SUB")},
    **{f"{k}_DIFF": diff for k in _KINDS},
    **{f"{k}_BUCKET": bucket for k in _KINDS if k != "TIME"},
    **{f"{k}_TRUNC": trunc for k in _KINDS},
    **{f"FORMAT_{k}": formatted for k in _KINDS},
    **{f"PARSE_{k}": parsed for k in _KINDS},
    **dict.fromkeys(_CONSTRUCTORS, constructor),
    "LAST_DAY": last_day,
    "GENERATE_DATE_ARRAY": generate,
    "GENERATE_TIMESTAMP_ARRAY": generate,
}
