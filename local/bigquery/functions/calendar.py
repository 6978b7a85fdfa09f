"""Date and time arithmetic, truncation, printing and parsing as BigQuery does them.

TIMESTAMP is a naive UTC datetime here. Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/date_functions,
…/timestamp_functions, …/format-elements#format_elements_date_time
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta

from local.bigquery.functions import civil

_MICROS = {
    "MICROSECOND": 1, "MILLISECOND": 1_000, "SECOND": 1_000_000, "MINUTE": 60_000_000, "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000, "WEEK": 604_800_000_000,
}  # fmt: skip
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_WEEKDAYS = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
_EPOCH = datetime(1970, 1, 1)
_DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MONTH_NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                "November", "December"]  # fmt: skip


def micros(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - _EPOCH) // timedelta(microseconds=1)


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
    return (_EPOCH + timedelta(microseconds=moved)).time()


def _time_micros(when: time) -> int:
    return ((when.hour * 60 + when.minute) * 60 + when.second) * 1_000_000 + when.microsecond


def time_diff(a: time, b: time, part: str) -> int:
    """TIME_DIFF: boundaries crossed."""
    unit = _MICROS[part]
    return _time_micros(a) // unit - _time_micros(b) // unit


def time_trunc(when: time, part: str) -> time:
    """TIME_TRUNC."""
    unit = _MICROS[part]
    return (_EPOCH + timedelta(microseconds=_time_micros(when) // unit * unit)).time()


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
        return _EPOCH + timedelta(microseconds=micros(when) // unit * unit)
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
    return extract(datetime.combine(_EPOCH.date(), when), part)


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
        return _EPOCH + timedelta(microseconds=count * scale)
    except OverflowError:
        raise ValueError(f"Input is outside of supported range for TIMESTAMP: {count}") from None


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


# -- FORMAT_* and PARSE_* ----------------------------------------------------------------------------------

_ELEMENT = re.compile(r"%(E(?:\*S|\dS|Y4Y|4Y|z)|\d?[A-Za-z%])|%O?([A-Za-z])")
_DATE_ONLY_REFUSED = set("HIklMpPRrSTXZzcsQ")


def format_timestamp(pattern: str, when: datetime, zone: str, kind: str) -> str:
    """FORMAT_DATE, FORMAT_DATETIME, FORMAT_TIMESTAMP.

    >>> format_timestamp("%Y-%m-%d %H:%M:%E*S %Ez", datetime(2024, 1, 5, 9, 3, 4, 500000), "UTC", "TIMESTAMP")
    '2024-01-05 09:03:04.5 +00:00'
    """
    if kind == "TIMESTAMP":
        aware = when.replace(tzinfo=UTC).astimezone(civil.zone(zone))
        offset = aware.utcoffset() or timedelta()
        when = aware.replace(tzinfo=None)
        name = aware.tzname() or "UTC"
    else:
        offset, name = timedelta(), "UTC"

    def one(match: re.Match[str]) -> str:
        element = match[0][1:]
        return _element(element, when, offset, name, kind)

    return re.sub(r"%(?:E\*S|E\dS|E4Y|Ez|E[cCxXyY]|O[A-Za-z]|.)", one, pattern)


def _element(element: str, when: datetime, offset: timedelta, name: str, kind: str) -> str:
    simple = {
        "Y": f"{when.year}",
        "m": f"{when.month:02d}",
        "d": f"{when.day:02d}",
        "H": f"{when.hour:02d}",
        "M": f"{when.minute:02d}",
        "S": f"{when.second:02d}",
        "F": f"{when.year}-{when.month:02d}-{when.day:02d}",
        "T": f"{when:%H:%M:%S}",
        "R": f"{when:%H:%M}",
        "D": f"{when:%m/%d}/{when.year % 100:02d}",
        "y": f"{when.year % 100:02d}",
        "j": f"{when.timetuple().tm_yday:03d}",
        "e": f"{when.day:2d}",
        "I": f"{(when.hour + 11) % 12 + 1:02d}",
        "k": f"{when.hour:2d}",
        "l": f"{(when.hour + 11) % 12 + 1:2d}",
        "p": "AM" if when.hour < 12 else "PM",
        "P": "am" if when.hour < 12 else "pm",
        "a": _DAY_NAMES[when.weekday()][:3],
        "A": _DAY_NAMES[when.weekday()],
        "b": _MONTH_NAMES[when.month - 1][:3],
        "h": _MONTH_NAMES[when.month - 1][:3],
        "B": _MONTH_NAMES[when.month - 1],
        "C": f"{when.year // 100:02d}",
        "G": f"{when.isocalendar()[0]}",
        "g": f"{when.isocalendar()[0] % 100:02d}",
        "V": f"{when.isocalendar()[1]:02d}",
        "u": f"{when.isoweekday()}",
        "w": f"{when.isoweekday() % 7}",
        "U": f"{extract(when, 'WEEK'):02d}",
        "W": f"{extract(when, 'WEEK(MONDAY)'):02d}",
        "Q": f"{(when.month - 1) // 3 + 1}",
        "n": "\n",
        "t": "\t",
        "%": "%",
        "E4Y": f"{when.year:04d}",
        "s": f"{micros(when - offset) // 1_000_000}",
        "x": f"{when:%m/%d}/{when.year % 100:02d}",
        "X": f"{when:%H:%M:%S}",
        "r": f"{(when.hour + 11) % 12 + 1:02d}:{when:%M:%S} {'AM' if when.hour < 12 else 'PM'}",
        "c": f"{_DAY_NAMES[when.weekday()][:3]} {_MONTH_NAMES[when.month - 1][:3]} {when.day:2d} "
        f"{when:%H:%M:%S} {when.year}",
    }
    if element == "E*S":
        digits = f"{when.microsecond:06d}".rstrip("0")
        return f"{when.second:02d}" + (f".{digits}" if digits else "")
    if re.fullmatch(r"E\dS", element):
        digits = f"{when.microsecond:06d}000"[: int(element[1])]
        return f"{when.second:02d}" + (f".{digits}" if digits else "")
    if element in {"z", "Ez", "Z"} and kind == "TIMESTAMP":
        minutes = int(offset.total_seconds()) // 60
        sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
        if element == "Z":
            return (
                name
                if not name.startswith(("UTC+", "UTC-", "+", "-"))
                else f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "")
            )
        return f"{sign}{minutes // 60:02d}{':' if element == 'Ez' else ''}{minutes % 60:02d}"
    if element in simple:
        return simple[element]
    raise NotImplementedError(f"the format element %{element}")


def format_time(pattern: str, when: time) -> str:
    """FORMAT_TIME."""
    return format_timestamp(pattern, datetime.combine(_EPOCH.date(), when), "UTC", "TIME")


_READERS = {
    "Y": r"(?P<Y>\d{1,4})",
    "E4Y": r"(?P<Y>\d{4})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"\s*(?P<d>\d{1,2})",
    "e": r"\s*(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "k": r"\s*(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "l": r"\s*(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "E*S": r"(?P<S>\d{1,2})(?:\.(?P<f>\d+))?",
    "p": r"(?P<p>[AaPp][Mm])",
    "P": r"(?P<p>[AaPp][Mm])",
    "y": r"(?P<y>\d{2})",
    "j": r"(?P<j>\d{1,3})",
    "b": r"(?P<b>[A-Za-z]{3,9})",
    "h": r"(?P<b>[A-Za-z]{3,9})",
    "B": r"(?P<b>[A-Za-z]{3,9})",
    "a": r"[A-Za-z]{3,9}",
    "A": r"[A-Za-z]{3,9}",
    "z": r"(?P<z>[+-]\d{2}:?\d{2}|[+-]\d{1,2}|Z)",
    "Ez": r"(?P<z>[+-]\d{2}:?\d{2}|[+-]\d{1,2}|Z)",
    "Z": r"(?P<z>[A-Za-z][A-Za-z_/+-]*)",
    "s": r"(?P<s>-?\d+)",
    "n": r"\s+",
    "t": r"\s+",
    "%": "%",
}
_COMPOUND = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "X": "%H:%M:%S",
    "x": "%m/%d/%y",
    "r": "%I:%M:%S %p",
    "c": "%a %b %e %H:%M:%S %Y",
}


def parse_timestamp(pattern: str, value: str, zone: str, kind: str) -> datetime:
    """PARSE_DATE, PARSE_DATETIME, PARSE_TIME, PARSE_TIMESTAMP; missing parts are those of 1970-01-01 00:00:00.

    >>> parse_timestamp("%m/%d/%Y", "1/5/2024", "UTC", "DATE")
    datetime.datetime(2024, 1, 5, 0, 0)
    """
    for short, long in _COMPOUND.items():
        pattern = re.sub(rf"(?<!%)%{short}", long, pattern)
    out = r"\s*"
    for literal in re.split(r"(%E\*S|%E\dS|%E4Y|%Ez|%.|\s+)", pattern):
        if not literal:
            continue
        if literal[0] == "%" and len(literal) > 1:
            reader = _READERS.get(literal[1:])
            if re.fullmatch(r"%E\dS", literal):
                reader = _READERS["E*S"]
            if reader is None:
                raise NotImplementedError(f"parsing with the format element {literal}")
            names = re.findall(r"\(\?P<(\w)>", reader)
            if any(f"(?P<{n}>" in out for n in names):
                raise NotImplementedError("format strings that repeat an element when parsing")
            out += reader
        elif literal.isspace():
            out += r"\s*"
        else:
            out += re.escape(literal)
    match = re.fullmatch(out + r"\s*", value)
    if match is None:
        raise ValueError(f'Failed to parse input string "{value}"')
    return _assembled(match.groupdict(), value, zone, kind)


def _assembled(found: dict[str, str | None], value: str, zone: str, kind: str) -> datetime:
    parts = {k: v for k, v in found.items() if v is not None}
    try:
        if "s" in parts:
            return _EPOCH + timedelta(seconds=int(parts["s"]))
        year = int(parts.get("Y", "1970"))
        if "y" in parts:
            short = int(parts["y"])
            year = short + (1900 if short >= 69 else 2000)
        month = int(parts.get("m", "1"))
        if "b" in parts:
            names = [n.lower() for n in _MONTH_NAMES]
            wanted = parts["b"].lower()
            month = next(i for i, n in enumerate(names, 1) if wanted in {n, n[:3]})
        hour = int(parts.get("H", "0"))
        if "I" in parts:
            hour = int(parts["I"]) % 12 + (12 if parts.get("p", "am").lower() == "pm" else 0)
        fraction = int((parts.get("f", "") + "000000")[:6])
        second = int(parts.get("S", "0"))
        when = datetime(
            year, month, int(parts.get("d", "1")), hour, int(parts.get("M", "0")), min(second, 59), fraction
        )
        if second == 60:
            when += timedelta(seconds=1)
        if "j" in parts:
            when = when.replace(month=1, day=1) + timedelta(days=int(parts["j"]) - 1)
    except (ValueError, StopIteration, OverflowError):
        raise ValueError(f'Failed to parse input string "{value}"') from None
    if kind == "TIMESTAMP":
        return civil.to_utc(when, civil.zone(parts.get("z", zone)))
    return when
