"""Which partitions of a table a query reads: those that its filters over constants leave.

Source: https://cloud.google.com/bigquery/docs/querying-partitioned-tables
"""

from __future__ import annotations

from typing import Any

import duckdb

from emulators.bigquery import partitions
from emulators.bigquery.jobs.execution import Execution
from emulators.bigquery.sql.compile.plans import Plan
from emulators.bigquery.sql.compile.queries.pruning import HIGH, LOW
from emulators.bigquery.sql.compile.scans import Scan
from emulators.bigquery.storage.records import TableRecord


def compared_with(execution: Execution, plan: Plan, values: dict[str, Any]) -> str:
    """The values that the filters are compared with; with others, other partitions may be left."""
    texts = " ".join(text for scan in plan.scans for text in scan.filters)
    return repr(sorted(execution.bound(plan, values, texts, "")[1].items())) if texts else ""


def partitions_left(execution: Execution, plan: Plan, table: TableRecord, values: dict[str, Any]) -> set[str] | None:
    """The ids of the partitions that are read, by any of the statement's readings of the table; None for all."""
    scans = [scan for scan in plan.scans if scan.table.uid == table.uid]
    if not any(scan.filters for scan in scans):
        return None
    parts = [part for part, *_ in execution.catalog.partitions(table.uid)]
    copies = {copy for scan in scans for copy in scan.copies}
    left: set[str] = set()
    for scan in scans:
        if scan not in copies:
            left |= _left(execution, plan, table, values, scan, parts)
    return left


def _left(
    execution: Execution, plan: Plan, table: TableRecord, values: dict[str, Any], scan: Scan, parts: list[str]
) -> set[str]:
    """What one reading leaves of `parts`; what is in a CTE also goes through the filters of its uses."""
    left = _passing(execution, plan, table, values, scan.filters, parts)
    if not scan.copies:
        return left
    rest = sorted(left)
    return set().union(*(_left(execution, plan, table, values, copy, rest) for copy in scan.copies))


def _passing(
    execution: Execution, plan: Plan, table: TableRecord, values: dict[str, Any], filters: list[str], parts: list[str]
) -> set[str]:
    if not filters or not parts:
        return set(parts)
    kind = "BIGINT" if table.info.partition_type == "RANGE" else "TIMESTAMP"
    # rows that no filter can tell anything of are in a partition that is always read
    always = {part for part in parts if part == partitions.UNPARTITIONED}
    bounds = [(part, *partitions.bounds(table.body, part)) for part in parts if part not in always]
    sql = (
        f"SELECT bq_part FROM (SELECT unnest($bq_parts) AS bq_part, CAST(unnest($bq_lows) AS {kind}) AS {LOW}, "
        f"CAST(unnest($bq_highs) AS {kind}) AS {HIGH}) WHERE {' AND '.join(filters)}"
    )
    text, used = execution.bound(plan, values, sql, "")
    used |= {
        "bq_parts": [part for part, _, _ in bounds],
        "bq_lows": [None if low is None else str(low) for _, low, _ in bounds],
        "bq_highs": [None if high is None else str(high) for _, _, high in bounds],
    }
    try:
        return always | set(execution.engine.run(text, used).column(0).to_pylist())
    except duckdb.Error:  # a constant that cannot be computed fails the query itself, not its estimate
        return set(parts)
