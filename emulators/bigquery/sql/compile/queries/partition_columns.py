"""Tell a partitioning column, also within functions that keep its order, and what is constant beside it."""

from __future__ import annotations

from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scans
from emulators.bigquery.sql.read import syntax as s

# functions of a column that keep its order, so that a range of days stays one
_MONOTONE = {"DATE", "TIMESTAMP", "DATETIME", "DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC"}


def inner(node: s.Expr) -> s.Expr:
    """The column inside of functions that keep its order."""
    if isinstance(node, s.Call) and node.name in _MONOTONE and node.args and not node.safe:
        return inner(node.args[0])
    if isinstance(node, s.Cast) and node.type.name in {"DATE", "TIMESTAMP", "DATETIME"} and not node.safe:
        return inner(node.value)
    if isinstance(node, s.Extract) and isinstance(node.part, s.Name) and node.part.name.upper() == "DATE":
        return inner(node.value)
    return node


def of(c: Compiling, node: s.Expr) -> Scans:
    """The scans whose partitioning column the node is."""
    return c.compile(node).partitions if isinstance(node, s.Name | s.Field) and _is_column(c, node) else NO_SCANS


def mentioned(c: Compiling, node: s.Expr) -> Scans:
    """The scans whose partitioning columns are anywhere in the node."""
    found = NO_SCANS
    for part in s.walk(node):
        if isinstance(part, s.Name | s.Field):
            found |= of(c, part)
    return found


def is_constant(c: Compiling, node: s.Expr) -> bool:
    """Whether a value is known before any table is read."""
    return not any(
        isinstance(part, s.Subquery | s.Query) or (isinstance(part, s.Name) and _is_column(c, part))
        for part in s.walk(node)
    )


def _is_column(c: Compiling, node: s.Expr) -> bool:
    """Whether a name is one; DAY in DATE_TRUNC(d, DAY) is not."""
    while isinstance(node, s.Field):
        node = node.of
    return isinstance(node, s.Name) and c.scope.lookup(node.name) is not None
