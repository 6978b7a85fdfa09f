"""Compile the keys of ORDER BY, in queries, windows and aggregates.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#order_by_clause
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.compile.analysis import Analysis
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.scope import Column
from emulators.bigquery.sql.compile.values import Value
from emulators.bigquery.sql.read import syntax as s


def order_sql(c: Compiling, items: list[s.OrderItem], *, single: bool = False) -> str:
    """ORDER BY keys as DuckDB text, NULLs where BigQuery puts them and NaN below all numbers."""
    return ", ".join(order_key(c.compile(i.expr), i, c, single=single) for i in items)


def order_key(value: Value, item: s.OrderItem, c: Compiling, *, single: bool = False) -> str:
    """One key."""
    if not value.type.orderable or value.type.kind == "BIGNUMERIC":
        if value.type.kind == "BIGNUMERIC":
            raise not_implemented("ORDER BY a BIGNUMERIC")
        raise c.error(f"ORDER BY does not support expressions of type {value.type}", item)
    direction = "DESC" if item.desc else "ASC"
    first = item.nulls_first if item.nulls_first is not None else not item.desc
    nulls = f"NULLS {'FIRST' if first else 'LAST'}"
    sql = value.sql if value.type.kind != "NULL" else "CAST(NULL AS BIGINT)"
    if value.type.kind == "FLOAT64" and not single:
        return f"isnan({sql}) {'ASC' if item.desc else 'DESC'} {nulls}, {sql} {direction} {nulls}"
    return f"{sql} {direction} {nulls}"


def ordinal(analysis: Analysis, node: s.Literal, columns: list[Column]) -> Column:
    """The column that ORDER BY 2 means."""
    position = int(str(node.value))
    if not 1 <= position <= len(columns):
        raise analysis.error(
            f"ORDER BY column number item is out of range: {position}; SELECT list has {len(columns)} items",
            node.pos,
        )
    return columns[position - 1]
