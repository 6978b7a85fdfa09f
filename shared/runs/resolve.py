"""Make a template ready for one run: every variable has its value, every query is bound and guarded, every
field checked.

All of it happens before anything runs: whatever is wrong with a template or with what a caller sent is found here.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

from pydantic import ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.files.explain import explain
from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.files.template_body import FAILURE_BUILT_IN, STEP_KEYS
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Sql
from shared.contracts.tenant import Tenant
from shared.engines.base import MOST_MAILS_A_RUN, Engine, Fields, Services, StepContext
from shared.engines.registry import engine
from shared.errors import Fault, MailLimitReached, PermanentError, TemplateInvalid, VariablesInvalid
from shared.ports import Templates
from shared.runs.query_places import place_in_file, queries
from shared.templating.fields import fill_model
from shared.templating.isolation import Policy, guard
from shared.templating.placeholders import Name, names, split, texts
from shared.templating.resolution import resolve
from shared.templating.sql import bind
from shared.templating.variables import Variables

# What a mail program would show as a link; an encoded word (RFC 2047) is shown as what it hides.
_URL = re.compile(
    r"[a-z][a-z0-9+.-]*:\S|//|\bwww\.|=\?[^?\s]+\?[bq]\?"
    # A name or address with a path; some take an ideographic full stop for a dot.
    r"|[.\u3002\uff0e\uff61](?:[^\W\d_]{2,}|xn--[\w-]+)[/?#]|\b\d{1,3}(?:\.\d{1,3}){3}[/?#:]",
    re.IGNORECASE,
)
# What a request says stands as NUL here, which no value holds: it would choose the host of the template's own link.
_HOST = re.compile(r"(?://|\bwww\.)[^\s/?#]*\0", re.IGNORECASE)
# What on_failure and always steps are checked with before anything has failed.
_NO_FAILURE = {"failed_step": "-", "error_code": "-", "error_message": "-", "logs_url": "-"}


class TemplateSource(Templates, Protocol):
    """Templates, and the sources that they share."""

    def sources(self) -> tuple[SharedSource, ...]:
        """The shared sources that the operator declared."""
        ...


class Plan:
    """A template that is ready for one run."""

    def __init__(
        self, template: PipelineTemplate, run: RunMessage, tenant: Tenant, services: Services, policy: Policy
    ) -> None:
        self.template = template
        self._run, self._tenant, self._services, self._policy = run, tenant, services, policy
        self._fields: dict[str, Fields] = {}
        self._variables = self._with({})

    @property
    def pipeline_id(self) -> str:
        """The template's own id, resolved."""
        return str(self._variables["pipeline_id"])

    @property
    def variables(self) -> Variables:
        """What each variable is worth, and who set it."""
        return self._variables

    @property
    def policy(self) -> Policy:
        """What the run's queries may read."""
        return self._policy

    def check(self) -> None:
        """Resolve every step; those that run after a failure with stand-ins for what will have failed.

        Raises the error of the first step that is refused, with the faults of all steps.
        """
        errors: list[PermanentError] = []
        mails = 0
        for step in self.template.steps:
            try:
                fields = self.checked(step)
                mails += self.engine(step).mails(fields)
                if mails > MOST_MAILS_A_RUN:
                    raise self._too_many_mails(step, mails)
            except PermanentError as error:
                errors.append(error)
        if errors:
            errors[0].faults = tuple(dict.fromkeys(fault for error in errors for fault in error.faults))
            raise errors[0]

    def checked(self, step: Step) -> Fields:
        """The step's fields, as far as they can be known before the run; refused as the run would refuse them."""
        if step.trigger != "on_success":
            return self._resolved(step, self._after(_NO_FAILURE))
        fields = self._fields[step.step_id] = self._resolved(step, self._variables)
        return fields

    def filled(self, step: Step) -> Fields:
        """The same, not yet judged by the engine."""
        return self._filled(step, self._variables if step.trigger == "on_success" else self._with(_NO_FAILURE))

    def context(self, step: Step) -> StepContext:
        """The step as its engine sees it before the run: no time is left to it."""
        return StepContext(self._run, self._tenant, step.step_id, self._services, 0.0)

    def engine(self, step: Step) -> Engine[Any]:
        """The engine that does the step's work."""
        return engine(step.ps_type)

    def fields(self, step: Step, *, failure: Mapping[str, str]) -> Fields:
        """The step's fields; `failure` are the variables that only steps after a failure can use."""
        known = self._fields.get(step.step_id)
        return known if known is not None else self._resolved(step, self._after(failure))

    def _after(self, failure: Mapping[str, str]) -> Variables:
        """The variables of steps that run after a failure."""
        known = self._variables.after_failure(failure)
        return known if known is not None else self._with(failure)

    def _with(self, failure: Mapping[str, str]) -> Variables:
        run, settings = self._run, self._services.settings
        built_in = {
            "tenant_id": run.tenant_id,
            "provider": run.provider,
            "domain": run.domain,
            "template_name": run.template_name,
            "pipeline_logging_id": run.pipeline_logging_id,
            "date": run.date.isoformat() if run.date else None,
            "trigger_by": run.trigger_by,
            "run_date": run.run_date.isoformat(),
            **failure,
        }
        tenant = {"admin_email": self._tenant.admin_email, **self._tenant.variables}
        return resolve(
            self.template, operator=settings.operator_variables, tenant=tenant, request=run.variables, built_in=built_in
        )

    def _resolved(self, step: Step, variables: Variables) -> Fields:
        fields = self._filled(step, variables)
        try:
            self.engine(step).check(fields, self.context(step))
        except PermanentError as error:
            error.faults = tuple(self.placed(step, fault) for fault in error.faults) or self._whole(step, error)
            raise
        return fields

    def _filled(self, step: Step, variables: Variables) -> Fields:
        """The step's fields. Whatever is refused says in which file, line and step."""
        try:
            made = self.engine(step)
        except TemplateInvalid as error:
            error.faults = (self.placed(step, Fault("ps_type", error.code, error.message)),)
            raise
        _check_request_texts(step, variables, made.request_text_limit)
        unfilled = _unfilled(self.template, step.index)
        try:
            data = fill_model(
                unfilled, variables, lambda sql: self._guarded(sql, variables), template=self.template, step=step
            )
            return made.fields_model.model_validate(data)
        except ValidationError as error:
            faults = [self.placed(step, replace(one, where=one.where[1:])) for one in faults_of(error, "")]
            raise VariablesInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults) from None
        except PermanentError as error:
            error.faults = error.faults or self._whole(step, error)
            raise

    def placed(self, step: Step, fault: Fault) -> Fault:
        """A fault of a field (`destination.table`) with its file, line and step."""
        path = [int(part) if part.isdigit() else part for part in fault.where.split(".") if part]
        named = ".".join(map(str, (step.step_id, *path)))
        return replace(fault, where=f"{self.template.where((*step.path, *path))} {named}")

    def said_of_query(self, step: Step, path: tuple[str | int, ...], sql: Sql, error: PermanentError) -> Fault:
        """BigQuery's error about a query as a fault, with the file's line where BigQuery names one of the query's."""
        fault = self.placed(step, Fault(".".join(map(str, path)), error.code, error.message))
        exact = place_in_file(self.template, step, path, sql, error.message)
        return replace(fault, where=f"{exact} {fault.where.partition(' ')[2]}") if exact else fault

    def with_place(self, step: Step, message: str) -> str:
        """What BigQuery said of the step's query, and the file's line that it means, where that can be told."""
        for path, sql in queries(self._fields.get(step.step_id)):
            if exact := place_in_file(self.template, step, path, sql, message):
                return f"{message} ({exact})"
        return message

    def _whole(self, step: Step, error: PermanentError) -> tuple[Fault, ...]:
        return (self.placed(step, Fault("", error.code, error.message)),)

    def _too_many_mails(self, step: Step, mails: int) -> MailLimitReached:
        message = f"with this step the run has {mails} mails, one for each address; at most {MOST_MAILS_A_RUN}"
        fault = self.placed(step, Fault("", MailLimitReached.code, message))
        return MailLimitReached(f"{fault.where}: {message}", faults=[fault])

    def _guarded(self, sql: Sql, variables: Variables) -> Sql:
        return guard(bind(sql, variables), self._policy)


def _check_request_texts(step: Step, variables: Variables, limit: int | None) -> None:
    """Refuse long texts and URLs of the request's, also through other variables, where the engine wants none."""
    asked = variables.requested & set(variables) - set(FAILURE_BUILT_IN)
    if limit is None or not asked:
        return
    written = [text for _, text in texts(dict(step.fields))]
    faults = [
        Fault(f"body.{name}", "variable_invalid", f"{name!r} goes into a mail: at most {limit} characters, no URL")
        for name in sorted({part.name for text in written for part in names(text)} & asked)
        if len(variables.text(name)) > limit or _URL.search(variables.text(name))
    ]
    for text in written if not faults else ():
        linked = sorted({part.name for part in names(text)} & asked)
        if linked and _makes_link(text, variables, asked):
            message = f"{', '.join(map(repr, linked))}: would make a link of the mail's text, or choose where one leads"
            faults.append(Fault(f"body.{linked[0]}", "variable_invalid", message))
    if faults:
        raise VariablesInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults)


def _makes_link(text: str, variables: Variables, asked: Set[str]) -> bool:
    """Whether a request's values give a text a link that it has not by itself, or the host of one that it has."""
    real = marked = ""
    for part in split(text):
        value = part if isinstance(part, str) else variables.text(part.name) if part.name in variables else ""
        real += value
        marked += "\0" if isinstance(part, Name) and part.name in asked else value
    return _HOST.search(marked) is not None or len(_URL.findall(real)) > len(_URL.findall(marked))


class Resolver:
    """Makes plans."""

    def __init__(self, templates: TemplateSource, services: Services) -> None:
        self.templates, self._services = templates, services

    def resolve(self, run: RunMessage, tenant: Tenant) -> Plan:
        """The plan of a run, everything checked.

        Raises TemplateNotFound, TemplateInvalid, VariablesInvalid, SqlRefused, IsolationRefused or an engine's refusal,
        each naming every fault that it can.
        """
        template = self.templates.get(run.address)
        settings = self._services.settings
        policy = Policy.of(
            tenant.tenant_id,
            data_project=settings.data_project,
            default_project=settings.gcp_project_id,
            sources=self.templates.sources(),
            operator=settings.operator_variables,
            tenant=tenant.variables,
        )
        plan = Plan(template, run, tenant, self._services, policy)
        plan.check()
        return plan


@lru_cache(maxsize=4_096)
def _unfilled(template: PipelineTemplate, index: int) -> Fields:
    """The step's fields with placeholders still in them. Raises TemplateInvalid with file and line of every fault."""
    step = template.steps[index]
    model = engine(step.ps_type).fields_model
    try:
        return model.model_validate(dict(step.fields))
    except ValidationError as error:
        faults = explain(error, template.document, file=template.file, model=model, below=step.path, also=STEP_KEYS)
        raise TemplateInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults) from None
