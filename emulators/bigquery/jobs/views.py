"""The schema of a view, which is that of its query.

Source: https://cloud.google.com/bigquery/docs/views
"""

from __future__ import annotations

from emulators.bigquery import schemas
from emulators.bigquery.access.callers import Caller
from emulators.bigquery.errors import invalid_query
from emulators.bigquery.jobs.resolver import Resolver
from emulators.bigquery.sql.compile.statement import compile_statement
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read.statement_parser import parse
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.records import Key


def schema(
    catalog: Catalog, project: str, location: str, query: str, where: str = " at [1:1]", *, caller: Caller,
    named: bool = False,
) -> tuple[schemas.Fields, list[Key]]:  # fmt: skip
    """The schema of a view's query over tables of its `location`, and what it names; raises what analysing it raises.

    Without a list of names (`named`) the query must name each column once; `where` is its place for that error.
    """
    statements = parse(query)
    if len(statements) != 1 or not isinstance(statements[0], st.QueryStatement):
        raise invalid_query("A view must be one query")
    resolver = Resolver(catalog, project, location, caller)
    plan = compile_statement(query, statements[0], resolver, {}, None, runs=False)
    assert plan.rows is not None
    if not named:
        plan.rows.check_names("CREATE VIEW", where)
    named_tables = [*plan.tables.values(), *plan.views]
    return schemas.fields_of(plan.rows.columns), [(one.project, one.dataset, one.name) for one in named_tables]
