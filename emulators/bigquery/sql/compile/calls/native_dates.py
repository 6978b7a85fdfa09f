"""Date parts in DuckDB's own words, which take a fiftieth of the time; what it has not is asked of Python.

The Python functions (functions/calendar.py) say what is right; a test compares the two.
"""

from __future__ import annotations

import re

from emulators.bigquery.sql.types import text

MICROS = {
    "MICROSECOND": 1, "MILLISECOND": 1_000, "SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000, "WEEK": 604_800_000_000,
}  # fmt: skip
_WEEKDAYS = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
_FIELDS = {
    "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "DAY": "day", "DAYOFYEAR": "dayofyear", "ISOWEEK": "week",
    "ISOYEAR": "isoyear", "HOUR": "hour", "MINUTE": "minute", "SECOND": "second",
}  # fmt: skip
_BOUNDARIES = {"YEAR", "QUARTER", "MONTH"}


def first_weekday(part: str) -> int | None:
    """The day a week part starts on, 0 for Sunday; None for other parts.

    >>> [first_weekday(p) for p in ("WEEK", "ISOWEEK", "WEEK(FRIDAY)", "DAY")]
    [0, 1, 5, None]
    """
    if part in {"WEEK", "ISOWEEK"}:
        return int(part == "ISOWEEK")
    return _WEEKDAYS.index(part[5:-1]) if part.startswith("WEEK(") else None


def part_number(kind: str, sql: str, part: str) -> str:
    """EXTRACT(part FROM …) of a DATE, DATETIME, TIMESTAMP in UTC or TIME."""
    if part in _FIELDS:
        return f"{_FIELDS[part]}({sql})"
    if part == "DAYOFWEEK":
        return f"(dayofweek({sql}) + 1)"
    if kind == "TIME":
        return f"bq_extract_time({sql}, {text(part)})"
    if part in {"MICROSECOND", "MILLISECOND"} and kind != "DATE":
        return f"bq_floor_mod(epoch_us({sql}), 1000000){' // 1000' if part == 'MILLISECOND' else ''}"
    return f"bq_extract(CAST({sql} AS TIMESTAMP), {text(part)})"


def truncated(kind: str, sql: str, part: str) -> str:
    """X_TRUNC(x, part)."""
    if kind == "TIME":
        return f"bq_time_trunc({sql}, {text(part)})"
    duck = "DATE" if kind == "DATE" else "TIMESTAMP"
    first = first_weekday(part)
    if first is not None and (first < 2):
        return f"CAST(bq_week_start(CAST({sql} AS DATE), {first}) AS {duck})"
    if part in _BOUNDARIES | {"DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"}:
        return f"CAST(date_trunc('{part.lower()}', {sql}) AS {duck})"
    return f"bq_{'date' if kind == 'DATE' else 'datetime'}_trunc_any({sql}, {text(part)})"


def difference(kind: str, a: str, b: str, part: str) -> str:
    """X_DIFF(a, b, part): boundaries crossed; of a TIMESTAMP whole units, towards zero."""
    if kind == "TIMESTAMP":
        return f"((epoch_us({a}) - epoch_us({b})) // {MICROS[part]})"
    if kind == "TIME" or part == "ISOYEAR":
        return f"bq_{kind.lower()}_diff({a}, {b}, {text(part)})"
    if kind == "DATETIME" and part in MICROS and part not in {"WEEK", "DAY"}:
        return f"(bq_floor_div(epoch_us({a}), {MICROS[part]}) - bq_floor_div(epoch_us({b}), {MICROS[part]}))"
    if part in _BOUNDARIES:
        return f"datediff('{part.lower()}', {b}, {a})"
    first = first_weekday(part)
    a, b = f"CAST({a} AS DATE)", f"CAST({b} AS DATE)"
    if first is not None:
        return f"(bq_week_number({a}, {first}) - bq_week_number({b}, {first}))"
    return f"CAST({a} - {b} AS BIGINT)"


# Elements that strftime prints alike, at least from the year 1000 on.
_PRINTED = {
    **{element: f"%{element}" for element in "YmdybBaAj"}, "F": "%Y-%m-%d", "%": "%%",
}  # fmt: skip
_PRINTED_TIMES = {**{element: f"%{element}" for element in "HMS"}, "T": "%H:%M:%S", "R": "%H:%M"}


def printed(kind: str, pattern: str, sql: str, python: str) -> str | None:
    """FORMAT_DATE, FORMAT_DATETIME or FORMAT_TIMESTAMP in UTC by a literal pattern; None when Python has to do it.

    >>> printed("DATE", "%F", "d", "slow(d)")
    "CASE WHEN d >= TIMESTAMP '1000-01-01' THEN strftime(d, '%Y-%m-%d') ELSE slow(d) END"
    >>> printed("DATE", "%H", "d", "slow(d)")
    """
    known = _PRINTED if kind == "DATE" else _PRINTED | _PRINTED_TIMES
    parts = re.split(r"%(.)", pattern, flags=re.DOTALL)
    if any(element not in known for element in parts[1::2]) or any("%" in part for part in parts[::2]):
        return None
    parts[1::2] = [known[element] for element in parts[1::2]]
    form = text("".join(parts))
    return f"CASE WHEN {sql} >= TIMESTAMP '1000-01-01' THEN strftime({sql}, {form}) ELSE {python} END"
