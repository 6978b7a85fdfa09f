"""Check templates that have the right shape, each as a run of a stand-in tenant would resolve it."""

from collections.abc import Iterator, Sequence

from shared.contracts.files.explain import dotted
from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.sql import Sql
from shared.desk import stand_ins
from shared.desk.advice import advice, unreachable
from shared.desk.findings import Finding, findings
from shared.desk.known import Known
from shared.desk.sources import scan
from shared.engines.base import Fields, Services
from shared.errors import ConvergenceError, Fault, PermanentError, QueryFailed, SchemaMismatch
from shared.runs.fault_places import fault_of_query, placed
from shared.runs.plan import Plan
from shared.runs.query_places import queries
from shared.templating.isolation import Policy
from shared.templating.placeholders import names
from shared.templating.used import used_by


class TemplateCheck:
    """Checks one template after the other, and remembers their pipeline_ids: each is one template's own."""

    def __init__(self, services: Services, sources: Sequence[SharedSource], known: Known) -> None:
        self._services = services
        self._sources = sources
        self._known = known
        self._tenant = stand_ins.tenant(sources, known.tenant)
        self._places: dict[str, str] = {}  # of each pipeline_id: the `file:line` where it was met first

    def policy(self, sources: Sequence[SharedSource]) -> Policy:
        """What the stand-in tenant's queries may read."""
        settings = self._services.settings
        return Policy.of(
            self._tenant.tenant_id,
            data_project=settings.data_project,
            default_project=settings.gcp_project_id,
            sources=sources,
            operator=settings.operator_variables,
            tenant=self._tenant.variables,
        )

    def check(self, template: PipelineTemplate) -> list[Finding]:
        """Faults and warnings of one template."""
        file = template.file
        found = findings(unreachable(template), file=file)
        found += findings(advice(template), file=file, is_warning=True)
        written = stand_ins.with_values(template)
        run = stand_ins.run(template.address, version=template.version, tenant_id=self._tenant.tenant_id)
        try:
            plan = Plan(written, run, self._tenant, self._services, self.policy(self._sources))
        except PermanentError as error:
            faults = error.faults or (Fault(template.where(()), error.code, error.message),)
            return found + findings(faults, file=file)
        found += findings(self._doubled_id(plan), file=file)
        found += findings(_unresolved_names(plan), file=file)
        try:
            plan.check()
        except PermanentError as error:
            found += findings(error.faults, file=file)
        for step in template.steps:
            try:
                fields = plan.checked(step)
            except PermanentError:
                continue  # `plan.check` said why
            found += findings(self._refused_by_service(plan, step, fields), file=file)
            found += findings(_step_advice(plan, step, fields), file=file, is_warning=True)
            found += findings(self._scans(plan, step, fields), file=file, is_warning=True)
        return found

    def _doubled_id(self, plan: Plan) -> Iterator[Fault]:
        """Another template's pipeline_id."""
        where = plan.template.where(("pipeline_id",))
        first = self._places.setdefault(plan.pipeline_id, where)
        if first != where:
            message = f"the same as on {first}; make it this template's own"
            yield Fault(f"{where} pipeline_id", "template_invalid", message)

    def _refused_by_service(self, plan: Plan, step: Step, fields: Fields) -> Iterator[Fault]:
        """What only BigQuery finds in a query, if there is one to ask. Tables of the stand-in tenant are not there."""
        if self._known.settings is None:
            return
        for path, sql in queries(fields):
            try:
                answer = self._services.jobs.dry_run(sql)
                plan.engine(step).foresee(fields, plan.context(step), answer.columns, 0)
            except (QueryFailed, SchemaMismatch) as error:
                yield fault_of_query(plan.template, step, path, sql, error)
            except ConvergenceError:
                continue  # it cannot say now, or does not know the tenant's tables

    def _scans(self, plan: Plan, step: Step, fields: Fields) -> Iterator[Fault]:
        """Queries that read more of a shared source than the tenant's rows of the day, and what that costs."""
        for path, sql in queries(fields):
            read = {source.name for table in sql.reads if (source := plan.policy.source_of(table))}
            for shared in self._sources:
                if shared.name not in read:
                    continue
                found = scan(sql.text, shared)
                if not (found.by_day and found.by_tenant):
                    message = found.cost(self._known.source_bytes.get(shared.name, self._bytes_of(sql)))
                    yield placed(plan.template, step, Fault(".".join(map(str, path)), "scan", message))

    def _bytes_of(self, sql: Sql) -> int | None:
        """What a query would read, if there is a BigQuery to ask and it knows."""
        if self._known.settings is None:
            return None
        try:
            return self._services.jobs.dry_run(sql).bytes_processed
        except ConvergenceError:
            return None


def _step_advice(plan: Plan, step: Step, fields: Fields) -> Iterator[Fault]:
    """What the engine warns of in a step that is right."""
    used = used_by(plan.template, dict(step.fields))
    for fault in plan.engine(step).advise(fields, plan.context(step), used):
        yield placed(plan.template, step, fault)


def _unresolved_names(plan: Plan) -> Iterator[Fault]:
    """Placeholders without a variable where nothing is filled in before a run: the description, the steps' names."""
    template, variables = plan.template, plan.variables
    places: list[tuple[tuple[str | int, ...], str, bool]]
    places = [(("description",), template.description, False)]
    places += [((*step.path, "name"), step.name, step.trigger != "on_success") for step in template.steps]
    for path, text, after_failure in places:
        for part in names(text):
            fault = variables.fault(part, f"{template.where(path)} {dotted(template.document, path)}")
            if fault and not (after_failure and variables.comes_with_failure(part.name)):
                yield fault
