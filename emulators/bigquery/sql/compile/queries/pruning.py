"""Say of a condition which partitions it leaves, before anything is read.

A condition is turned into DuckDB text over the bounds of one partition, `bq_low` and `bq_high`: whether a row between
them could pass. What cannot be told from constants leaves every partition. A partition of NULLs has NULL for bounds.
Source: https://cloud.google.com/bigquery/docs/querying-partitioned-tables ("Best practices for partition pruning")
"""

from __future__ import annotations

from dataclasses import replace

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.queries import partition_columns as columns
from emulators.bigquery.sql.compile.scans import Scan, Scans
from emulators.bigquery.sql.read import syntax as s

LOW, HIGH = "bq_low", "bq_high"
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def note(c: Compiling, condition: s.Expr, own: Scans) -> None:
    """Keep with each scan of `own` what the condition says of its partitions."""
    for scan in own:
        text = _possible(c, condition, scan)
        if text is not None:
            scan.filters.append(text)


def _possible(c: Compiling, node: s.Expr, scan: Scan) -> str | None:
    """Whether a row of a partition could pass; None where that cannot be told."""
    if isinstance(node, s.Binary) and node.op in {"AND", "OR"}:
        found = [_possible(c, side, scan) for side in (node.left, node.right)]
        known = [text for text in found if text is not None]
        if node.op == "OR" and len(known) < 2:
            return None
        return f"({f' {node.op} '.join(known)})" if known else None
    if isinstance(node, s.Binary) and node.op in _MIRRORED:
        if _is_compared(c, node.left, [node.right], scan):
            return _compared(c, node.left, node.op, node.right, node)
        if _is_compared(c, node.right, [node.left], scan):
            return _compared(c, node.right, _MIRRORED[node.op], node.left, node)
        return None
    if isinstance(node, s.Between) and not node.negated and _is_compared(c, node.value, [node.low, node.high], scan):
        bounds = [_compared(c, node.value, op, end, node) for op, end in ((">=", node.low), ("<=", node.high))]
        return None if None in bounds else f"({bounds[0]} AND {bounds[1]})"
    if isinstance(node, s.In) and not node.negated:
        return _listed(c, node, scan)
    if isinstance(node, s.Is) and node.what == "NULL" and not node.negated and scan in columns.of(c, node.value):
        return f"{LOW} IS NULL"
    return None


def _is_compared(c: Compiling, side: s.Expr, against: list[s.Expr], scan: Scan) -> bool:
    return scan in columns.of(c, columns.inner(side)) and all(columns.is_constant(c, other) for other in against)


def _listed(c: Compiling, node: s.In, scan: Scan) -> str | None:
    given = [node.unnest] if node.unnest is not None else node.items
    if not given or not _is_compared(c, node.value, given, scan):
        return None
    if node.unnest is None:
        tests = [_compared(c, node.value, "=", item, node) for item in given]
        return None if None in tests else f"({' OR '.join(str(test) for test in tests)})"
    values, side = c.compile(node.unnest), c.compile(node.value)
    ends = [_at(c, node.value, side.sql, end) for end in (LOW, HIGH)]
    if None in ends or values.type != t.array_of(side.type):
        return None
    return f"len(list_filter({values.sql}, lambda bq_x: bq_x >= {ends[0]} AND bq_x <= {ends[1]})) > 0"


def _compared(c: Compiling, side: s.Expr, op: str, other: s.Expr, at: s.Node) -> str | None:
    """`side op other` for some row of the partition, where `side` keeps the column's order."""
    if op == "=":
        ends = [_compared(c, side, "<=", other, at), _compared(c, side, ">=", other, at)]
        return None if None in ends else f"({ends[0]} AND {ends[1]})"
    text = c.compile(replace(_COMPARISON, pos=at.pos, op=op, left=side, right=other)).sql
    return _at(c, side, text, LOW if op in {"<", "<="} else HIGH)


_COMPARISON = s.Binary(0, "=", s.Name(0, ""), s.Name(0, ""))


def _at(c: Compiling, side: s.Expr, text: str, end: str) -> str | None:
    """Compiled text with an end of the partition for its column; None if the column is not in it as it is."""
    column = c.compile(columns.inner(side))
    if column.sql not in text:
        return None
    return text.replace(column.sql, f"CAST({end} AS {column.type.duck})")
