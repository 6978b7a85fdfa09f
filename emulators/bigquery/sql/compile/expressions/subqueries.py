"""Compile subqueries in expressions: scalar, ARRAY(…), EXISTS(…).

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/subqueries
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


def subquery(c: Compiling, node: s.Subquery) -> Value:
    """A query as a value."""
    with c.ungrouped(*([c.scope] if c.in_aggregate else [])):
        compiled = c.subquery(node.query)
    check_correlation(compiled.correlation, compiled.tables)
    for column in compiled.columns:
        c.analysis.reads |= column.reads
    if node.kind == "exists":
        return Value(f"EXISTS ({compiled.sql})", t.BOOL)
    if len(compiled.columns) != 1:
        what = "ARRAY" if node.kind == "array" else "Scalar"
        raise c.error(
            f"{what} subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values",
            node,
        )
    column = compiled.columns[0]
    if node.kind == "array":
        if column.type.kind == "ARRAY":
            raise c.error(
                "Cannot use array subquery with column of type ARRAY because nested arrays are not supported", node
            )
        sql = f"(SELECT COALESCE(list(bq_q.{column.sql}), []) FROM ({compiled.sql}) AS bq_q)"
        return Value(sql, t.array_of(column.type), fragile=True)
    return Value(f"({compiled.sql})", column.type, fragile=True)


def check_correlation(clauses: frozenset[str], tables: bool) -> None:
    """Refuse a correlated subquery over a table that may be none that BigQuery can turn into a join.

    Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/subqueries#correlated_subquery_concepts
    """
    if tables and clauses and not ("=" in clauses and clauses <= {"=", "WHERE"}):
        raise not_implemented(
            "a correlated subquery over a table that is not tied to the query around it by an equality in its "
            "WHERE alone; BigQuery runs those only that it can turn into a join"
        )
