"""Compile UNION, INTERSECT and EXCEPT: one type for each column, literals and NULL fitting in.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#set_operators
"""

from __future__ import annotations

from emulators.bigquery.errors import not_implemented
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiled import Compiled
from emulators.bigquery.sql.compile.compiling import Querying
from emulators.bigquery.sql.compile.scans import NO_SCANS
from emulators.bigquery.sql.compile.scope import NO_READS, Column, Scope
from emulators.bigquery.sql.compile.values import Value, convert
from emulators.bigquery.sql.read import syntax as s


def compile_operation(queries: Querying, node: s.SetOperation, outer: Scope | None) -> Compiled:
    """The operation; its columns are named by the first query."""
    analysis = queries.analysis
    operands, op, every = _flatten(node)
    what = f"{op} {'ALL' if every else 'DISTINCT'}"
    sides = [queries.query(o, outer) for o in operands]
    width = len(sides[0].columns)
    for number, (side, query) in enumerate(zip(sides, operands, strict=True), 1):
        if len(side.columns) != width:
            raise analysis.error(
                f"Queries in {what} have mismatched column count; query 1 has {width} columns, "
                f"query {number} has {len(side.columns)} columns",
                query.pos,
            )
    kinds = [_column_type(queries, node, sides, operands, i, what) for i in range(width)]
    columns = [
        Column(
            first.name,
            kind,
            f"c{i}",
            NO_READS.union(*(side.columns[i].reads for side in sides)),
            partitions=NO_SCANS.union(*(side.columns[i].partitions for side in sides)),
            unnamed=first.unnamed,
        )
        for i, (first, kind) in enumerate(zip(sides[0].columns, kinds, strict=True))
    ]
    if not every:
        for column in columns:
            analysis.reads |= column.reads
    texts = [converted(queries, side, kinds, query) for side, query in zip(sides, operands, strict=True)]
    word = f" {op}{' ALL' if every else ''} "
    correlation = frozenset[str]().union(*(side.correlation for side in sides))
    return Compiled(
        word.join(f"({text})" for text in texts),
        columns,
        sides[0].value_table,
        correlation | ({op} if correlation else set()),
        any(side.tables for side in sides),
    )


def _column_type(
    queries: Querying, node: s.SetOperation, sides: list[Compiled], operands: list[s.Query], i: int, what: str
) -> t.Type:
    parts = [
        (t.NULL if _is_untyped(query, i) else side.columns[i].type, literal_text(query, i) is not None, False)
        for side, query in zip(sides, operands, strict=True)
    ]
    kind = t.supertype(parts)
    if kind is None:
        listed = ", ".join(str(side.columns[i].type) for side in sides)
        raise queries.analysis.error(f"Column {i + 1} in {what} has incompatible types: {listed}", node.pos)
    if not what.endswith("ALL"):
        if not kind.groupable:
            raise queries.analysis.error(
                f"Column {i + 1} in {what} has type that does not support set operation comparisons: {kind}", node.pos
            )
        if kind.kind == "BIGNUMERIC":
            raise not_implemented("set operations over BIGNUMERIC")
    return t.INT64 if kind.kind == "NULL" else kind


def converted(queries: Querying, side: Compiled, kinds: list[t.Type], query: s.Query) -> str:
    """One side with its columns as these types."""
    if all(c.type == k for c, k in zip(side.columns, kinds, strict=True)):
        return side.sql
    alias = queries.analysis.alias("q")
    items = []
    for i, (column, kind) in enumerate(zip(side.columns, kinds, strict=True)):
        if column.type != kind and _is_untyped(query, i):
            empty = "[]" if kind.kind == "ARRAY" and isinstance(_item(query, i), s.Array) else "NULL"
            items.append(f"CAST({empty} AS {kind.duck}) AS c{i}")
            continue
        literal = literal_text(query, i) if column.type != kind else None
        value = Value(f"{alias}.{column.sql}", column.type, literal=literal)
        items.append(f"{convert(value, kind, queries.analysis.sql, query.pos).sql} AS c{i}")
    return f"SELECT {', '.join(items)} FROM ({side.sql}) AS {alias}"


def _flatten(node: s.SetOperation) -> tuple[list[s.Query], str, bool]:
    """The operands of a chain of the same operation; only UNION chains are flattened."""
    if node.op != "UNION":
        return [node.left, node.right], node.op, node.all
    operands = [node.right]
    left = node.left
    while (
        isinstance(left.body, s.SetOperation)
        and left.body.op == "UNION"
        and left.body.all == node.all
        and not (left.ctes or left.order or left.limit)
    ):
        operands.append(left.body.right)
        left = left.body.left
    return [left, *reversed(operands)], node.op, node.all


def _item(query: s.Query, index: int) -> s.Expr | None:
    """The expression of an output column, where the text shows which it is."""
    body = query.body
    if not isinstance(body, s.Select) or any(isinstance(i, s.Star) for i, _ in body.items):
        return None
    return body.items[index][0] if index < len(body.items) else None


def literal_text(query: s.Query, index: int) -> str | None:
    """The text of an output column that is a literal, which coerces more widely than a value."""
    expr = _item(query, index)
    if isinstance(expr, s.Literal) and expr.kind in {"STRING", "INT64", "FLOAT64"}:
        return str(expr.value)
    return None


def _is_untyped(query: s.Query, index: int) -> bool:
    """NULL and [], which take any type."""
    expr = _item(query, index)
    if isinstance(expr, s.Array):
        return not expr.items and expr.type is None
    return isinstance(expr, s.Literal) and expr.kind == "NULL"
