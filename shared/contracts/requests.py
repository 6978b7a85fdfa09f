"""The bodies that the HTTP API takes."""

import datetime as dt
import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.contracts.messages import Value
from shared.contracts.tenant import TENANT_ID
from shared.contracts.variable_spec import EMAIL


def _address(value: str) -> str:
    if not re.fullmatch(EMAIL, value):
        raise ValueError("is no mail address, such as admin@acmeinc.com")
    return value


Email = Annotated[str, AfterValidator(_address)]


def _iso_date(value: object) -> object:
    """Only `YYYY-MM-DD`: pydantic would also take a number of seconds."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    raise ValueError("a date is written YYYY-MM-DD, e.g. 2025-11-15")


IsoDate = Annotated[dt.date, BeforeValidator(_iso_date)]


class OnboardRequest(BaseModel):
    """`POST /customers/onboard`. `variables` are the operator's settings for this tenant."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tenant_id: str = Field(pattern=TENANT_ID)
    admin_email: Email
    variables: dict[str, str] = Field(default_factory=dict)


class RunRequest(BaseModel):
    """`POST /pipelines/run/…`: two fields of its own, all others are overrides of the template's variables."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    date: IsoDate | None = None
    trigger_by: str = Field("api", min_length=1, max_length=100)
    variables: dict[str, Value] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_variables(cls, body: Any) -> Any:
        """Whatever is not a field of this request is a variable; the template says which ones there are."""
        if not isinstance(body, dict):
            raise ValueError("the body is a JSON object")  # noqa: TRY004 - pydantic reports ValueError
        own = {name: value for name, value in body.items() if name in ("date", "trigger_by")}
        return {**own, "variables": {name: value for name, value in body.items() if name not in own}}

    @model_validator(mode="after")
    def _plain_text(self) -> Self:
        if not self.trigger_by.isprintable():
            raise ValueError("trigger_by holds a control character")
        return self
