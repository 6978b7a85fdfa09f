"""Types of fields that messages and HTTP bodies share."""

import datetime as dt
import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

RUN_ID = r"^[0-9a-f]{32}$"
BATCH_ID = r"^[0-9a-f]{32}$"
Lane = Literal["interactive", "bulk"]
Text = Annotated[str, StringConstraints(max_length=1_000)]
Value = str | int | float | bool | None | list[str | int | float | bool]
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
MAX_VARIABLES = 100
# Good enough to refuse what is no address, without refusing what is one; the mail service has the last word.
EMAIL = (
    r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z0-9-]{2,63}"
)


class IsHtml:
    """Marks a text of an engine's model as HTML."""


Html = Annotated[str, IsHtml]


def _address(value: str) -> str:
    if not re.fullmatch(EMAIL, value):
        raise ValueError("is no mail address, such as admin@acmeinc.com")
    return value


Email = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "format": "email"})]


def _iso_date(value: object) -> object:
    """Only `YYYY-MM-DD`: pydantic would also take a number of seconds. A wrong date is what a wrong variable is."""
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return dt.date.fromisoformat(value)
        message = "a date is written YYYY-MM-DD, e.g. 2025-11-15"
    except ValueError:
        message = "there is no such day; a date is written YYYY-MM-DD, e.g. 2025-11-15"
    raise PydanticCustomError("variable_invalid", message)


IsoDate = Annotated[dt.date, BeforeValidator(_iso_date)]


def _one_or_several(value: object) -> object:
    """One fault for a wrong value, where a union would report each of its types."""
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, float) and not math.isfinite(item) for item in items):
        raise ValueError("must be a number that is finite")
    if value is not None and not all(isinstance(item, str | int | float) for item in items):
        raise ValueError("must be text, a number, true or false, or a list of these")
    return value


_SCALARS = ["string", "number", "boolean"]
_ANY_VALUE = {
    "description": "A variable of the template: its value for this run.",
    "anyOf": [{"type": [*_SCALARS, "null"]}, {"type": "array", "items": {"type": _SCALARS}}],
}


VariableValue = Annotated[Value, PlainValidator(_one_or_several), WithJsonSchema(_ANY_VALUE)]


def _plain_text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds a control character")
    return value


TriggerBy = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_plain_text)]
