"""What can be run, and what is wrong with the rest: templates as callers see them, without anybody's values."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from shared.contracts.files.explain import explain
from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.files.template_body import STEP_KEYS
from shared.contracts.http.answers import ProblemFault
from shared.contracts.http.templates import TemplateDetails, TemplateStep, TemplateSummary, TemplateVariable
from shared.contracts.template_address import ONBOARDING, TemplateAddress
from shared.contracts.tenant import Tenant
from shared.engines.registry import engine
from shared.errors import Fault, PermanentError, TemplateInvalid
from shared.runs.resolve import TemplateSource
from shared.templating.resolution import is_protected
from shared.templating.used import used_by


def runnable(addresses: Iterable[TemplateAddress], tenant: Tenant | None) -> list[TemplateAddress]:
    """Those that this tenant may ask for, or that any may where there is none; onboarding is a call of its own."""
    enabled = tenant.enabled_templates if tenant else ()
    return [address for address in addresses if address != ONBOARDING and (not enabled or str(address) in enabled)]


def summary(address: TemplateAddress, templates: TemplateSource, *, with_faults: bool) -> TemplateSummary:
    """One line of the list. A broken template has one, too: whoever misses it finds out why. `with_faults` says why."""
    return _summary(address, *_read(address, templates), with_faults=with_faults)


def details(
    address: TemplateAddress, templates: TemplateSource, *, set_by_operator: Iterable[str], with_faults: bool
) -> TemplateDetails:
    """The whole template. `set_by_operator` names variables that have a value without being given; no value is shown.

    A file that cannot be read has neither variables nor steps. Raises TemplateNotFound.
    """
    template, faults = _read(address, templates)
    given = frozenset(set_by_operator)
    return TemplateDetails(
        **dict(_summary(address, template, faults, with_faults=with_faults)),
        version=template.version if template else None,
        pipeline_id=template.pipeline_id if template else None,
        variables=[_variable(template, name, name in given) for name in template.variables] if template else [],
        steps=[_step(step) for step in template.steps] if template else [],
    )


def step_faults(template: PipelineTemplate) -> list[Fault]:
    """What the engines would say of the fields of all steps, their placeholders not yet filled."""
    return [fault for step in template.steps for fault in _faults_of_step(template, step)]


def needs_date(template: PipelineTemplate) -> bool:
    """Whether a run of the template is a run for a date."""
    return "date" in used_by(template, [template.pipeline_id, *(dict(step.fields) for step in template.steps)])


def _read(address: TemplateAddress, templates: TemplateSource) -> tuple[PipelineTemplate | None, Sequence[Fault]]:
    """The template and what is wrong with it; None where its file does not have the shape of a template."""
    try:
        template = templates.get(address)
    except TemplateInvalid as error:
        return None, error.faults
    return template, step_faults(template)


def _faults_of_step(template: PipelineTemplate, step: Step) -> list[Fault]:
    try:
        model = engine(step.ps_type).fields_model
        model.model_validate(dict(step.fields))
    except ValidationError as error:
        return explain(error, template.document, file=template.file, model=model, below=step.path, also=STEP_KEYS)
    except PermanentError as error:
        return list(error.faults) or [Fault(template.where((*step.path, "ps_type")), error.code, error.message)]
    return []


def _summary(
    address: TemplateAddress, template: PipelineTemplate | None, faults: Sequence[Fault], *, with_faults: bool
) -> TemplateSummary:
    shown = faults if with_faults else ()
    return TemplateSummary(
        provider=address.provider,
        domain=address.domain,
        template_name=address.template_name,
        status="broken" if faults else "ready",
        description=template.description if template else "",
        needs_date=needs_date(template) if template else None,
        faults=[ProblemFault(where=fault.where, code=fault.code, message=fault.message) for fault in shown],
    )


def _variable(template: PipelineTemplate, name: str, given: bool) -> TemplateVariable:
    spec = template.variables[name]
    return TemplateVariable(
        name=name,
        type=spec.type,
        description=spec.description,
        default=list(spec.default) if isinstance(spec.default, tuple) else spec.default,
        overridable=not is_protected(template, name),
        required=spec.default is None and not given,
        pattern=spec.pattern,
        enum=list(spec.enum) if spec.enum is not None else None,
        min=spec.min,
        max=spec.max,
    )


def _step(step: Step) -> TemplateStep:
    return TemplateStep(
        step_id=step.step_id,
        name=step.name,
        ps_type=step.ps_type,
        trigger=step.trigger,
        depends_on=list(step.depends_on),
    )
