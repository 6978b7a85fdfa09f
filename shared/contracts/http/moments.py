"""Times and days in query parameters and bodies."""

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _moment(value: object) -> object:
    """A day is its first moment in UTC. A time needs its zone: pydantic would also take a number of seconds."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return f"{value}T00:00:00Z"
    if isinstance(value, str) and re.fullmatch(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", value
    ):
        return value
    raise ValueError("is a day (2025-11-15) or a time with its zone (2025-11-15T08:00:00Z)")


def _in_utc(value: dt.datetime) -> dt.datetime:
    """The same time in UTC: BigQuery knows none before the year 1 or after 9999, and a zone can lead there."""
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("is outside of the years 1 to 9999 in UTC") from None


Moment = Annotated[dt.datetime, BeforeValidator(_moment), AfterValidator(_in_utc)]
