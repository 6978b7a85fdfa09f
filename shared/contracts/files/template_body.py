"""A template as its file writes it: the keys, what may stand in them, and what they are for."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.contracts.files.variable_spec import VariableSpec

Trigger = Literal["on_success", "on_failure", "always"]

# What the platform itself sets; a template cannot declare these and nobody can override them (rules 4).
BUILT_IN = (
    "tenant_id", "provider", "domain", "template_name", "pipeline_id", "pipeline_logging_id", "date", "trigger_by",
    "run_date",
)  # fmt: skip
FAILURE_BUILT_IN = ("failed_step", "error_code", "error_message", "logs_url")
"""Only in steps whose trigger is on_failure or always."""

RESERVED = (*BUILT_IN, *FAILURE_BUILT_IN)
VARIABLE_NAME = r"[a-z][a-z0-9_]{0,63}"
STEP_ID = r"[a-z0-9_]{1,64}"


class Retry(BaseModel):
    """How often a step is tried when its error is transient.

    `attempts` in all; `backoff_s` before the second, doubled before each further one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    attempts: int = Field(default=1, ge=1, le=10, strict=True, description="How often the step is tried in all.")
    backoff_s: float = Field(
        default=1.0, ge=0, le=600, description="Seconds before the second attempt; doubled before each further one."
    )


class StepBody(BaseModel):
    """A step as the file writes it. Keys that are not named here are the engine's own; its model checks them."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    step_id: str = Field(
        pattern=r"^[a-z0-9_]+$", max_length=64, description="The step's name in statuses, jobs and depends_on; unique."
    )
    ps_type: str = Field(
        pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$",
        max_length=128,
        description="The engine that does the work; it decides which further keys the step has.",
    )
    name: str = Field("", description="What people call the step; step_id where it is left out.")
    trigger: Trigger = Field(
        "on_success",
        description="When it runs: on_success (all before it succeeded), on_failure (something failed), or always.",
    )
    depends_on: tuple[str, ...] | None = Field(
        None,
        description="Wait for these steps only, by their step_id, at the same time as others; [] waits for none."
        " Left out: wait for all steps before.",
    )
    retry: Retry = Field(Retry(), description="How often it is tried when its error may pass.")
    timeout: float | None = Field(None, gt=0, le=21_600, description="Seconds after which its job is given up.")


STEP_KEYS = tuple(StepBody.model_fields)
"""What any step may have beside its engine's own fields."""


def _long_form(value: object) -> object:
    """`limit: 10` means `limit: {default: 10, type: int}`; a default also says the type in the long form."""
    if value is None:
        raise ValueError('has no value; write "" for empty text, or {type: string} for one that must be given')
    if isinstance(value, dict):
        default = value.get("default")
        return value if "type" in value or default is None else {**value, "type": _type_of(default)}
    return {"default": value, "type": _type_of(value)}


def _type_of(value: object) -> str:
    kinds: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string"}
    if isinstance(value, list):
        types = {type(item) for item in value}
        if len(types) == 1 and types <= kinds.keys():
            return f"list[{kinds[types.pop()]}]"
        raise ValueError(
            "a list whose values are not of one scalar type; write {default: [], type: list[…]} for an empty one"
        )
    if type(value) not in kinds:
        raise ValueError("a variable is a scalar, a list of scalars, or {default, type, …}")
    return kinds[type(value)]


# A variable as a file may write it: a default, or the long form.
_Scalars = list[str] | list[int] | list[float] | list[bool]
_Written = str | int | float | bool | _Scalars | VariableSpec


class TemplateBody(BaseModel):
    """The whole file, as written."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    pipeline_id: str = Field(
        min_length=1, max_length=500, description='What runs are called, such as "{tenant_id}-gcp-cost-billing".'
    )
    description: str = Field("", description="What the pipeline does.")
    variables: Mapping[str, Annotated[VariableSpec, BeforeValidator(_long_form, json_schema_input_type=_Written)]] = (
        Field(
            default_factory=dict,
            description="Variables by name: a default, or {default, type, overridable, …}. {name} puts the value in.",
            json_schema_extra={"propertyNames": {"pattern": f"^{VARIABLE_NAME}$", "not": {"enum": [*RESERVED]}}},
        )
    )
    steps: tuple[StepBody, ...] = Field(min_length=1, max_length=100, description="What is done, in this order.")
