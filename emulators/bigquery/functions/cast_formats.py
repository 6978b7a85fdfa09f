"""CAST … FORMAT of dates, times and bytes.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/format-elements#format_string_as_datetime
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from emulators.bigquery.functions import encodings
from emulators.bigquery.functions.calendar import EPOCH
from emulators.bigquery.functions.date_formats import DAY_NAMES, MONTH_NAMES

_ELEMENT = re.compile(
    r"""("(?:[^"\\]|\\.)*"|SSSSS|YYYY|RRRR|YYY|YY|RR|Y|MONTH|MON|MM|MI|DDD|DD|DAY|DY|D|HH24|HH12|HH|SS|FF[1-9]"""
    r"""|A\.M\.|P\.M\.|AM|PM|TZH|TZM|[-./,';: ])""",
    re.IGNORECASE,
)
_DATE_PARTS = {"YYYY", "RRRR", "YYY", "YY", "RR", "Y", "MONTH", "MON", "MM", "DDD", "DD", "DAY", "DY", "D"}
_ZONE_PARTS = {"TZH", "TZM"}


@lru_cache(maxsize=256)
def _elements(pattern: str, kind: str) -> list[str]:
    parts = _ELEMENT.split(pattern)
    unknown = next((p for p in parts[::2] if p), None)
    if unknown is not None:
        raise NotImplementedError(f"the format element {unknown} of CAST … FORMAT")
    elements = parts[1::2]
    for element in (e.upper() for e in elements if e[0].isalpha()):
        of_date, of_zone = element in _DATE_PARTS, element in _ZONE_PARTS
        if (kind == "DATE" and not of_date) or (kind == "TIME" and (of_date or of_zone)):
            raise ValueError(f"Invalid format element {element} for a {kind}")
        if of_zone and kind != "TIMESTAMP":
            raise ValueError(f"Invalid format element {element} for a {kind}")
    return elements


def _cased(name: str, element: str) -> str:
    return name.upper() if element[:2].isupper() else name if element[0].isupper() else name.lower()


_WRITERS: dict[str, Callable[[datetime, str], str]] = {
    "YYYY": lambda w, _: f"{w.year:04d}",
    "RRRR": lambda w, _: f"{w.year:04d}",
    "YYY": lambda w, _: f"{w.year % 1000:03d}",
    "YY": lambda w, _: f"{w.year % 100:02d}",
    "RR": lambda w, _: f"{w.year % 100:02d}",
    "Y": lambda w, _: f"{w.year % 10}",
    "MONTH": lambda w, e: _cased(MONTH_NAMES[w.month - 1], e),
    "MON": lambda w, e: _cased(MONTH_NAMES[w.month - 1][:3], e),
    "MM": lambda w, _: f"{w.month:02d}",
    "DDD": lambda w, _: f"{w.timetuple().tm_yday:03d}",
    "DD": lambda w, _: f"{w.day:02d}",
    "DAY": lambda w, e: _cased(DAY_NAMES[w.weekday()], e),
    "DY": lambda w, e: _cased(DAY_NAMES[w.weekday()][:3], e),
    "D": lambda w, _: f"{w.isoweekday() % 7 + 1}",
    "HH24": lambda w, _: f"{w.hour:02d}",
    "HH12": lambda w, _: f"{(w.hour + 11) % 12 + 1:02d}",
    "HH": lambda w, _: f"{(w.hour + 11) % 12 + 1:02d}",
    "MI": lambda w, _: f"{w.minute:02d}",
    "SS": lambda w, _: f"{w.second:02d}",
    "SSSSS": lambda w, _: f"{w.hour * 3600 + w.minute * 60 + w.second:05d}",
    "AM": lambda w, e: _cased("Am" if w.hour < 12 else "Pm", e),
    "PM": lambda w, e: _cased("Am" if w.hour < 12 else "Pm", e),
    "A.M.": lambda w, e: ("A.M." if w.hour < 12 else "P.M.") if e[0].isupper() else "a.m." if w.hour < 12 else "p.m.",
    "P.M.": lambda w, e: ("A.M." if w.hour < 12 else "P.M.") if e[0].isupper() else "a.m." if w.hour < 12 else "p.m.",
    "TZH": lambda _, __: "+00",  # without AT TIME ZONE a TIMESTAMP is printed in UTC
    "TZM": lambda _, __: "00",
}  # fmt: skip


def write(when: datetime, pattern: str, kind: str) -> str:
    """CAST(date or time AS STRING FORMAT pattern).

    >>> write(datetime(2018, 1, 30, 15, 4, 5), "Day, DD MON YYYY HH12:MI:SS PM", "DATETIME")
    'Tuesday, 30 JAN 2018 03:04:05 PM'
    """
    out = ""
    for element in _elements(pattern, kind):
        name = element.upper()
        if name.startswith("FF"):
            out += f"{when.microsecond:06d}000"[: int(name[2])]
        elif name in _WRITERS:
            out += _WRITERS[name](when, element)
        else:
            out += re.sub(r"\\(.)", r"\1", element[1:-1]) if element[0] == '"' else element
    return out


def write_time(when: time, pattern: str) -> str:
    """CAST(TIME AS STRING FORMAT pattern)."""
    return write(datetime.combine(EPOCH.date(), when), pattern, "TIME")


_READERS = {
    "YYYY": r"(?P<year>\d{1,4})", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})",
    "MONTH": r"(?P<name>[A-Za-z]+)", "MON": r"(?P<name>[A-Za-z]{3})", "HH24": r"(?P<hour>\d{1,2})",
    "HH12": r"(?P<half>\d{1,2})", "HH": r"(?P<half>\d{1,2})", "MI": r"(?P<minute>\d{1,2})",
    "SS": r"(?P<second>\d{1,2})", "AM": r"(?P<noon>[AaPp][Mm])", "PM": r"(?P<noon>[AaPp][Mm])",
    "TZH": r"(?P<zone>[+-]\d{1,2})", "TZM": r"(?P<zone_minute>\d{1,2})",
}  # fmt: skip


@lru_cache(maxsize=256)
def _reader(pattern: str, kind: str) -> re.Pattern[str]:
    out = r"\s*"
    for element in _elements(pattern, kind):
        name = element.upper()
        if name.startswith("FF"):
            out += rf"(?P<fraction>\d{{1,{name[2]}}})"
        elif name in _READERS:
            out += _READERS[name]
        elif element[0].isalpha():
            raise NotImplementedError(f"parsing with the format element {name} of CAST … FORMAT")
        else:
            out += r"\s+" if element == " " else re.escape(element.strip('"') if element[0] == '"' else element)
    try:
        found = re.compile(out + r"\s*", re.ASCII)
    except re.error:
        raise ValueError(f"Format element repeated in {pattern}") from None
    groups = set(found.groupindex)
    if kind != "TIME" and not {"year", "day"} | ({"name"} & groups or {"month"}) <= groups:
        raise NotImplementedError("CAST … FORMAT from text without year, month and day")
    return found


def parse(text: str, pattern: str, kind: str) -> datetime:
    """CAST(STRING AS date or time FORMAT pattern).

    >>> parse("03 Dec 2018", "DD MON YYYY", "DATE")
    datetime.datetime(2018, 12, 3, 0, 0)
    """
    match = _reader(pattern, kind).fullmatch(text)
    failed = ValueError(f'Failed to parse input string "{text}" with format "{pattern}"')
    if match is None:
        raise failed
    found = {k: v for k, v in match.groupdict().items() if v is not None}
    try:
        month = int(found.get("month", "1"))
        if "name" in found:
            month = next(i for i, n in enumerate(MONTH_NAMES, 1) if found["name"].lower() in {n.lower(), n[:3].lower()})
        hour = int(found.get("hour", "0"))
        if "half" in found:
            hour = int(found["half"]) % 12 + (12 if found.get("noon", "am").lower() == "pm" else 0)
        day = date(int(found.get("year", "1970")), month, int(found.get("day", "1")))
        fraction = int(found.get("fraction", "").ljust(6, "0")[:6])
        when = datetime.combine(day, time(hour, int(found.get("minute", "0")), int(found.get("second", "0")), fraction))
        if "zone" not in found:
            return when
        hours, minutes = found["zone"], int(found.get("zone_minute", "0"))
        offset = timedelta(hours=abs(int(hours)), minutes=minutes)
        return when - (-offset if hours[0] == "-" else offset)
    except (ValueError, StopIteration, OverflowError):
        raise failed from None


def bytes_to_text(value: bytes, pattern: str) -> str:
    """CAST(BYTES AS STRING FORMAT …)."""
    name = pattern.upper()
    if name == "HEX":
        return value.hex()
    if name in {"BASE64", "BASE64M"}:
        return base64.b64encode(value).decode()
    if name == "BASE32":
        return encodings.to_base32(value)
    if name == "ASCII" and not value.isascii():
        raise ValueError("Invalid cast of bytes to ASCII string")
    if name in {"ASCII", "UTF-8", "UTF8"}:
        return encodings.bytes_to_string(value)
    raise NotImplementedError(f"CAST of BYTES with FORMAT {pattern!r}")


def text_to_bytes(value: str, pattern: str) -> bytes:
    """CAST(STRING AS BYTES FORMAT …)."""
    name = pattern.upper()
    if name == "HEX":
        return encodings.from_hex(value)
    if name in {"BASE64", "BASE64M"}:
        return encodings.from_base64(value)
    if name == "BASE32":
        return encodings.from_base32(value)
    if name in {"ASCII", "UTF-8", "UTF8"} and (name != "ASCII" or value.isascii()):
        return value.encode()
    raise NotImplementedError(f"CAST to BYTES with FORMAT {pattern!r}")


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "cast_write": ("tss", "s", write),
    "cast_write_time": ("cs", "s", write_time),
    "cast_parse": ("sss", "t", parse),
    "cast_bytes_to_text": ("xs", "s", bytes_to_text),
    "cast_text_to_bytes": ("ss", "x", text_to_bytes),
}
