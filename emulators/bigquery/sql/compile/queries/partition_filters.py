"""Find out whether a query filters the partitions of the tables that ask for it.

A filter counts when partitions can be told from it before anything is read: the partitioning column beside constants.
What BigQuery does with other filters on that column is not documented, so they are refused, not judged.
Source: https://cloud.google.com/bigquery/docs/querying-partitioned-tables, …/docs/managing-partitioned-tables
"""

from __future__ import annotations

from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.sql.compile.compiling import Compiling
from emulators.bigquery.sql.compile.queries import partition_columns as columns
from emulators.bigquery.sql.compile.queries import pruning
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scan, Scans
from emulators.bigquery.sql.read import syntax as s

_COMPARISONS = {"=", "<", ">", "<=", ">="}


def note(c: Compiling, condition: s.Expr, own: Scans) -> None:
    """Mark the scans of `own` whose partitions a condition narrows, and keep which it leaves."""
    if own:
        pruning.note(c, condition, own)
        sure, unsure = _narrowed(c, condition)
        for scan in sure & own:
            scan.pruned = True
        for scan in unsure & own:
            scan.unsure = True


def check(scans: list[Scan]) -> None:
    """Raise invalidQuery for a scan without a filter, notImplemented for one with a filter in doubt."""
    copies = {copy for scan in scans for copy in scan.copies}
    for scan in scans:
        if scan in copies or not scan.table.require_filter or _holds(scan, "pruned"):
            continue
        table = scan.table
        if _holds(scan, "unsure"):
            raise not_implemented(
                f"this filter over the partitions of {table.project}.{table.dataset}.{table.name}; "
                "compare the partitioning column itself with constants"
            )
        named = "'_PARTITION_LOAD_TIME', '_PARTITIONDATE', '_PARTITIONTIME'"
        if table.partition_field:
            named = f"'{table.partition_field}'"
        raise invalid_query(
            f"Cannot query over table '{table.project}.{table.dataset}.{table.name}' without a filter over column(s) "
            f"{named} that can be used for partition elimination"
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
        return _unless_negated(node, (columns.of(c, node.value), columns.mentioned(c, node)))
    if isinstance(node, s.Unary | s.Call | s.Case | s.Is):
        return NO_SCANS, columns.mentioned(c, node)
    return NO_SCANS, NO_SCANS


def _unless_negated(node: s.Between | s.In | s.Is, found: tuple[Scans, Scans]) -> tuple[Scans, Scans]:
    return (NO_SCANS, found[0] | found[1]) if node.negated else found


def _compared(c: Compiling, side: s.Expr, against: list[s.Expr]) -> tuple[Scans, Scans]:
    """A side beside others that are constants."""
    if not all(columns.is_constant(c, other) for other in against):
        return NO_SCANS, NO_SCANS
    return columns.of(c, columns.inner(side)), columns.mentioned(c, side)
