"""A template that is ready for one run: variables known, queries bound and guarded, fields checked."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.files.explain import explain
from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.files.template_body import STEP_KEYS
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Sql
from shared.contracts.tenant import Tenant
from shared.engines.base import MOST_MAILS_A_RUN, Engine, Fields, Services, StepContext
from shared.engines.registry import engine
from shared.errors import Fault, MailLimitReached, PermanentError, TemplateInvalid, VariablesInvalid
from shared.runs.fault_places import placed, placed_faults, with_place
from shared.runs.mail_texts import check_request_texts
from shared.templating.fields import fill_model
from shared.templating.isolation import Policy, guard
from shared.templating.resolution import resolve
from shared.templating.sql import bind
from shared.templating.variables import Variables

# What on_failure and always steps are checked with before anything has failed.
_NO_FAILURE = {"failed_step": "-", "error_code": "-", "error_message": "-", "logs_url": "-"}


class Plan:
    """A template that is ready for one run."""

    def __init__(
        self, template: PipelineTemplate, run: RunMessage, tenant: Tenant, services: Services, policy: Policy
    ) -> None:
        self.template = template
        self._run = run
        self._tenant = tenant
        self._services = services
        self._policy = policy
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

    def with_place(self, step: Step, message: str) -> str:
        """What BigQuery said of the step's query, and the file's line that it means, where that can be told."""
        return with_place(self.template, step, self._fields.get(step.step_id), message)

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
            error.faults = placed_faults(self.template, step, error)
            raise
        return fields

    def _filled(self, step: Step, variables: Variables) -> Fields:
        """The step's fields. Whatever is refused says in which file, line and step."""
        try:
            made = self.engine(step)
        except TemplateInvalid as error:
            error.faults = (placed(self.template, step, Fault("ps_type", error.code, error.message)),)
            raise
        check_request_texts(step, variables, made.request_text_limit)
        unfilled = _unfilled(self.template, step.index)
        try:
            data = fill_model(
                unfilled, variables, lambda sql: self._guarded(sql, variables), template=self.template, step=step
            )
            return made.fields_model.model_validate(data)
        except ValidationError as error:
            faults = [
                placed(self.template, step, replace(fault, where=fault.where[1:])) for fault in faults_of(error, "")
            ]
            raise VariablesInvalid(f"{faults[0].where}: {faults[0].message}", faults=faults) from None
        except PermanentError as error:
            error.faults = error.faults or placed_faults(self.template, step, error)
            raise

    def _too_many_mails(self, step: Step, mails: int) -> MailLimitReached:
        message = f"with this step the run has {mails} mails, one for each address; at most {MOST_MAILS_A_RUN}"
        fault = placed(self.template, step, Fault("", MailLimitReached.code, message))
        return MailLimitReached(f"{fault.where}: {message}", faults=[fault])

    def _guarded(self, sql: Sql, variables: Variables) -> Sql:
        return guard(bind(sql, variables), self._policy)


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
