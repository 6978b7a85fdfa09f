"""Read and print dates and times as BigQuery does.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#canonical_format_for_timestamp_literals
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{0,9}))?")
_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?")


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """A time zone by IANA name or as an offset such as -04:30; ValueError `Invalid time zone: …`."""
    if name in {"UTC", "Z", "z"}:
        return UTC
    match = _OFFSET.fullmatch(name)
    if match:
        sign, hours, minutes = match.groups()
        delta = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if delta > timedelta(hours=14) or int(minutes or 0) > 59:
            raise ValueError(f"Invalid time zone: {name}")
        return timezone(-delta if sign == "-" else delta)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"Invalid time zone: {name}") from None


def _micros(fraction: str | None) -> int:
    digits = (fraction or "")[:6]
    return int(digits.ljust(6, "0")) if digits else 0


def parse_date(text: str) -> date:
    """A DATE of its canonical text."""
    match = _DATE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"Invalid date: '{text}'")
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        raise ValueError(f"Invalid date: '{text}'") from None


def parse_time(text: str) -> time:
    """A TIME of its canonical text."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ValueError(f'Invalid time string "{text}"')
    hour, minute, second, fraction = match.groups()
    try:
        return time(int(hour), int(minute), int(second), _micros(fraction))
    except ValueError:
        raise ValueError(f'Invalid time string "{text}"') from None


def _split(text: str) -> tuple[datetime, str] | None:
    """The civil part and what follows it."""
    match = _DATE.match(text)
    if not match:
        return None
    year, month, day = map(int, match.groups())
    rest = text[match.end() :]
    clock = _TIME.match(rest, 1) if rest[:1] in {" ", "T", "t"} else None
    try:
        if clock is None:
            return datetime(year, month, day), rest
        hour, minute, second, fraction = clock.groups()
        when = datetime(year, month, day, int(hour), int(minute), min(int(second), 59), _micros(fraction))
        if int(second) > 60:
            return None
        if int(second) == 60:
            when = when.replace(microsecond=0) + timedelta(seconds=1)
    except ValueError:
        return None
    return when, rest[clock.end() :]


def parse_datetime(text: str) -> datetime:
    """A DATETIME of its canonical text."""
    split = _split(text.strip())
    if split is None or split[1]:
        raise ValueError(f'Invalid datetime string "{text}"')
    return split[0]


def parse_timestamp(text: str, default_zone: str = "UTC") -> datetime:
    """A TIMESTAMP of its canonical text: a naive UTC datetime.

    >>> parse_timestamp("2024-01-15 12:00:00.5-08:00")
    datetime.datetime(2024, 1, 15, 20, 0, 0, 500000)
    """
    split = _split(text.strip())
    if split is None:
        raise ValueError(f"Invalid timestamp: '{text}'")
    when, rest = split
    name = rest.strip()
    if not name:
        return to_utc(when, zone(default_zone))
    try:
        if not (name[0] in "+-" or name in {"Z", "z"} or rest[0] == " "):
            raise ValueError
        return to_utc(when, zone(name))
    except (ValueError, OverflowError):
        raise ValueError(f"Invalid timestamp: '{text}'") from None


def to_utc(when: datetime, where: tzinfo) -> datetime:
    """A civil time in a zone as naive UTC."""
    if where is UTC:
        return when
    return when.replace(tzinfo=where).astimezone(UTC).replace(tzinfo=None)


def in_zone(when: datetime, name: str) -> datetime:
    """Naive UTC as civil time in a zone."""
    return when.replace(tzinfo=UTC).astimezone(zone(name)).replace(tzinfo=None)


def fraction(micros: int) -> str:
    """`.ffffff` in groups of three digits, empty for zero."""
    if not micros:
        return ""
    return f".{micros // 1000:03d}" if micros % 1000 == 0 else f".{micros:06d}"


def datetime_text(when: datetime) -> str:
    """CAST(DATETIME AS STRING)."""
    return when.isoformat(" ", "seconds") + fraction(when.microsecond)


def time_text(when: time) -> str:
    """CAST(TIME AS STRING)."""
    return when.isoformat("seconds") + fraction(when.microsecond)


def timestamp_text(when: datetime, zone_name: str = "UTC") -> str:
    """CAST(TIMESTAMP AS STRING): civil time with offset, minutes only when there are any."""
    if zone_name == "UTC":
        return datetime_text(when) + "+00"
    local = when.replace(tzinfo=UTC).astimezone(zone(zone_name))
    offset = local.utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"{datetime_text(local.replace(tzinfo=None))}{sign}{hours:02d}" + (f":{rest:02d}" if rest else "")
