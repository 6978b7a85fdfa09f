"""The bodies that the HTTP API takes."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    field_validator,
)

from shared.contracts.messages import Value
from shared.contracts.tenant import TENANT_ID
from shared.contracts.variable_spec import EMAIL, MAX_TEXT


def _address(value: str) -> str:
    if not re.fullmatch(EMAIL, value):
        raise ValueError("is no mail address, such as admin@acmeinc.com")
    return value


Email = Annotated[str, AfterValidator(_address)]


def _iso_date(value: object) -> object:
    """Only `YYYY-MM-DD`: pydantic would also take a number of seconds."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return value
    raise ValueError("a date is written YYYY-MM-DD, e.g. 2025-11-15")


IsoDate = Annotated[dt.date, BeforeValidator(_iso_date)]


VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
VariableText = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class OnboardRequest(BaseModel):
    """`POST /customers/onboard`. `variables` are the operator's settings for this tenant."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant_id: str = Field(pattern=TENANT_ID)
    admin_email: Email
    variables: dict[VariableName, VariableText] = Field(default_factory=dict)


def _one_or_several(value: object) -> object:
    """One fault for a wrong value, where a union would report each of its types."""
    items = value if isinstance(value, list) else [value]
    if value is not None and not all(isinstance(item, str | int | float) for item in items):
        raise ValueError("must be text, a number, true or false, or a list of these")
    return value


class RunRequest(BaseModel):
    """`POST /pipelines/run/…`: two fields of its own, all others are overrides of the template's variables."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    __pydantic_extra__: dict[str, Annotated[Value, PlainValidator(_one_or_several)]]

    date: IsoDate | None = None
    trigger_by: str = Field("api", min_length=1, max_length=100)

    @property
    def variables(self) -> Mapping[str, Value]:
        """Whatever is not a field of this request; the template says which ones there are."""
        return self.__pydantic_extra__

    @field_validator("trigger_by")
    @classmethod
    def _plain_text(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("holds a control character")
        return value
