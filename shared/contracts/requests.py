"""The bodies that the HTTP API takes."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.contracts.batches import MOST_DAYS, MOST_TENANTS_NAMED, TenantId
from shared.contracts.messages import Value
from shared.contracts.tenant import TENANT_ID, TenantStatus
from shared.contracts.variable_spec import EMAIL, MAX_TEXT, VariableSpec


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


VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
MAX_VARIABLES = 100
# A key that is good for longer than this was not replaced.
MAX_GRACE_S = 30 * 86_400


def _storable(value: str) -> str:
    VariableSpec().read(value)
    return value


VariableText = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(_storable)]
TemplateNames = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=200)], ...],
    Field(
        max_length=1_000,
        description="Templates that the tenant may run, as `gcp/cost/cost_billing`; none: all. One named twice counts"
        " once.",
    ),
]


class OnboardRequest(BaseModel):
    """A tenant to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant_id: str = Field(
        pattern=TENANT_ID, description="The new tenant: a word, one underscore, 4 to 12 letters or digits."
    )
    admin_email: Email = Field(description="Who is told; mails go to its domain, or, of a free-mail one, to it alone.")
    variables: dict[VariableName, VariableText] = Field(
        default_factory=dict,
        max_length=MAX_VARIABLES,
        description="The operator's settings for this tenant, by variable name.",
    )
    enabled_templates: TemplateNames = ()


class TenantChange(BaseModel):
    """What is given is changed, the rest stays.

    Of `variables`, those given are set, and those given as null removed; `enabled_templates` takes the place of the
    whole list, and an empty one enables all.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, json_schema_extra={"minProperties": 1}
    )

    status: TenantStatus = Field("active", description="`suspended`: nothing runs, no key is taken.")
    variables: dict[VariableName, VariableText | None] = Field(
        default_factory=dict, max_length=MAX_VARIABLES, description="The operator's settings for this tenant."
    )
    enabled_templates: TemplateNames = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("is empty; give status, variables or enabled_templates")
        return self


class RotateRequest(BaseModel):
    """How a key is replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    grace_s: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=MAX_GRACE_S,
        description="For how many seconds the keys before it stay good, at most; 0: they end at once. No more than the"
        " platform's own setting, which holds if not given.",
    )


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


class RunRequest(BaseModel):
    """Two fields of its own; all others are values for variables of the template."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    __pydantic_extra__: dict[str, VariableValue]

    date: IsoDate | None = Field(None, description="The day that the run is about; needed where the template uses it.")
    trigger_by: TriggerBy = Field("api", description="Who asks: a person or a program.")

    @property
    def variables(self) -> Mapping[str, Value]:
        """Whatever is not a field of this request; the template says which ones there are."""
        return self.__pydantic_extra__


class BatchRequest(BaseModel):
    """A template, for many tenants.

    On one `date`, on each day `from` one `to` another, or, for a template that uses no date, once. `tenants` names for
    whom; without it, for all that are active and have the template enabled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: str = Field(description="First folder of the template below `configs/`.")
    domain: str = Field(description="Second folder of the template.")
    template_name: str = Field(description="The template's file name without `.yml`.")
    date: IsoDate | None = Field(None, description="The day that the runs are about.")
    first: IsoDate | None = Field(None, alias="from", description="The first day of a backfill; goes with `to`.")
    last: IsoDate | None = Field(
        None, alias="to", description=f"Its last day; at most {MOST_DAYS} days in all, a run for each tenant and day."
    )
    tenants: list[TenantId] | None = Field(
        None, min_length=1, max_length=MOST_TENANTS_NAMED, description="For these tenants only."
    )
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict, max_length=MAX_VARIABLES, description="Variables of the template, as for a run."
    )
    trigger_by: TriggerBy = Field("api", description="Who asks: a person or a program.")

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.date is not None and (self.first or self.last):
            raise ValueError("give date, or from and to")
        if (self.first is None) != (self.last is None):
            raise ValueError("from and to go together")
        if self.first and self.last and not 0 <= (self.last - self.first).days < MOST_DAYS:
            raise ValueError(f"from comes before to, and there are at most {MOST_DAYS} days")
        return self
