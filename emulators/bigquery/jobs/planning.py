"""Read and analyse statements, and keep what was found while neither text nor schemas change."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from emulators.bigquery.errors import invalid, invalid_query
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.jobs.resolver import Resolver
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.plans import Plan
from emulators.bigquery.sql.compile.statement import compile_statement
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read.statement_parser import parse
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.records import TableRecord

# What is kept at most: texts that were read, plans that were made of them.
_PARSED, _PLANS = 1000, 2000


@dataclass
class Analysed:
    """A statement's plan, the tables it names, and what was measured of it last."""

    plan: Plan
    tables: list[TableRecord]
    measured_for: tuple[Any, ...] = ()
    measured: tuple[int, int] = (0, 0)  # bytes and partitions
    referenced: list[TableRecord] | None = None


class Planner:
    """Statements by text, plans by text, types of parameters and where names are looked up."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._plans: OrderedDict[Any, Analysed] = OrderedDict()
        self._parsed: OrderedDict[str, list[st.Statement]] = OrderedDict()

    def statements(self, text: str) -> list[st.Statement]:
        """The statements of a text; raises invalidQuery."""
        found = self._parsed.get(text)
        if found is None:
            found = parse(text)
            self._parsed[text] = found
            while len(self._parsed) > _PARSED:
                self._parsed.popitem(last=False)
        return found

    def analyse(
        self, job: Job, text: str, statement: st.Statement, kinds: dict[str, t.Type], default: tuple[str, str] | None
    ) -> Analysed:
        """The plan of one statement; the job moves to where its tables are. Raises ApiError."""
        given = job.configuration.get("_location") or None
        key = (text, statement.pos, tuple(sorted((k, str(v)) for k, v in kinds.items())), default, job.project, given)
        cached = self._plans.get(key)
        if cached is not None and all(self._same(table) for table in cached.tables):
            if cached.tables:
                job.location = self.catalog.dataset(cached.tables[0].project, cached.tables[0].dataset).location
            return cached
        resolver = Resolver(self.catalog, job.project, given, job.caller)
        plan = compile_statement(text, statement, resolver, kinds, default)
        if resolver.location:
            job.location = resolver.location
        cached = Analysed(plan, [resolver.records[uid] for uid in plan.tables])
        self._check_parameters(plan, kinds)
        if plan.cacheable:
            self._plans[key] = cached
            while len(self._plans) > _PLANS:
                self._plans.popitem(last=False)
        return cached

    def _same(self, table: TableRecord) -> bool:
        now = self.catalog.find_table(table.key)
        return now is not None and (now.uid, now.version) == (table.uid, table.version)

    def _check_parameters(self, plan: Plan, kinds: dict[str, t.Type]) -> None:
        positional = [k for k in kinds if k.isdigit()]
        if positional and any(k.isdigit() is False for k in kinds):
            raise invalid("Named and positional parameters cannot be mixed")
        if positional and len(positional) > len([k for k in plan.parameters if k.isdigit()]):
            raise invalid_query("Too many positional parameters: the query has fewer than were given")
