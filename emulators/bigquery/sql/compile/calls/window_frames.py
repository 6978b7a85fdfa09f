"""Compile window frames: what ROWS and RANGE allow as boundaries.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/window-function-calls#def_window_frame
"""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import coerces, convert
from emulators.bigquery.sql.read import syntax as s

# a frame may not end before it starts
_RANK = {"UNBOUNDED PRECEDING": 0, "PRECEDING": 1, "CURRENT ROW": 2, "FOLLOWING": 3, "UNBOUNDED FOLLOWING": 4}


def frame_sql(c: Compiling, window: s.Window) -> str:
    """DuckDB text of the window's frame; raises invalidQuery for boundaries that cannot be."""
    frame = window.frame
    assert frame is not None
    (start, _), (end, _) = frame.start, frame.end
    if _RANK[start] > _RANK[end] or start == "UNBOUNDED FOLLOWING" or end == "UNBOUNDED PRECEDING":
        raise c.error(f"A window frame that starts at {start} cannot end at {end}", frame)
    kind = t.INT64
    if frame.unit == "RANGE" and any(offset is not None for _, offset in (frame.start, frame.end)):
        kind = _range_key(c, window, frame)
    return f"{frame.unit} BETWEEN {_bound(c, frame.start, kind)} AND {_bound(c, frame.end, kind)}"


def _range_key(c: Compiling, window: s.Window, frame: s.Frame) -> t.Type:
    """The type of the one number that a RANGE with offsets is measured in."""
    what = "a RANGE-based window with OFFSET PRECEDING or OFFSET FOLLOWING boundaries"
    if len(window.order) != 1:
        raise c.error(f"There must be exactly one ORDER BY key in {what}", frame)
    key = window.order[0]
    kind = c.compile(key.expr).type
    if not kind.is_numeric:
        raise c.error(f"ORDER BY key must be numeric in {what}, but has type {kind}", key)
    return kind


def _bound(c: Compiling, bound: tuple[str, s.Expr | None], kind: t.Type) -> str:
    name, offset = bound
    if offset is None:
        return name
    if not isinstance(offset, s.Literal | s.Param | s.Cast):
        raise c.error("Window framing expression must be a literal or a parameter", offset)
    value = c.compile(offset)
    if value.type.kind == "NULL":
        raise c.error("Window framing expression cannot be NULL", offset)
    if value.type != kind and (value.type.kind == "FLOAT64" or not coerces(value, kind)):
        raise c.error(f"Window framing expression has type {value.type} that cannot coerce to {kind}", offset)
    if value.literal is not None and value.literal.startswith("-"):
        raise c.error("Window framing expression cannot evaluate to a negative value", offset)
    return f"{convert(value, kind, c.analysis.sql, offset.pos).sql} {name}"
