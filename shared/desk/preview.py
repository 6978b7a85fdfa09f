"""What a template would do for a tenant and a date: everything resolved, nothing run, nothing written."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.contracts.messages import RunMessage
from shared.contracts.pipeline_template import PipelineTemplate, Step
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tenant import Tenant
from shared.desk.check import queries
from shared.desk.sources import LEAST_BYTES, dollars
from shared.engines.base import Fields, Services
from shared.errors import BytesLimitExceeded, Fault, PermanentError, TransientError
from shared.pipeline.resolve import Plan
from shared.templating.isolation import Guarded, Policy, confirm


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

    `dollars` is what so many bytes cost on demand, with the least that BigQuery bills for each table.
    """

    field: str
    text: str
    parameters: tuple[Parameter, ...]
    reads: tuple[TableShown, ...]
    bytes_processed: int | None
    bytes_billed: int | None
    dollars: float | None


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

    def step(self, step: Step) -> StepShown:
        """The step as far as it can be resolved, and why it would not run."""
        plan, errors = self._plan, list[Fault]()
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
                errors += [plan.placed(step, fault) for fault in error.faults]
            asked = tuple(self._queries(step, fields, errors))
        shown = tuple(dict.fromkeys(errors))
        return StepShown(step.step_id, step.name, step.ps_type, step.trigger, step.depends_on, does, asked, shown)

    def _queries(self, step: Step, fields: Fields, errors: list[Fault]) -> Iterator[QueryShown]:
        for path, sql in queries(fields):
            field = ".".join(map(str, path))
            estimate = None
            try:
                estimate = self._estimate(sql) if self._ask else None
            except PermanentError as error:
                errors.append(self._plan.placed(step, Fault(field, error.code, error.message)))
            billed = None if estimate is None else max(estimate, LEAST_BYTES * len(sql.reads))
            cost = None if billed is None else dollars(billed)
            reads = tuple(_tables(sql, self._plan.policy))
            yield QueryShown(field, sql.text, sql.parameters, reads, estimate, billed, cost)

    def _estimate(self, sql: Sql) -> int | None:
        """The bytes that BigQuery would process; None where it does not answer. Raises what the run would fail with."""
        try:
            answer = self._services.jobs.dry_run(sql)
        except TransientError:
            return None
        confirm(Guarded(sql, sql.reads, ()), answer.tables)
        read, limit = answer.bytes_processed, self._services.settings.maximum_bytes_billed
        if read > limit:
            raise BytesLimitExceeded(f"the query would bill {read:,} bytes; the limit is {limit:,}")
        return read


def _tables(sql: Sql, policy: Policy) -> Iterator[TableShown]:
    sources = {source.table: source for source in policy.sources}
    for table in sorted(sql.reads):
        source = sources.get(table)
        yield TableShown(str(table), source.name if source else "", source.tenant_filter if source else "")
