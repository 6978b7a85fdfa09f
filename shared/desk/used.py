"""Which variables a template's texts come to, also through other variables."""

from shared.contracts.files.pipeline_template import PipelineTemplate
from shared.templating.placeholders import names, texts


def used_by(template: PipelineTemplate, value: object) -> set[str]:
    """The variables of all texts in a value, and those that they refer to."""
    used: set[str] = set()
    pending = [part.name for _, text in texts(value) for part in names(text)]
    while pending:
        name = pending.pop()
        if name not in used:
            used.add(name)
            spec = template.variables.get(name)
            pending += [part.name for _, text in texts(spec.default if spec else None) for part in names(text)]
    if "pipeline_id" in used:
        used |= {part.name for part in names(template.pipeline_id)}
    return used
