"""What all answers have in common.

Answers are built from the models of this folder, and the OpenAPI document is written from them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
# What a name means wherever an answer has it.
TenantId = Annotated[str, Field(description="The tenant.")]
RunId = Annotated[str, Field(description="The run's id.")]
Provider = Annotated[str, Field(description="First folder of the template below `configs/`.")]
Domain = Annotated[str, Field(description="Second folder of the template.")]
TemplateName = Annotated[str, Field(description="The template's file name without `.yml`.")]
TemplateVersion = Annotated[str, Field(description="First 16 hex digits of the SHA-256 of the template's file.")]
StepId = Annotated[str, Field(description="The step, as the template names it.")]
EngineName = Annotated[str, Field(description="The engine that does the step's work.")]


class Answer(BaseModel):
    """One JSON object, whole: a field without value is there as null."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Health(Answer):
    """The function is up."""

    status: Annotated[Literal["ok"], Field(description="Always this: a function that is not up does not answer.")] = (
        "ok"
    )


class ProblemFault(Answer):
    """One thing that is wrong."""

    where: Annotated[str, Field(description="A path in the request (`body.date`, `query.limit`), or `file:line`.")]
    code: Annotated[str, Field(description="What kind of fault it is; stable.")]
    message: Annotated[str, Field(description="What is wrong, and what would be right.")]


class Problem(Answer):
    """Why a call was refused (RFC 9457)."""

    type: Annotated[str, Field(description="`urn:convergence:error:` and the code.")]
    title: Annotated[str, Field(description="The code in words.")]
    status: Annotated[int, Field(ge=400, le=599, description="The HTTP status.")]
    detail: Annotated[str, Field(description="What is wrong, which thing, and what would be right.")]
    code: Annotated[str, Field(description="Stable; what a program decides by.")]
    errors: Annotated[list[ProblemFault], Field(description="Every single fault, where there can be several.")]
