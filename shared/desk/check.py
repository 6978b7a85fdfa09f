"""Check every file of `configs/` and `templates/`, without cloud and without a run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from shared.contracts.faults import nearest
from shared.contracts.files.explain import dotted, explain
from shared.contracts.files.pipeline_template import Examined, PipelineTemplate, Step, examine, read_template
from shared.contracts.files.shared_sources import SharedSource, examine_sources
from shared.contracts.files.table_files import SEVERAL, examine_tables
from shared.contracts.files.template_body import STEP_KEYS
from shared.contracts.sql import Sql
from shared.desk import stand_ins
from shared.desk.advice import addresses, advice, unreachable
from shared.desk.files import SOURCES, configs_files, shown, table_files
from shared.desk.findings import Finding, findings
from shared.desk.sources import filter_faults, scan
from shared.engines.base import Services
from shared.engines.registry import engine
from shared.errors import (
    ConvergenceError,
    Fault,
    PermanentError,
    QueryFailed,
    RequestInvalid,
    SchemaMismatch,
    TemplateInvalid,
)
from shared.runs.query_places import queries
from shared.runs.resolve import Plan
from shared.settings import Settings
from shared.templating.isolation import Policy
from shared.templating.placeholders import names
from shared.templating.used import used_by


@dataclass(frozen=True)
class Report:
    """What was checked, and what was found, in the order of files and lines.

    `stood_in` are the operator settings that nobody gave, so that stand-ins were taken for them.
    """

    templates: int
    schemas: int
    findings: tuple[Finding, ...]
    stood_in: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """How many of the findings are no warnings."""
        return sum(not one.is_warning for one in self.findings)

    def __str__(self) -> str:
        warnings = len(self.findings) - self.errors
        counted = [_count(self.errors, "fault") if self.errors else "no fault"]
        counted += [_count(warnings, "warning")] if warnings else []
        return f"{_count(self.templates, 'template')}, {_count(self.schemas, 'schema')}: {', '.join(counted)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Known:
    """What is known of the world. Without `settings` of an environment, stand-ins serve, and BigQuery is not asked.

    `operator` and `tenant` are variables to take; `source_bytes` what one run reads of a shared source, by its name.
    """

    settings: Settings | None = None
    operator: Mapping[str, str] = field(default_factory=dict)
    tenant: Mapping[str, str] = field(default_factory=dict)
    source_bytes: Mapping[str, int] = field(default_factory=dict)


def check(configs: Path, templates: Path, *, known: Known, services_of: Callable[[Settings], Services]) -> Report:
    """Everything that is wrong with the files of the two folders, all at once. Nothing is run or written.

    Raises RequestInvalid where `known.source_bytes` names no shared source.
    """
    files = configs_files(configs)
    found = list(files.findings)
    schemas = 0
    tables, misplaced = table_files(templates)
    found += misplaced
    for path in tables:
        tables_read = examine_tables(path.read_bytes(), file=shown(path), several=path.name == SEVERAL)
        schemas += len(tables_read.schemas)
        found += findings(tables_read.faults, file=shown(path))
    sources_file = shown(configs / SOURCES)
    sources = examine_sources((configs / SOURCES).read_bytes() if files.has_sources else b"[]", file=sources_file)
    found += findings(sources.faults, file=sources_file)
    shared = [source.name for source in sources.sources.values()]
    if not sources.faults and (wrong := sorted(known.source_bytes.keys() - shared)):
        raise RequestInvalid(f"no shared source {wrong[0]!r} in {sources_file}; {nearest(wrong[0], shared)}")
    read_templates = []
    for address, path in sorted(files.templates.items()):
        data, file = path.read_bytes(), shown(path)
        examined = examine(data, file=file)
        if examined.faults:
            found += findings([*examined.faults, *_engine_faults(examined, file)], file=file)
        else:
            read_templates.append(read_template(data, address=address, file=file))
    settings = _settings(configs, templates, known, tuple(sources.sources.values()), read_templates)
    desk = _Desk(services_of(settings), tuple(sources.sources.values()), known)
    found += findings(filter_faults(sources, lambda one: desk.policy([one]), file=sources_file), file=sources_file)
    ids: dict[str, str] = {}
    for template in read_templates:
        found += desk.check(template, ids)
    unknown = (
        () if known.settings else sorted(stand_ins.operator_variables(desk.sources).keys() - known.operator.keys())
    )
    return Report(len(files.templates), schemas, tuple(sorted(set(found))), tuple(unknown))


def _settings(
    configs: Path,
    templates: Path,
    known: Known,
    sources: Sequence[SharedSource],
    read: Sequence[PipelineTemplate],
) -> Settings:
    if known.settings is not None:
        variables = {**known.settings.template_variables, **known.operator}
        update = {"configs_dir": configs, "templates_dir": templates, "template_variables": variables}
        return known.settings.model_copy(update=update)
    operator = {**stand_ins.operator_variables(sources), **known.operator}
    made = stand_ins.settings(operator=operator, configs=configs, templates=templates)
    # Which addresses the operator allows is not known here; `advice` warns of those that stand in a template.
    written = tuple(sorted({address for template in read for _, address in addresses(template)}))
    return made.model_copy(update={"operator_mail_domains": written})


def _engine_faults(examined: Examined, file: str) -> list[Fault]:
    """What engines say of the steps of a template whose own shape is wrong: all faults are to come at once."""
    value, document = examined.document.value, examined.document
    steps = value.get("steps") if isinstance(value, dict) else None
    faults = []
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        ps_type = step.get("ps_type") if isinstance(step, dict) else None
        if not isinstance(ps_type, str) or "." not in ps_type:
            continue
        place = ("steps", index)
        try:
            model = engine(ps_type).fields_model
            model.model_validate({key: item for key, item in step.items() if key not in STEP_KEYS})
        except TemplateInvalid as error:
            line = document.line_of((*place, "ps_type"))
            named = dotted(document, (*place, "ps_type"))
            faults.append(Fault(f"{file}:{line} {named}", error.code, error.message))
        except ValidationError as error:
            faults += explain(error, document, file=file, model=model, below=place, also=STEP_KEYS)
    return faults


class _Desk:
    """What templates of a right shape are checked with."""

    def __init__(self, services: Services, sources: Sequence[SharedSource], known: Known) -> None:
        self._services, self.sources, self._known = services, sources, known
        self._tenant = stand_ins.tenant(sources, known.tenant)

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

    def check(self, template: PipelineTemplate, ids: dict[str, str]) -> list[Finding]:
        """Faults and warnings of one template. `ids` are the pipeline_ids met so far, and where."""
        file = template.file
        found = findings(unreachable(template), file=file)
        found += findings(advice(template), file=file, is_warning=True)
        written = stand_ins.with_values(template)
        run = stand_ins.run(template.address, version=template.version, tenant_id=self._tenant.tenant_id)
        try:
            plan = Plan(written, run, self._tenant, self._services, self.policy(self.sources))
        except PermanentError as error:
            faults = error.faults or (Fault(template.where(()), error.code, error.message),)
            return found + findings(faults, file=file)
        where = template.where(("pipeline_id",))
        if plan.pipeline_id in ids:
            message = f"the same as on {ids[plan.pipeline_id]}; make it this template's own"
            found += findings([Fault(f"{where} pipeline_id", "template_invalid", message)], file=file)
        ids.setdefault(plan.pipeline_id, where)
        found += findings(_unresolved_names(plan), file=file)
        try:
            plan.check()
        except PermanentError as error:
            found += findings(error.faults, file=file)
        for step in template.steps:
            found += findings(self._refused_by_service(plan, step), file=file)
            found += findings(self._of_step(plan, step), file=file, is_warning=True)
        return found

    def _refused_by_service(self, plan: Plan, step: Step) -> Iterator[Fault]:
        """What only BigQuery finds in a query, if there is one to ask. Tables of the stand-in tenant are not there."""
        if self._known.settings is None:
            return
        try:
            fields = plan.checked(step)
        except PermanentError:
            return  # `plan.check` said why
        for path, sql in queries(fields):
            try:
                answer = self._services.jobs.dry_run(sql)
                plan.engine(step).foresee(fields, plan.context(step), answer.columns, 0)
            except (QueryFailed, SchemaMismatch) as error:
                yield plan.said_of_query(step, path, sql, error)
            except ConvergenceError:
                continue  # it cannot say now, or does not know the tenant's tables

    def _of_step(self, plan: Plan, step: Step) -> Iterator[Fault]:
        """Warnings about a step that is right."""
        try:
            fields = plan.checked(step)
        except PermanentError:
            return  # `plan.check` said why
        used = used_by(plan.template, dict(step.fields))
        for fault in plan.engine(step).advise(fields, plan.context(step), used):
            yield plan.placed(step, fault)
        for path, sql in queries(fields):
            known = [plan.policy.source_of(table) for table in sql.reads]
            read = {source.name for source in known if source}
            for source in self.sources:
                if source.name in read:
                    found = scan(sql.text, source)
                    if not (found.by_day and found.by_tenant):
                        message = found.cost(self._known.source_bytes.get(source.name, self._bytes_of(sql)))
                        yield plan.placed(step, Fault(".".join(map(str, path)), "scan", message))

    def _bytes_of(self, sql: Sql) -> int | None:
        """What a query would read, if there is a BigQuery to ask and it knows."""
        if self._known.settings is None:
            return None
        try:
            return self._services.jobs.dry_run(sql).bytes_processed
        except ConvergenceError:
            return None


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
