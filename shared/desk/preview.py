"""What a template would do for a tenant and a date: everything resolved, nothing run, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.files.pipeline_template import PipelineTemplate, Step
from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef
from shared.contracts.tenant import Tenant
from shared.desk.sources import billed, dollars
from shared.engines.base import Fields, Services
from shared.errors import Fault, NotFound, PermanentError, TransientError
from shared.ports import DryRun
from shared.runs.fault_places import fault_of_query, placed
from shared.runs.plan import Plan
from shared.runs.query_places import FieldPath, queries
from shared.runs.step_graph import StepGraph
from shared.templating.isolation import Policy, confirm


@dataclass(frozen=True)
class VariableShown:
    """A variable, its value as it reads in text, and who set it."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True)
class TableShown:
    """A table that a query reads. `source` and `tenant_filter` are a shared source's; empty for a tenant's own."""

    table: str
    source: str
    tenant_filter: str


@dataclass(frozen=True)
class QueryShown:
    """A query as it would run. `bytes_processed` is BigQuery's estimate, None where there is no BigQuery to ask.

    `dollars` is what so many bytes cost on demand, with the least that BigQuery bills for each table. `after` is the
    step whose first run makes a table that the query reads: until then BigQuery knows nothing of the query.
    """

    field: str
    text: str
    parameters: tuple[Parameter, ...]
    reads: tuple[TableShown, ...]
    bytes_processed: int | None
    bytes_billed: int | None
    dollars: float | None
    after: str = ""


@dataclass(frozen=True)
class StepShown:
    """A step: `does` is the engine's own account of it. `errors` say why it would not run."""

    step_id: str
    name: str
    ps_type: str
    trigger: str
    depends_on: tuple[str, ...]
    does: dict[str, str]
    queries: tuple[QueryShown, ...]
    errors: tuple[Fault, ...]


@dataclass(frozen=True)
class Preview:
    """A template resolved. With `errors`, the API would refuse the run and name these."""

    template: str
    file: str
    version: str
    tenant_id: str
    date: str | None
    pipeline_id: str
    variables: tuple[VariableShown, ...]
    steps: tuple[StepShown, ...]
    errors: tuple[Fault, ...]


def preview(
    template: PipelineTemplate, run: RunMessage, tenant: Tenant, policy: Policy, services: Services, *, ask: bool
) -> Preview:
    """Resolve the template for the run as far as it goes. With `ask`, BigQuery estimates each query by a dry run."""
    day = run.date.isoformat() if run.date else None
    head = (str(template.address), template.file, template.version, tenant.tenant_id, day)
    try:
        plan = Plan(template, run, tenant, services, policy)
    except PermanentError as error:
        return Preview(*head, "", (), (), _faults(error))
    look = _Look(plan, services, ask=ask)
    steps = tuple(look.step(step) for step in template.steps)
    errors = [fault for step in steps for fault in step.errors]
    if not errors:
        try:
            plan.check()  # what only all steps together can break
        except PermanentError as error:
            errors += _faults(error)
    variables = plan.variables
    shown = [VariableShown(name, variables.text(name), variables.origin(name)) for name in sorted(variables)]
    return Preview(*head, plan.pipeline_id, tuple(shown), steps, tuple(dict.fromkeys(errors)))


def _faults(error: PermanentError) -> tuple[Fault, ...]:
    return error.faults or (Fault("template", error.code, error.message),)


class _Look:
    """At the steps of a plan; with `ask`, BigQuery is asked about each query."""

    def __init__(self, plan: Plan, services: Services, *, ask: bool) -> None:
        self._plan, self._services, self._ask = plan, services, ask
        self._graph = StepGraph(plan.template.steps)
        self._written: dict[str, Sequence[TableRef]] = {}

    def step(self, step: Step) -> StepShown:
        """The step as far as it can be resolved, and why it would not run."""
        plan = self._plan
        errors: list[Fault] = []
        does: dict[str, str] = {}
        asked: tuple[QueryShown, ...] = ()
        try:
            fields = plan.filled(step)
        except PermanentError as error:
            errors += error.faults
        else:
            try:
                plan.checked(step)
            except PermanentError as error:
                errors += error.faults
            try:
                does = dict(plan.engine(step).preview(fields, plan.context(step)))
            except PermanentError as error:  # as `checked` said, or more
                errors += [placed(plan.template, step, fault) for fault in error.faults]
            else:
                self._written[step.step_id] = plan.engine(step).writes(fields, plan.context(step))
            asked = tuple(self._query(step, fields, path, sql, errors) for path, sql in queries(fields))
        shown = tuple(dict.fromkeys(errors))
        return StepShown(step.step_id, step.name, step.ps_type, step.trigger, step.depends_on, does, asked, shown)

    def _query(self, step: Step, fields: Fields, path: FieldPath, sql: Sql, errors: list[Fault]) -> QueryShown:
        """The query, and what BigQuery says of it; what the run would fail with is added to the errors."""
        plan = self._plan
        bytes_processed: int | None = None
        bytes_billed: int | None = None
        after = ""
        try:
            seen = self._dry_run(sql) if self._ask else None
            if seen is not None:
                bytes_processed = seen.bytes_processed
                bytes_billed = billed(bytes_processed, len(seen.tables))
                plan.engine(step).foresee(fields, plan.context(step), seen.columns, bytes_billed)
        except PermanentError as error:
            if isinstance(error, NotFound):
                after = self._made_by(step, sql)
            if not after:
                errors.append(fault_of_query(plan.template, step, path, sql, error))
        return QueryShown(
            field=".".join(map(str, path)),
            text=sql.text,
            parameters=sql.parameters,
            reads=tuple(_table_shown(table, plan.policy) for table in sorted(sql.reads)),
            bytes_processed=bytes_processed,
            bytes_billed=bytes_billed,
            dollars=None if bytes_billed is None else dollars(bytes_billed),
            after=after,
        )

    def _dry_run(self, sql: Sql) -> DryRun | None:
        """BigQuery's answer; None where it does not answer. Raises what the run would fail with."""
        try:
            answer = self._services.jobs.dry_run(sql)
        except TransientError:
            return None
        confirm(sql, answer.tables)
        return answer

    def _made_by(self, step: Step, sql: Sql) -> str:
        """The step before this one that will have made what the query misses; empty where no step makes all of it."""
        before = sorted(self._graph.before(step.step_id))
        makers = {table: name for name in before for table in self._written.get(name, ())}
        made = sorted(makers.keys() & sql.reads)
        if not made:
            return ""
        # BigQuery names the first table that is not there: others may be missing too, and stay so.
        try:
            there = [self._services.catalog.get_schema(table) for table in sql.reads - makers.keys()]
        except (PermanentError, TransientError):
            return ""
        return "" if None in there else makers[made[0]]


def _table_shown(table: TableRef, policy: Policy) -> TableShown:
    source = policy.source_of(table)
    return TableShown(str(table), source.name if source else "", source.tenant_filter if source else "")
