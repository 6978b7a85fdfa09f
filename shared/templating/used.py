"""Find which variables the texts of a template reach: those that they name, and those that these refer to."""

from collections.abc import Iterable

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.templating.placeholders import named


def used_by(template: PipelineTemplate, value: object) -> set[str]:
    """The variables that the texts inside a value reach, as `reached_from` follows them."""
    return reached_from(template, named(value))


def reached_from(template: PipelineTemplate, names: Iterable[str]) -> set[str]:
    """These variables, and those that their texts refer to, however far: defaults, and the template's pipeline_id.

    Built-in variables are among them, and names that nobody declared.
    """
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            spec = template.variables.get(name)
            pending += named(template.pipeline_id if name == "pipeline_id" else spec.default if spec else None)
    return reached
