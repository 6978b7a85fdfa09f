"""Find out whether a query filters the partitions of the tables that ask for it.

A filter counts when partitions can be told from it before anything is read: the partitioning column beside constants.
What BigQuery does with other filters on that column is not documented, so they are refused, not judged.
Source: https://cloud.google.com/bigquery/docs/querying-partitioned-tables, …/docs/managing-partitioned-tables
"""

from __future__ import annotations

from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scan, Scans
from emulators.bigquery.sql.read import syntax as s

_COMPARISONS = {"=", "<", ">", "<=", ">="}
# functions of a column that keep its order, so that a range of days stays one
_MONOTONE = {"DATE", "TIMESTAMP", "DATETIME", "DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC"}


def note(c: Compiling, condition: s.Expr, own: Scans) -> None:
    """Mark the scans of `own` whose partitions a condition narrows."""
    if own:
        sure, unsure = _narrowed(c, condition)
        for scan in sure & own:
            scan.pruned = True
        for scan in unsure & own:
            scan.unsure = True


def check(scans: list[Scan]) -> None:
    """Raise invalidQuery for a scan without a filter, notImplemented for one with a filter in doubt."""
    copies = {copy for scan in scans for copy in scan.copies}
    for scan in scans:
        if scan in copies or _holds(scan, "pruned"):
            continue
        table = scan.table
        if _holds(scan, "unsure"):
            raise not_implemented(
                f"this filter over the partitions of {table.project}.{table.dataset}.{table.name}; "
                "compare the partitioning column itself with constants"
            )
        columns = "'_PARTITION_LOAD_TIME', '_PARTITIONDATE', '_PARTITIONTIME'"
        if table.partition_field:
            columns = f"'{table.partition_field}'"
        raise invalid_query(
            f"Cannot query over table '{table.project}.{table.dataset}.{table.name}' without a filter over column(s) "
            f"{columns} that can be used for partition elimination"
        )


def _holds(scan: Scan, what: str) -> bool:
    pruned = scan.pruned or (what == "unsure" and scan.unsure)
    return pruned or (bool(scan.copies) and all(_holds(c, what) for c in scan.copies))


def _narrowed(c: Compiling, node: s.Expr) -> tuple[Scans, Scans]:
    """The scans that a condition narrows for sure, and those that it may."""
    if isinstance(node, s.Binary) and node.op in {"AND", "OR"}:
        (left, left_maybe), (right, right_maybe) = _narrowed(c, node.left), _narrowed(c, node.right)
        if node.op == "AND":
            return left | right, left_maybe | right_maybe
        return left & right, (left | left_maybe) & (right | right_maybe)
    if isinstance(node, s.Binary):
        found = [_compared(c, node.left, [node.right]), _compared(c, node.right, [node.left])]
        sure, unsure = found[0][0] | found[1][0], found[0][1] | found[1][1]
        return (sure, unsure) if node.op in _COMPARISONS else (NO_SCANS, sure | unsure)
    if isinstance(node, s.Between):
        return _unless_negated(node, _compared(c, node.value, [node.low, node.high]))
    if isinstance(node, s.In):
        given = [node.unnest] if node.unnest is not None else node.items
        return _unless_negated(node, _compared(c, node.value, given)) if given else (NO_SCANS, NO_SCANS)
    if isinstance(node, s.Is) and node.what == "NULL":
        return _unless_negated(node, (_of(c, node.value), _mentioned(c, node)))
    if isinstance(node, s.Unary | s.Call | s.Case | s.Is):
        return NO_SCANS, _mentioned(c, node)
    return NO_SCANS, NO_SCANS


def _unless_negated(node: s.Between | s.In | s.Is, found: tuple[Scans, Scans]) -> tuple[Scans, Scans]:
    return (NO_SCANS, found[0] | found[1]) if node.negated else found


def _compared(c: Compiling, side: s.Expr, against: list[s.Expr]) -> tuple[Scans, Scans]:
    """A side beside others that are constants."""
    if not all(_constant(c, other) for other in against):
        return NO_SCANS, NO_SCANS
    return _of(c, _inner(side)), _mentioned(c, side)


def _inner(node: s.Expr) -> s.Expr:
    """The column inside of functions that keep its order."""
    if isinstance(node, s.Call) and node.name in _MONOTONE and node.args and not node.safe:
        return _inner(node.args[0])
    if isinstance(node, s.Cast) and node.type.name in {"DATE", "TIMESTAMP", "DATETIME"} and not node.safe:
        return _inner(node.value)
    if isinstance(node, s.Extract) and isinstance(node.part, s.Name) and node.part.name.upper() == "DATE":
        return _inner(node.value)
    return node


def _of(c: Compiling, node: s.Expr) -> Scans:
    """The scans whose partitioning column the node is."""
    return c.compile(node).partitions if isinstance(node, s.Name | s.Field) and _is_column(c, node) else NO_SCANS


def _mentioned(c: Compiling, node: s.Expr) -> Scans:
    found = NO_SCANS
    for part in s.walk(node):
        if isinstance(part, s.Name | s.Field):
            found |= _of(c, part)
    return found


def _constant(c: Compiling, node: s.Expr) -> bool:
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
