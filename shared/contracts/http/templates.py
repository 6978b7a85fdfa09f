"""What the calls about templates answer."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.http.answers import Answer, Domain, EngineName, ProblemFault, Provider, StepId, TemplateName

StepName = Annotated[str, Field(description="The step, for people.")]


class TemplateSummary(Answer):
    """A template that can be run, or that could, were it not broken."""

    provider: Provider
    domain: Domain
    template_name: TemplateName
    status: Annotated[
        Literal["ready", "broken"], Field(description="`broken`: the file has faults; the operator mends it.")
    ]
    description: Annotated[str, Field(description="As the template says it, placeholders not filled.")]
    needs_date: Annotated[bool | None, Field(description="Whether a run needs a `date`; null where nobody can tell.")]
    faults: Annotated[list[ProblemFault], Field(description="What is wrong with the file; told to the operator only.")]


class Templates(Answer):
    """What can be run."""

    templates: Annotated[list[TemplateSummary], Field(description="Sorted by provider, domain and name.")]


Scalar = str | int | float | bool


class TemplateVariable(Answer):
    """A variable of a template."""

    name: Annotated[str, Field(description="What it is called in templates and in the body of a run.")]
    type: Annotated[str, Field(description="`string`, `int`, …, or `list[…]` of one of these.")]
    description: Annotated[str, Field(description="As the template says it.")]
    default: Annotated[
        Scalar | list[Scalar] | None, Field(description="The template's own, placeholders not filled; null: none.")
    ]
    overridable: Annotated[bool, Field(description="Whether the body of a run may set it.")]
    required: Annotated[
        bool,
        Field(description="Whether a run needs a value for it: there is no default, and the operator has set none."),
    ]
    pattern: Annotated[str | None, Field(description="What the whole of a text must match.")]
    enum: Annotated[list[Scalar] | None, Field(description="The values that there are.")]
    min: Annotated[int | float | str | None, Field(description="Least number, or earliest date.")]
    max: Annotated[int | float | str | None, Field(description="Greatest number, or latest date.")]


class TemplateStep(Answer):
    """A step of a template."""

    step_id: StepId
    name: StepName
    ps_type: EngineName
    trigger: Annotated[
        Literal["on_success", "on_failure", "always"], Field(description="What must have become of the steps before.")
    ]
    depends_on: Annotated[list[str], Field(description="Steps that it waits for.")]


class TemplateDetails(TemplateSummary):
    """A template, whole: what a request may set, and what will happen."""

    version: Annotated[str | None, Field(description="First 16 hex digits of the SHA-256 of the file.")]
    pipeline_id: Annotated[str | None, Field(description="As the template says it, placeholders not filled.")]
    variables: Annotated[list[TemplateVariable], Field(description="The variables that it declares.")]
    steps: Annotated[list[TemplateStep], Field(description="What it does, as the file orders it.")]
