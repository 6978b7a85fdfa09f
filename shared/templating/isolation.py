"""Keep a query to its own tenant's data: shared sources are read through their tenant filter, other tables are its own.

The author's text stays as it is; only the tables' paths in it are replaced, by their place in the token stream:

    FROM `p.d.export` AS b      →   FROM (SELECT * FROM `p.d.export` WHERE <filter>) AS b
    FROM `p.d.export`           →   FROM (SELECT * FROM `p.d.export` WHERE <filter>) AS `export`
    FROM t, t.labels            →   FROM t, UNNEST(t.labels) AS `labels`

Splicing was chosen over writing the query anew from sqlglot's tree: a generator that renders one function differently
changes results silently, while a splice leaves semantics, lines and columns to BigQuery. Its risk, a wrong position, is
met by reading the result again from scratch: the text that will run must read each shared source inside the filtering
subselect and nowhere else, and only tables that were allowed. The array rewrite is there so that BigQuery cannot take
for a table what was taken for an array here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlglot import parse_one

from shared.contracts.files.shared_sources import SharedSource
from shared.contracts.files.variable_spec import VariableSpec
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef
from shared.contracts.tenant import owner_of_dataset
from shared.errors import Fault, IsolationRefused, PermanentError, SqlRefused
from shared.templating.fields import fill
from shared.templating.lexing import place_at
from shared.templating.marking import MARKER, Marked
from shared.templating.placeholders import names
from shared.templating.sql import bind
from shared.templating.tables_read import Reads, TableRead, reads
from shared.templating.variables import Origin, Variables

_THREE_PARTS = re.compile(r"(?:[a-z0-9][a-z0-9.-]*:)?[A-Za-z0-9_-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Source:
    """A shared source whose table is known. `tenant_filter` still has its placeholders, which each tenant fills."""

    name: str
    table: TableRef
    tenant_filter: str


@dataclass(frozen=True)
class Policy:
    """What one tenant's queries may read.

    `data_project` holds the tenants' datasets; a path without project means `default_project`, where jobs run.
    `tenant_tables` are the tenant's own sources outside its datasets, named by the operator. `filter_variables` are
    tenant_id and operator-set tenant variables: nothing that a request sends.
    """

    tenant_id: str
    data_project: str
    default_project: str
    sources: tuple[Source, ...] = ()
    tenant_tables: frozenset[TableRef] = frozenset()
    filter_variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tenant_id: str,
        *,
        data_project: str,
        default_project: str,
        sources: Iterable[SharedSource],
        operator: Mapping[str, str],
        tenant: Mapping[str, str],
    ) -> "Policy":
        """The policy of a tenant from `sources.yml`, operator settings and operator-set tenant variables.

        A source whose table needs an operator setting that is not set is left out: it cannot be read at all.
        A tenant variable that is a whole `project.dataset.table` names a table of the tenant's, unless it is a shared
        source or the dataset is another tenant's by its name, in whatever case: a dataset may be made to ignore case.
        Raises IsolationRefused for a source whose table is none, or another source's too.
        """
        settings = _texts(operator, "operator")
        known: list[Source] = []
        for source in sources:
            if any(not part.doubled and not operator.get(part.name) for part in names(source.table)):
                continue
            table = fill(source.table, settings, where=f"configs/sources.yml {source.name}.table")
            if not _THREE_PARTS.fullmatch(table):
                message = (
                    f"shared source {source.name!r}: its table is no project.dataset.table once settings are filled in"
                )
                raise IsolationRefused(message)
            same = next((other.name for other in known if str(other.table).casefold() == table.casefold()), None)
            if same is not None:
                message = (
                    f"shared sources {same!r} and {source.name!r} are one table, {table}; only one filter can hold"
                )
                raise IsolationRefused(message)
            known.append(Source(source.name, TableRef.parse(table), source.tenant_filter))
        shared = {str(source.table).casefold() for source in known}
        own = frozenset(
            table
            for table in map(TableRef.parse, filter(_THREE_PARTS.fullmatch, tenant.values()))
            if owner_of_dataset(table.dataset.lower()) in (None, tenant_id)
            # A double underscore is the platform's own: the control dataset holds every tenant's runs.
            and "__" not in table.dataset
            and str(table).casefold() not in shared
        )
        filter_variables = {**tenant, "tenant_id": tenant_id}
        return cls(tenant_id, data_project, default_project, tuple(known), own, filter_variables)

    def source_of(self, table: TableRef) -> Source | None:
        """The shared source that is this table; None for a table of the tenant's."""
        return next((source for source in self.sources if source.table == table), None)


def guard(sql: Sql, policy: Policy) -> Sql:
    """The query as it may run for this tenant; its `reads` are all tables that it reads.

    A guarded query must not be guarded again: its sources would be refused.

    Raises SqlRefused (not one plain SELECT) or IsolationRefused (a table that is not the tenant's to read).
    """
    marked = Marked(sql.text, policy.tenant_id)
    try:
        return _guard(sql, policy, marked)
    except PermanentError:
        if not marked.is_marked:
            raise
    # What is wrong is said of the query itself, not of the marked one.
    return _guard(sql, policy, Marked(sql.text, MARKER))


def _guard(sql: Sql, policy: Policy, marked: Marked) -> Sql:
    found = reads(marked.text)
    if unknown := found.parameters - {parameter.name for parameter in sql.parameters}:
        raise SqlRefused(
            f"@{min(unknown)} is no parameter of this query; parameters are the platform's, write {{name}}"
        )
    by_table = {source.table: (index, source) for index, source in enumerate(policy.sources)}
    edits: list[tuple[int, int, str]] = []
    parameters: dict[TableRef, tuple[Parameter, ...]] = {}
    wrappers: dict[int, str] = {}
    for read in found.tables:
        table = _resolve(read, policy, marked)
        if table not in by_table:
            _check_own(table, policy, place_at(found.text, read.start))
            continue
        index, source = by_table[table]
        if read.is_sampled:
            raise IsolationRefused(f"TABLESAMPLE of the shared source {source.name!r} would sample all tenants' rows")
        condition = _filter(source, policy, index)
        parameters[table] = condition.parameters
        wrapper = f"(SELECT * FROM `{table}` WHERE {condition.text})"
        wrappers[read.start] = wrapper
        # A pivot takes its alias after itself, so none is put before it.
        alias = "" if read.has_alias or read.is_pivoted else f" AS `{table.table}`"
        edits.append((read.start, read.end, wrapper + alias))
    for array in found.arrays:
        alias = "" if array.has_alias else f" AS `{array.name}`"
        edits.append((array.start, array.end, f"UNNEST({found.text[array.start : array.end]}){alias}"))
    text, starts = _splice(found.text, edits)
    again = reads(text)
    _check_again(again, policy, marked, {starts[start]: wrapper for start, wrapper in wrappers.items()})
    return Sql(
        marked.real(text),
        sql.parameters + tuple(parameter for group in parameters.values() for parameter in group),
        frozenset(_resolve(read, policy, marked) for read in again.tables),
    )


def confirm(guarded: Sql, referenced: Iterable[TableRef]) -> None:
    """The second opinion: what the dry run says is read must be what the guard found. Raises IsolationRefused."""
    if unknown := set(referenced) - guarded.reads:
        # Not by name: what was not foreseen may be another tenant's.
        message = f"the dry run reads {len(unknown)} table(s) that the check of the query did not find"
        raise IsolationRefused(f"{message}, such as those behind a view; declare or name the tables themselves")


def _resolve(read: TableRead, policy: Policy, marked: Marked) -> TableRef:
    parts = [marked.real(part) for part in read.parts]
    return TableRef(*parts) if len(parts) == 3 else TableRef(policy.default_project, *parts)


def _check_own(table: TableRef, policy: Policy, place: tuple[int, int]) -> None:
    if table in policy.tenant_tables:
        return
    if table.project == policy.data_project and owner_of_dataset(table.dataset) == policy.tenant_id:
        return
    message = (
        f"line {place[0]} of the query: table {str(table)!r} is neither this tenant's nor a shared source; a query may"
        f" read datasets {policy.tenant_id} and {policy.tenant_id}_…, tables that the operator set for the tenant,"
        " and those of configs/sources.yml"
    )
    raise IsolationRefused(message, faults=[Fault("query:{}:{}".format(*place), IsolationRefused.code, message)])


def _filter(source: Source, policy: Policy, index: int) -> Sql:
    """The source's filter for this tenant. Its parameters are named s0_1_…, as no other source's or query's are."""
    return bind(Sql(source.tenant_filter), _texts(policy.filter_variables, "tenant"), prefix=f"s{index}_")


def _texts(values: Mapping[str, str], origin: Origin) -> Variables:
    """Variables that are all text. Empty ones are not set."""
    given = {name: value for name, value in values.items() if value}
    missing = {name: f"{{{name}}} is not set; the operator sets it" for name in values if name not in given}
    return Variables(given, dict.fromkeys(given, origin), dict.fromkeys(given, VariableSpec()), missing)


def _splice(text: str, edits: list[tuple[int, int, str]]) -> tuple[str, dict[int, int]]:
    """Replace pieces of a text; where each now starts.

    >>> _splice("a b c", [(0, 1, "xx"), (4, 5, "y")])
    ('xx b y', {0: 0, 4: 5})
    """
    pieces: list[str] = []
    starts: dict[int, int] = {}
    end = length = 0
    for start, stop, new in sorted(edits):
        pieces += [text[end:start], new]
        starts[start] = length + start - end
        length = starts[start] + len(new)
        end = stop
    pieces.append(text[end:])
    return "".join(pieces), starts


def _check_again(again: Reads, policy: Policy, marked: Marked, wrappers: Mapping[int, str]) -> None:
    """Read the text that will run as if it were somebody else's. A failure here is a bug of ours, never let pass."""
    shared = {source.table for source in policy.sources}
    expected = {start + wrapper.index("`"): wrapper for start, wrapper in wrappers.items()}
    met = set()
    for read in again.tables:
        table = _resolve(read, policy, marked)
        if table not in shared:
            _check_own(table, policy, place_at(again.text, read.start))
        elif read.start not in expected or read.around != _canonical(expected[read.start]):
            raise IsolationRefused(f"the shared source {str(table)!r} would be read without its tenant filter")
        else:
            met.add(read.start)
    if met != set(expected) or again.arrays:
        raise IsolationRefused("the guarded query does not read as it should; this is a fault of the platform")


@lru_cache(maxsize=256)
def _canonical(wrapper: str) -> str:
    """A wrapper's SELECT as sqlglot writes it, to compare syntax rather than spelling."""
    return parse_one(wrapper[1:-1], read="bigquery").sql(dialect="bigquery")
