"""Compile recursive CTEs: a base term, UNION ALL, and one SELECT that reads the CTE itself once.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#recursive_cte
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql.compile.calls import aggregates
from emulators.bigquery.sql.compile.compiled import Compiled, Cte
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.scope import Scope
from emulators.bigquery.sql.compile.values import Value, coerces, convert
from emulators.bigquery.sql.read import syntax as s

DEPTH = "bq_depth"  # how many iterations a row is away from the base term
_MAX_ITERATIONS = 500  # quotas page, "Maximum number of iterations in a recursive CTE"


def references(query: s.Query, name: str) -> list[s.TableRef]:
    """Where a query names a table of that one word."""
    return [
        ref
        for ref in s.walk(query)
        if isinstance(ref, s.TableRef) and len(ref.parts) == 1 and ref.parts[0].lower() == name.lower()
    ]


def compile_recursive(queries: Querying, name: str, query: s.Query, outer: Scope | None) -> Cte:
    """A CTE that reads itself; its DuckDB text has the column DEPTH behind its own."""
    union = query.body
    plain = not (query.ctes or query.order or query.limit)
    if not isinstance(union, s.SetOperation) or union.op != "UNION" or not plain:
        raise not_implemented(f"the recursive CTE {name} that is not base UNION ALL recursive term")
    if not union.all:
        raise not_implemented(f"the recursive CTE {name} with UNION DISTINCT")
    if references(union.left, name):
        raise not_implemented(f"the recursive CTE {name} with several recursive terms")
    _check_term(name, union.right)
    base = queries.query(union.left, outer)
    alias = queries.analysis.alias("w")
    recursive = Cte(name, replace(base, columns=list(base.columns)), alias, recursive=True)
    queries.ctes.append(recursive)
    term = queries.query(union.right, outer)
    queries.ctes.pop()
    if len(term.columns) != len(base.columns):
        raise queries.analysis.error(
            f"Queries in UNION ALL have mismatched column count; query 1 has {len(base.columns)} columns, "
            f"query 2 has {len(term.columns)} columns",
            union.right.pos,
        )
    inner = queries.analysis.alias("q")
    items = []
    for i, (mine, wanted) in enumerate(zip(term.columns, base.columns, strict=True)):
        value = Value(f"{inner}.{mine.sql}", mine.type)
        if not coerces(value, wanted.type):
            raise queries.analysis.error(
                f"Column {i + 1} in UNION ALL has incompatible types: {wanted.type}, {mine.type}", union.right.pos
            )
        items.append(convert(value, wanted.type, queries.analysis.sql, union.right.pos).sql)
    sql = (
        f"SELECT *, 0 AS {DEPTH} FROM ({base.sql}) UNION ALL "
        f"SELECT {', '.join(items)}, {inner}.{DEPTH} FROM ({term.sql}) AS {inner} WHERE {_goes_on(inner)}"
    )
    return Cte(name, Compiled(sql, base.columns, base.value_table), alias)


def _goes_on(alias: str) -> str:
    """A condition that fails where BigQuery stops; a column would not do, DuckDB leaves out those that nobody reads."""
    message = f"A recursive CTE has reached the maximum number of iterations: {_MAX_ITERATIONS}"
    depth = f"{alias}.{DEPTH}"
    return f"CASE WHEN {depth} > {_MAX_ITERATIONS} THEN bq_raise_int('{message}') > 0 ELSE TRUE END"


def _check_term(name: str, query: s.Query) -> None:
    """Refuse a recursive term other than a plain SELECT that joins the CTE."""
    body = query.body
    found = references(query, name)
    around = query.ctes or query.order or query.limit
    if not (
        isinstance(body, s.Select)
        and _is_plain(body)
        and not around
        and len(found) == 1
        and _joins(body.from_, found[0])
    ):
        raise not_implemented(f"the recursive CTE {name} whose recursive term is more than a SELECT that joins it once")
    calls = [part for part in s.walk(body) if isinstance(part, s.Call)]
    if any(call.over or call.name in aggregates.AGGREGATES for call in calls):
        raise not_implemented(f"the recursive CTE {name} whose recursive term aggregates or looks at other rows")


def _is_plain(select: s.Select) -> bool:
    """Whether a SELECT has but a list, FROM and WHERE, and yields rows."""
    grouped = select.group or select.group_all or select.group_sets or select.having
    return not (grouped or select.distinct or select.qualify or select.as_struct or select.as_value)


def _joins(item: s.FromItem | None, ref: s.TableRef) -> bool:
    """Whether an inner join at the top of FROM reads the reference."""
    if isinstance(item, s.Join):
        if item.kind == "LEFT":
            return _joins(item.left, ref)
        return item.kind in {"INNER", "CROSS"} and (_joins(item.left, ref) or _joins(item.right, ref))
    return item is ref
