"""Date and time arithmetic and truncation as BigQuery does them.

TIMESTAMP is a naive UTC datetime here. Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/date_functions,
…/timestamp_functions
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from typing import Any

from emulators.bigquery.functions import civil

_MICROS = {
    "MICROSECOND": 1, "MILLISECOND": 1_000, "SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000, "WEEK": 604_800_000_000,
}  # fmt: skip
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_WEEKDAYS = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
EPOCH = datetime(1970, 1, 1)


def micros(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - EPOCH) // timedelta(microseconds=1)


def date_add(day: date, count: int, part: str) -> date:
    """DATE_ADD; months clamp to the last day of the month.

    >>> date_add(date(2024, 1, 31), 1, "MONTH")
    datetime.date(2024, 2, 29)
    """
    try:
        if part in _MONTHS:
            return _add_months(day, count * _MONTHS[part])
        return day + timedelta(days=count * (7 if part == "WEEK" else 1))
    except (OverflowError, ValueError):
        raise ValueError(f"Adding {count} {part} to date {day} causes overflow") from None


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def datetime_add(when: datetime, count: int, part: str) -> datetime:
    """DATETIME_ADD and TIMESTAMP_ADD."""
    try:
        if part in _MONTHS:
            return datetime.combine(_add_months(when.date(), count * _MONTHS[part]), when.time())
        return when + timedelta(microseconds=count * _MICROS[part])
    except (OverflowError, ValueError):
        raise ValueError(f"Adding {count} {part} to {civil.datetime_text(when)} causes overflow") from None


def time_add(when: time, count: int, part: str) -> time:
    """TIME_ADD, around midnight."""
    moved = (_time_micros(when) + count * _MICROS[part]) % _MICROS["DAY"]
    return (EPOCH + timedelta(microseconds=moved)).time()


def _time_micros(when: time) -> int:
    return ((when.hour * 60 + when.minute) * 60 + when.second) * 1_000_000 + when.microsecond


def time_diff(a: time, b: time, part: str) -> int:
    """TIME_DIFF: boundaries crossed."""
    unit = _MICROS[part]
    return _time_micros(a) // unit - _time_micros(b) // unit


def time_trunc(when: time, part: str) -> time:
    """TIME_TRUNC."""
    unit = _MICROS[part]
    return (EPOCH + timedelta(microseconds=_time_micros(when) // unit * unit)).time()


def date_diff(a: date, b: date, part: str) -> int:
    """DATE_DIFF: how many boundaries of the part lie between.

    >>> date_diff(date(2024, 1, 1), date(2023, 12, 31), "YEAR")
    1
    """
    if part == "DAY":
        return (a - b).days
    if part == "MONTH":
        return (a.year - b.year) * 12 + a.month - b.month
    if part == "QUARTER":
        return (a.year - b.year) * 4 + (a.month - 1) // 3 - (b.month - 1) // 3
    if part == "YEAR":
        return a.year - b.year
    if part == "ISOYEAR":
        return a.isocalendar()[0] - b.isocalendar()[0]
    return _week_index(a, part) - _week_index(b, part)


def _week_index(day: date, part: str) -> int:
    first = 1 if part == "ISOWEEK" else _WEEKDAYS.index(part[5:-1]) if "(" in part else 0
    # day 0 of the ordinal count modulo 7 is a Sunday
    return (day.toordinal() - first) // 7


def datetime_diff(a: datetime, b: datetime, part: str) -> int:
    """DATETIME_DIFF: boundaries crossed."""
    if part in _MICROS and part != "WEEK":
        unit = _MICROS[part]
        return micros(a) // unit - micros(b) // unit
    return date_diff(a.date(), b.date(), part)


def timestamp_diff(a: datetime, b: datetime, part: str) -> int:
    """TIMESTAMP_DIFF: whole units between, towards zero."""
    span, unit = micros(a) - micros(b), _MICROS[part]
    return span // unit if span >= 0 else -(-span // unit)


def date_trunc(day: date, part: str) -> date:
    """DATE_TRUNC."""
    if part == "DAY":
        return day
    if part == "MONTH":
        return day.replace(day=1)
    if part == "QUARTER":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if part == "YEAR":
        return day.replace(month=1, day=1)
    if part == "ISOYEAR":
        return date.fromisocalendar(day.isocalendar()[0], 1, 1)
    first = 1 if part == "ISOWEEK" else _WEEKDAYS.index(part[5:-1]) if "(" in part else 0
    back = (day.toordinal() - first) % 7
    try:
        return day - timedelta(days=back)
    except OverflowError:
        raise ValueError(f"Truncating {day} to {part} causes overflow") from None


def datetime_trunc(when: datetime, part: str) -> datetime:
    """DATETIME_TRUNC."""
    if part in _MICROS and part not in {"WEEK", "DAY"}:
        unit = _MICROS[part]
        return EPOCH + timedelta(microseconds=micros(when) // unit * unit)
    return datetime.combine(date_trunc(when.date(), part), time())


def timestamp_trunc_zone(when: datetime, part: str, zone: str) -> datetime:
    """TIMESTAMP_TRUNC with a zone."""
    if part in {"MICROSECOND", "MILLISECOND", "SECOND", "MINUTE"}:
        return datetime_trunc(when, part)
    return civil.to_utc(datetime_trunc(civil.in_zone(when, zone), part), civil.zone(zone))


def last_day(day: date, part: str) -> date:
    """LAST_DAY of the part."""
    first = date_trunc(day, part)
    if part in _MONTHS:
        return _add_months(first, _MONTHS[part]) - timedelta(days=1)
    if part == "ISOYEAR":
        return date.fromisocalendar(first.isocalendar()[0] + 1, 1, 1) - timedelta(days=1)
    return first + timedelta(days=6)


def extract(when: datetime, part: str) -> int:
    """EXTRACT from a date, datetime or (UTC) timestamp."""
    if part in _SIMPLE:
        return int(getattr(when, _SIMPLE[part]))
    if part == "MICROSECOND":
        return when.microsecond
    if part == "MILLISECOND":
        return when.microsecond // 1000
    if part == "QUARTER":
        return (when.month - 1) // 3 + 1
    if part == "DAYOFWEEK":
        return when.isoweekday() % 7 + 1
    if part == "DAYOFYEAR":
        return when.timetuple().tm_yday
    if part == "ISOWEEK":
        return when.isocalendar()[1]
    if part == "ISOYEAR":
        return when.isocalendar()[0]
    # weeks that start on the day given; days before the first one are in week 0
    first = _WEEKDAYS.index(part[5:-1]) if "(" in part else 0
    weekday = (when.isoweekday() - first) % 7
    return (when.timetuple().tm_yday - 1 - weekday + 7) // 7


_SIMPLE = {"YEAR": "year", "MONTH": "month", "DAY": "day", "HOUR": "hour", "MINUTE": "minute", "SECOND": "second"}


def extract_time(when: time, part: str) -> int:
    """EXTRACT from a TIME."""
    return extract(datetime.combine(EPOCH.date(), when), part)


def make_date(year: int, month: int, day: int) -> date:
    """DATE(y, m, d)."""
    try:
        return date(year, month, day)
    except (ValueError, OverflowError):
        raise ValueError(f"Input calculates to invalid date: {year:04d}-{month:02d}-{day:02d}") from None


def make_datetime(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
    """DATETIME(y, m, d, h, m, s)."""
    try:
        return datetime(year, month, day, hour, minute, second)
    except (ValueError, OverflowError):
        raise ValueError(
            f"Input calculates to invalid datetime: {year:04d}-{month:02d}-{day:02d} "
            f"{hour:02d}:{minute:02d}:{second:02d}"
        ) from None


def make_time(hour: int, minute: int, second: int) -> time:
    """TIME(h, m, s)."""
    try:
        return time(hour, minute, second)
    except (ValueError, OverflowError):
        raise ValueError(f"Input calculates to invalid time: {hour:02d}:{minute:02d}:{second:02d}") from None


def timestamp_of(count: int, scale: int) -> datetime:
    """TIMESTAMP_SECONDS and the like; `scale` is microseconds per unit."""
    try:
        return EPOCH + timedelta(microseconds=count * scale)
    except OverflowError:
        raise ValueError(f"Input is outside of supported range for TIMESTAMP: {count}") from None


def bucket(when: datetime, width_us: int, origin: datetime) -> datetime:
    """DATETIME_BUCKET and TIMESTAMP_BUCKET by a width in microseconds: the start of the bucket that holds `when`."""
    if width_us <= 0:
        raise ValueError("Bucket width INTERVAL must be positive")
    start = micros(origin)
    return EPOCH + timedelta(microseconds=start + (micros(when) - start) // width_us * width_us)


def from_zone(when: datetime, zone: str) -> datetime:
    """TIMESTAMP(datetime, zone)."""
    return civil.to_utc(when, civil.zone(zone))


def generate_dates(start: date, end: date, step: int, part: str) -> list[date]:
    """GENERATE_DATE_ARRAY, both ends included."""
    if step == 0:
        raise ValueError("Sequence step cannot be 0.")
    out, index, day = [], 0, start
    while day <= end if step > 0 else day >= end:
        out.append(day)
        index += 1
        try:
            day = date_add(start, index * step, part)
        except ValueError:
            break
    return out


def generate_timestamps(start: datetime, end: datetime, step: int, part: str) -> list[datetime]:
    """GENERATE_TIMESTAMP_ARRAY, both ends included."""
    if step == 0:
        raise ValueError("Sequence step cannot be 0.")
    out, when = [], start
    while when <= end if step > 0 else when >= end:
        out.append(when)
        try:
            when = datetime_add(when, step, part)
        except ValueError:
            break
    return out


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "in_zone": ("ts", "t", civil.in_zone),
    "from_zone": ("ts", "t", from_zone),
    "date_add_any": ("dis", "d", date_add),
    "datetime_add_any": ("tis", "t", datetime_add),
    "time_add": ("cis", "c", time_add),
    "date_diff": ("dds", "i", date_diff),
    "datetime_diff": ("tts", "i", datetime_diff),
    "timestamp_diff": ("tts", "i", timestamp_diff),
    "time_diff": ("ccs", "i", time_diff),
    "date_trunc_any": ("ds", "d", date_trunc),
    "datetime_trunc_any": ("ts", "t", datetime_trunc),
    "timestamp_trunc_zone": ("tss", "t", timestamp_trunc_zone),
    "time_trunc": ("cs", "c", time_trunc),
    "last_day": ("ds", "d", last_day),
    "extract": ("ts", "i", extract),
    "extract_time": ("cs", "i", extract_time),
    "make_date": ("iii", "d", make_date),
    "make_datetime": ("iiiiii", "t", make_datetime),
    "make_time": ("iii", "c", make_time),
    "timestamp_of": ("ii", "t", timestamp_of),
    "bucket": ("tit", "t", bucket),
    "generate_date_array": ("ddis", "D", generate_dates),
    "generate_timestamp_array": ("ttis", "T", generate_timestamps),
}
