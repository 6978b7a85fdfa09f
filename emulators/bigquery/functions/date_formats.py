"""FORMAT_DATE, PARSE_DATE and their kin: the format elements of dates and times.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_elements_date_time
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from emulators.bigquery.functions import civil
from emulators.bigquery.functions.calendar import EPOCH, extract, micros

DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTH_NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
               "November", "December"]  # fmt: skip
_ELEMENT = re.compile(r"%(E\*S|E\dS|E4Y|Ez|E[cCxXyY]|O[A-Za-z]|.)", re.DOTALL)

# What an element prints of a civil time, which knows its zone when it is a TIMESTAMP's.
_Writer = Callable[[datetime], str]


def _hour12(when: datetime) -> int:
    return (when.hour + 11) % 12 + 1


def _minutes(when: datetime) -> int:
    return int((when.utcoffset() or timedelta()).total_seconds()) // 60


def _offset(when: datetime, colon: str) -> str:
    minutes = _minutes(when)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


def _zone_name(when: datetime) -> str:
    """The offset, never the zone's own abbreviation: `UTC`, `UTC-5`, `UTC+5:30` (docs, format elements)."""
    minutes = _minutes(when)
    if not minutes:
        return "UTC"
    rest = f":{abs(minutes) % 60:02d}" if minutes % 60 else ""
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60}{rest}"


def _unix_seconds(when: datetime) -> int:
    return micros(when.replace(tzinfo=None) - (when.utcoffset() or timedelta())) // 1_000_000


def _iso_day(when: datetime) -> int:
    return (when.date() - date.fromisocalendar(when.isocalendar()[0], 1, 1)).days + 1


_DATES: dict[str, _Writer] = {
    "Y": lambda w: f"{w.year}",
    "E4Y": lambda w: f"{w.year:04d}",
    "y": lambda w: f"{w.year % 100:02d}",
    "C": lambda w: f"{w.year // 100:02d}",
    "m": lambda w: f"{w.month:02d}",
    "d": lambda w: f"{w.day:02d}",
    "e": lambda w: f"{w.day:2d}",
    "F": lambda w: f"{w.year}-{w.month:02d}-{w.day:02d}",
    "D": lambda w: f"{w.month:02d}/{w.day:02d}/{w.year % 100:02d}",
    "x": lambda w: f"{w.month:02d}/{w.day:02d}/{w.year % 100:02d}",
    "j": lambda w: f"{w.timetuple().tm_yday:03d}",
    "J": lambda w: f"{_iso_day(w):03d}",
    "a": lambda w: DAY_NAMES[w.weekday()][:3],
    "A": lambda w: DAY_NAMES[w.weekday()],
    "b": lambda w: MONTH_NAMES[w.month - 1][:3],
    "h": lambda w: MONTH_NAMES[w.month - 1][:3],
    "B": lambda w: MONTH_NAMES[w.month - 1],
    "G": lambda w: f"{w.isocalendar()[0]}",
    "g": lambda w: f"{w.isocalendar()[0] % 100:02d}",
    "V": lambda w: f"{w.isocalendar()[1]:02d}",
    "u": lambda w: f"{w.isoweekday()}",
    "w": lambda w: f"{w.isoweekday() % 7}",
    "U": lambda w: f"{extract(w, 'WEEK'):02d}",
    "W": lambda w: f"{extract(w, 'WEEK(MONDAY)'):02d}",
    "Q": lambda w: f"{(w.month - 1) // 3 + 1}",
}
_TIMES: dict[str, _Writer] = {
    "H": lambda w: f"{w.hour:02d}",
    "I": lambda w: f"{_hour12(w):02d}",
    "k": lambda w: f"{w.hour:2d}",
    "l": lambda w: f"{_hour12(w):2d}",
    "M": lambda w: f"{w.minute:02d}",
    "S": lambda w: f"{w.second:02d}",
    "p": lambda w: "AM" if w.hour < 12 else "PM",
    "P": lambda w: "am" if w.hour < 12 else "pm",
    "R": lambda w: f"{w.hour:02d}:{w.minute:02d}",
    "T": lambda w: f"{w.hour:02d}:{w.minute:02d}:{w.second:02d}",
    "X": lambda w: f"{w.hour:02d}:{w.minute:02d}:{w.second:02d}",
    "r": lambda w: f"{_hour12(w):02d}:{w.minute:02d}:{w.second:02d} {'AM' if w.hour < 12 else 'PM'}",
    "E*S": lambda w: f"{w.second:02d}" + (f".{w.microsecond:06d}".rstrip("0") if w.microsecond else ""),
}
_BOTH: dict[str, _Writer] = {
    "c": lambda w: (
        f"{DAY_NAMES[w.weekday()][:3]} {MONTH_NAMES[w.month - 1][:3]} {w.day:2d} "
        f"{w.hour:02d}:{w.minute:02d}:{w.second:02d} {w.year}"
    ),
    "s": lambda w: f"{_unix_seconds(w)}",
}
_ZONES: dict[str, _Writer] = {
    "z": lambda w: _offset(w, ""),
    "Ez": lambda w: _offset(w, ":"),
    "Z": _zone_name,
}
_PLAIN: dict[str, _Writer] = {
    "n": lambda _: "\n",
    "t": lambda _: "\t",
    "%": lambda _: "%",
}
_WRITERS = {
    "DATE": _DATES | _PLAIN,
    "TIME": _TIMES | _PLAIN,
    "DATETIME": _DATES | _TIMES | _BOTH | _PLAIN,
    "TIMESTAMP": _DATES | _TIMES | _BOTH | _ZONES | _PLAIN,
}


@lru_cache(maxsize=256)
def _writers(pattern: str, kind: str) -> list[str | _Writer]:
    """Plain text and writers in turn; NotImplementedError for an element that `kind` has not."""
    out: list[str | _Writer] = []
    for index, part in enumerate(_ELEMENT.split(pattern)):
        if index % 2 == 0:
            out.append(part)
            continue
        digits = re.fullmatch(r"E(\d)S", part)
        if digits and kind != "DATE":
            out.append(_seconds(int(digits[1])))
            continue
        writer = _WRITERS[kind].get(part)
        if writer is None:
            raise NotImplementedError(f"the format element %{part} for a {kind}")
        out.append(writer)
    return out


def _seconds(digits: int) -> _Writer:
    def write_seconds(when: datetime) -> str:
        fraction = f"{when.microsecond:06d}000"[:digits]
        return f"{when.second:02d}" + (f".{fraction}" if fraction else "")

    return write_seconds


def write(pattern: str, when: datetime, zone: str, kind: str) -> str:
    """FORMAT_DATE, FORMAT_DATETIME, FORMAT_TIMESTAMP.

    >>> write("%Y-%m-%d %H:%M:%E*S %Ez", datetime(2024, 1, 5, 9, 3, 4, 500000), "UTC", "TIMESTAMP")
    '2024-01-05 09:03:04.5 +00:00'
    """
    if kind == "TIMESTAMP" and zone != "UTC":
        when = when.replace(tzinfo=UTC).astimezone(civil.zone(zone))
    return "".join(p if isinstance(p, str) else p(when) for p in _writers(pattern, kind))


def write_time(pattern: str, when: time) -> str:
    """FORMAT_TIME."""
    return write(pattern, datetime.combine(EPOCH.date(), when), "UTC", "TIME")


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


def parse(pattern: str, value: str, zone: str, kind: str) -> datetime:
    """PARSE_DATE, PARSE_DATETIME, PARSE_TIME, PARSE_TIMESTAMP; missing parts are those of 1970-01-01 00:00:00.

    >>> parse("%m/%d/%Y", "1/5/2024", "UTC", "DATE")
    datetime.datetime(2024, 1, 5, 0, 0)
    """
    match = _reader(pattern).fullmatch(value)
    if match is None:
        raise ValueError(f'Failed to parse input string "{value}"')
    return _assembled(match.groupdict(), value, zone, kind)


@lru_cache(maxsize=256)
def _reader(pattern: str) -> re.Pattern[str]:
    """What reads the texts of a format; whitespace in it stands for any, and there may be some around."""
    for short, long in _COMPOUND.items():
        pattern = re.sub(rf"(?<!%)%{short}", long, pattern)
    out = r"\s*"
    for part in re.split(r"(%E\*S|%E\dS|%E4Y|%Ez|%.|\s+)", pattern):
        if not part:
            continue
        if part[0] == "%" and len(part) > 1:
            reader = _READERS["E*S"] if re.fullmatch(r"%E\dS", part) else _READERS.get(part[1:])
            if reader is None:
                raise NotImplementedError(f"parsing with the format element {part}")
            if any(f"(?P<{n}>" in out for n in re.findall(r"\(\?P<(\w)>", reader)):
                raise NotImplementedError("format strings that repeat an element when parsing")
            out += reader
        else:
            out += r"\s*" if part.isspace() else re.escape(part)
    return re.compile(out + r"\s*")


def _assembled(found: dict[str, str | None], value: str, zone: str, kind: str) -> datetime:
    parts = {k: v for k, v in found.items() if v is not None}
    try:
        if "s" in parts:
            return EPOCH + timedelta(seconds=int(parts["s"]))
        year = int(parts.get("Y", "1970"))
        if "y" in parts:
            short = int(parts["y"])
            year = short + (1900 if short >= 69 else 2000)
        month = int(parts.get("m", "1"))
        if "b" in parts:
            names = [n.lower() for n in MONTH_NAMES]
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


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "format_timestamp": ("stss", "s", write),
    "format_time": ("sc", "s", write_time),
    "parse_timestamp": ("ssss", "t", parse),
}
