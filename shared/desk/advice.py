"""What is allowed in a template, and probably not meant: warnings, by what the original's authors learnt."""

import re
from collections.abc import Iterator

from shared.contracts.fields import EMAIL
from shared.contracts.files.explain import dotted
from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.files.template_body import FAILURE_BUILT_IN
from shared.contracts.template_address import ONBOARDING
from shared.desk.links import link_advice
from shared.errors import Fault
from shared.runs.step_graph import StepGraph
from shared.templating.identifiers import is_naming_field
from shared.templating.placeholders import texts
from shared.templating.resolution import is_protected
from shared.templating.used import used_by


def advice(template: PipelineTemplate) -> Iterator[Fault]:
    """Warnings about a template whose shape is right; each `where` is `file:line field`."""
    yield from _how_it_is_called(template)
    yield from _unused(template)
    yield from _open_destinations(template)
    yield from link_advice(template)
    if template.address != ONBOARDING and not any(step.trigger != "on_success" for step in template.steps):
        message = "no step says that a run failed; add one with trigger: on_failure"
        yield _fault(template, ("steps",), "steps", message)
    for path, address in addresses(template):
        message = (
            f"{address} is somebody's address: mail goes there only where the operator's list has it;"
            " write {admin_email} or {operator_email}"
        )
        yield _fault(template, path, dotted(template.document, path), message)
    for step in template.steps:
        if step.trigger == "on_failure" and not used_by(template, dict(step.fields)) & set(FAILURE_BUILT_IN):
            message = f"runs after a failure and does not say which; use {{{'}, {'.join(FAILURE_BUILT_IN)}}}"
            yield _fault(template, step.path, step.step_id, message)


def addresses(template: PipelineTemplate) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Mail addresses that are written into a template, with their paths; not those that a tenant's own replaces."""
    for step in template.steps:
        yield from (((*step.path, *path), text) for path, text in texts(dict(step.fields)) if re.fullmatch(EMAIL, text))
    for name, spec in template.variables.items():
        if name not in ("admin_email", "operator_email"):
            found = texts(spec.default)
            yield from ((("variables", name), text) for _, text in found if re.fullmatch(EMAIL, text))


def unreachable(template: PipelineTemplate) -> Iterator[Fault]:
    """Steps that no run can come to: errors, not advice."""
    graph = StepGraph(template.steps)
    can_fail = {step.step_id for step in template.steps if step.trigger != "on_failure"}
    for step in template.steps:
        if step.trigger == "on_failure" and not graph.before(step.step_id) & can_fail:
            message = "can never run: no step before it can fail; put it after the steps that it speaks of"
            yield _fault(template, (*step.path, "trigger"), f"{step.step_id}.trigger", message)


def _how_it_is_called(template: PipelineTemplate) -> Iterator[Fault]:
    head = [line for line in template.document.source.split("\n", 20)[:20] if line.startswith("#")]
    if not any("curl" in line or "POST" in line for line in head):
        path = f"{{tenant_id}}/{template.address}" if template.address != ONBOARDING else "…"
        message = f"no comment at the top shows how it is called; add # curl -X POST …/api/v1/pipelines/run/{path}"
        yield _fault(template, (), "", message)


def _unused(template: PipelineTemplate) -> Iterator[Fault]:
    written: list[object] = [template.pipeline_id, template.description]
    written += [part for step in template.steps for part in (step.name, dict(step.fields))]
    used = used_by(template, written)
    for name in template.variables:
        if name not in used:
            message = f"is not used; delete it, or write {{{name}}} where it belongs"
            yield _fault(template, ("variables", name), f"variables.{name}", message)


def _open_destinations(template: PipelineTemplate) -> Iterator[Fault]:
    """Variables that choose where rows go, and that requests may set."""
    chosen: dict[str, Step] = {}
    for step in template.steps:
        for path, text in texts(dict(step.fields)):
            if is_naming_field(path):
                chosen |= dict.fromkeys(used_by(template, text) & template.variables.keys(), step)
    for name, step in chosen.items():
        spec = template.variables[name]
        place, field = ("variables", name), f"variables.{name}"
        if not is_protected(template, name):
            message = f"requests may choose what step {step.step_id!r} writes to; if they should not, drop overridable"
            yield _fault(template, place, field, message)
        elif spec.overridable:
            message = "overridable has no effect: the variable names something; bound it with a pattern or an enum"
            yield _fault(template, place, field, message)


def _fault(template: PipelineTemplate, path: tuple[str | int, ...], field: str, message: str) -> Fault:
    return Fault(f"{template.where(path)} {field}".rstrip(), "advice", message)
