"""Find which variables the texts of a template reach: those that they name, and those that these refer to."""

from collections.abc import Iterable

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.templating.placeholders import named


def used_by(template: PipelineTemplate, value: object) -> set[str]:
    """The variables that the texts inside a value reach, also through defaults and through the template's pipeline_id.

    Built-in variables are among them, and names that nobody declared.
    """
    used = through_defaults(template, named(value))
    if "pipeline_id" in used:
        used |= through_defaults(template, named(template.pipeline_id))
    return used


def through_defaults(template: PipelineTemplate, names: Iterable[str]) -> set[str]:
    """These variables, and those that their defaults refer to, however far."""
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            spec = template.variables.get(name)
            pending += named(spec.default if spec else None)
    return reached
