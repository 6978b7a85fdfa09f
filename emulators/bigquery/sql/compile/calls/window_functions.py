"""Compile calls with OVER: numbering, navigation, percentiles, and aggregates over windows.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls, …/numbering_functions,
…/navigation_functions
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.calls.aggregates import AGGREGATES, no_match, number
from emulators.bigquery.sql.compile.calls.unknown import unknown
from emulators.bigquery.sql.compile.calls.window_frames import frame_sql
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.expressions.ordering import order_sql
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s

_NUMBERING = {"ROW_NUMBER": t.INT64, "RANK": t.INT64, "DENSE_RANK": t.INT64, "PERCENT_RANK": t.FLOAT64,
              "CUME_DIST": t.FLOAT64, "NTILE": t.INT64}  # fmt: skip
_NAVIGATION = {"LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"}
_PERCENTILES = {"PERCENTILE_CONT", "PERCENTILE_DISC"}
WINDOW_ONLY = set(_NUMBERING) | _NAVIGATION | _PERCENTILES


def windowed(c: Compiling, node: s.Call) -> Value:
    """A call with OVER."""
    if c.clause in {"WHERE", "HAVING", "JOIN ON", "GROUP BY"}:
        raise c.error(f"Analytic function not allowed in {c.clause} clause", node)
    assert node.over is not None
    c.has_window = True
    window = _resolve(c, node.over)
    if node.name in AGGREGATES:
        ranged = window.frame is not None and window.frame.unit == "RANGE"
        single = (
            ranged and any(b[1] is not None for b in (window.frame.start, window.frame.end)) if window.frame else False
        )
        if node.distinct and window.order:
            raise c.error("Window ORDER BY is not allowed if DISTINCT is specified", node)
        return AGGREGATES[node.name](c, node, f" OVER ({_window_sql(c, window, single=single)})")
    if node.name in _NUMBERING:
        return _numbering(c, node, window)
    if node.name in _NAVIGATION:
        return _navigation(c, node, window)
    if node.name in _PERCENTILES:
        return _percentile(c, node, window)
    raise unknown(c, node)


def _resolve(c: Compiling, window: s.Window) -> s.Window:
    if window.name is None:
        return window
    base = c.windows.get(window.name.lower())
    if base is None:
        raise c.error(f"Unrecognized window alias {window.name}", window)
    base = _resolve(c, base)
    return s.Window(
        window.pos, None, window.partition or base.partition, window.order or base.order, window.frame or base.frame
    )


def _window_sql(c: Compiling, window: s.Window, *, frame: bool = True, single: bool = False) -> str:
    parts = []
    if window.partition:
        keys = [c.compile(p) for p in window.partition]
        for key, node in zip(keys, window.partition, strict=True):
            if not key.type.groupable:
                raise c.error(f"Partitioning by expressions of type {key.type} is not allowed", node)
        parts.append("PARTITION BY " + ", ".join(k.sql for k in keys))
    if window.order:
        parts.append("ORDER BY " + order_sql(c, window.order, single=single))
    if window.frame is not None:
        if not frame:
            raise c.error("Window framing clause is not allowed for this function", window.frame)
        parts.append(frame_sql(c, window))
    return " ".join(parts)


def _numbering(c: Compiling, node: s.Call, window: s.Window) -> Value:
    if not window.order and node.name != "ROW_NUMBER":
        raise c.error(f"Window ORDER BY is required for analytic function {node.name}", node)
    wanted = 1 if node.name == "NTILE" else 0
    if len(node.args) != wanted:
        raise c.error(f"Number of arguments does not match for analytic function {node.name}", node)
    args = ", ".join(_count(c, node, a, 1).sql for a in node.args)
    kind = _NUMBERING[node.name]
    over = _window_sql(c, window, frame=False)
    return Value(f"CAST({node.name.lower()}({args}) OVER ({over}) AS {kind.duck})", kind)


def _count(c: Compiling, node: s.Call, argument: s.Expr, least: int) -> Value:
    """A number of rows or buckets; literals are checked, NULL and too small ones are errors."""
    given = argument.operand if isinstance(argument, s.Unary) and argument.op == "-" else argument
    if isinstance(given, s.Literal):
        known = None if given.kind == "NULL" else int(str(given.value)) if given.kind == "INT64" else least
        if known is None or (-known if given is not argument else known) < least:
            wanted = "positive" if least else "non-negative"
            raise c.error(f"The argument of the {node.name} function must be {wanted} and not NULL", argument)
    return c.as_type(argument, t.INT64, f"{node.name} offset")


def _navigation(c: Compiling, node: s.Call, window: s.Window) -> Value:
    if not window.order:
        raise c.error(f"Window ORDER BY is required for analytic function {node.name}", node)
    low, high = {"LAG": (1, 3), "LEAD": (1, 3), "NTH_VALUE": (2, 2)}.get(node.name, (1, 1))
    if not low <= len(node.args) <= high:
        raise c.error(f"Number of arguments does not match for analytic function {node.name}", node)
    shift = node.name in {"LAG", "LEAD"}
    if shift and node.nulls:
        raise c.error(f"IGNORE NULLS is not allowed for analytic function {node.name}", node)
    value = c.compile(node.args[0])
    value = convert(value, t.INT64) if value.type.kind == "NULL" else value
    args = [value.sql]
    if len(node.args) > 1:
        args.append(_count(c, node, node.args[1], 0 if shift else 1).sql)
    if len(node.args) > 2:
        args.append(c.as_type(node.args[2], value.type, f"{node.name} default").sql)
    nulls = " IGNORE NULLS" if node.nulls == "IGNORE" else ""
    over = _window_sql(c, window, frame=not shift)
    return Value(f"{node.name.lower()}({', '.join(args)}{nulls}) OVER ({over})", value.type, fragile=True)


def _percentile(c: Compiling, node: s.Call, window: s.Window) -> Value:
    if window.order or window.frame:
        raise c.error(f"Window ORDER BY is not allowed for analytic function {node.name}", node)
    if len(node.args) != 2:
        raise c.error(f"Number of arguments does not match for analytic function {node.name}", node)
    value = c.compile(node.args[0])
    fraction = node.args[1]
    if not isinstance(fraction, s.Literal) or fraction.kind not in {"INT64", "FLOAT64"}:
        raise not_implemented(f"{node.name} with a fraction that is not a literal")
    if not 0 <= float(str(fraction.value)) <= 1:
        raise c.error(f"The second argument of {node.name} must be between 0 and 1", fraction)
    if node.nulls == "RESPECT":
        raise not_implemented(f"{node.name} with RESPECT NULLS")
    over = _window_sql(c, window)
    if node.name == "PERCENTILE_DISC":
        if not value.type.orderable:
            raise no_match(c, node, [value])
        return Value(_ordered_numbers(value, f"quantile_disc({value.sql}, {fraction.value!s})", over), value.type)
    if value.type.kind == "NUMERIC":
        raise not_implemented("PERCENTILE_CONT of NUMERIC")
    float_value = convert(replace(number(c, node, value), literal=None), t.FLOAT64)
    return Value(
        _ordered_numbers(float_value, f"quantile_cont({float_value.sql}, {fraction.value!s})", over), t.FLOAT64
    )


def _ordered_numbers(value: Value, sql: str, over: str) -> str:
    """A window aggregate of DuckDB's, which puts NaN last where BigQuery puts it first: refused with a NaN."""
    whole = f"{sql} OVER ({over})"
    if value.type.kind != "FLOAT64":
        return whole
    return f"CASE WHEN bool_or(isnan({value.sql})) OVER ({over}) THEN bq_refuse('percentiles of NaN') ELSE {whole} END"
