"""Compile one statement into a plan: DuckDB text for its rows, their names and types, what is read and written."""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.analysis import Analysis
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.dml import DmlCompiler
from emulators.bigquery.sql.compile.plans import Plan, Rows, named_rows
from emulators.bigquery.sql.compile.queries import partition_filters
from emulators.bigquery.sql.compile.queries.query_compiler import QueryCompiler
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.tables import Catalog


def compile_statement(
    sql: str,
    statement: st.Statement,
    catalog: Catalog,
    parameters: dict[str, t.Type],
    default: tuple[str, str] | None,
    *,
    runs: bool = True,
) -> Plan:
    """The plan of a query or DML statement; raises what BigQuery's analyzer would, or notImplemented.

    A query that never `runs`, because it becomes a view, needs no filter over partitions.
    """
    analysis = Analysis(sql, catalog, parameters, default)
    queries = QueryCompiler(analysis)
    if isinstance(statement, st.QueryStatement):
        analysis.functions = statement.functions
        plan = Plan(statement, "SELECT", _rows(analysis, queries, statement.query))
    else:
        plan = DmlCompiler(analysis, queries).compile(statement)
    plan.tables, plan.views, plan.reads = analysis.tables, analysis.views, analysis.reads
    plan.scans = analysis.scans
    plan.parameters, plan.uses_now = analysis.used_parameters, analysis.uses_now
    if runs:
        partition_filters.check(analysis.scans)
    plan.cacheable = not analysis.uncacheable and not analysis.views
    return plan


def _rows(analysis: Analysis, queries: Querying, query: s.Query) -> Rows:
    compiled = queries.query(query, None)
    for column in compiled.columns:
        analysis.reads |= column.reads
    columns = compiled.columns
    if compiled.value_table and len(columns) == 1 and columns[0].type.kind == "STRUCT":
        # a value table of structs leaves the service as their fields
        kind = columns[0].type
        alias = analysis.alias("v")
        parts = [f"struct_extract({alias}.c0, {t.text(n)}) AS c{i}" for i, n in enumerate(kind.duck_names)]
        sql = f"SELECT {', '.join(parts)} FROM ({compiled.sql}) AS {alias}"
        return named_rows(sql, list(kind.fields), [not name for name, _ in kind.fields])
    return named_rows(compiled.sql, [(c.name, c.type) for c in columns], [c.unnamed for c in columns])
