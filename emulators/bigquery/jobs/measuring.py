"""How much a query reads and which tables: statistics, and the limit of maximumBytesBilled.

Source: https://cloud.google.com/bigquery/docs/estimate-costs, …/docs/reference/rest/v2/Job#JobStatistics2
"""

from __future__ import annotations

import json
from typing import Any

from emulators.bigquery import schemas
from emulators.bigquery.engine import Engine
from emulators.bigquery.errors import ApiError
from emulators.bigquery.jobs import pruning
from emulators.bigquery.jobs.execution import Execution
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.jobs.planning import Analysed
from emulators.bigquery.storage.records import TableRecord

_MIB = 1024 * 1024
# Billed at least this much per table read; pricing page, "10 MB minimum".
_MINIMUM_BYTES = 10 * _MIB


def describe(execution: Execution, job: Job, analysed: Analysed, values: dict[str, Any]) -> None:
    """Fill in the job's statistics; raises bytesBilledLimitExceeded. `values` are those of the query's parameters."""
    plan = analysed.plan
    processed, partitions = _read(execution, analysed, values)
    read = {uid for uid, _ in plan.reads}
    tables = [r for r in analysed.tables if plan.kind != "INSERT" or r.uid in read]
    bill = billed(processed, len(tables))
    limit = job.configuration["query"].get("maximumBytesBilled")
    if limit is not None and bill > int(limit):
        raise ApiError(
            400, "bytesBilledLimitExceeded",
            f"Query exceeded limit for bytes billed: {int(limit)}. {bill} or higher required.",
        )  # fmt: skip
    referenced = [
        {"projectId": r.project, "datasetId": r.dataset, "tableId": r.name}
        for r in _referenced(execution.engine, analysed)
    ]
    referenced += [{"projectId": v.project, "datasetId": v.dataset, "tableId": v.name} for v in plan.views]
    columns = plan.rows.columns if plan.rows is not None and plan.kind == "SELECT" else []
    if plan.kind == "INSERT" and plan.target is not None and job.configuration.get("dryRun"):
        columns = list(plan.target.columns)  # a dry run of INSERT shows the table's schema
    query: dict[str, Any] = {
        "statementType": plan.kind, "totalBytesProcessed": str(processed), "totalBytesBilled": str(bill),
        "cacheHit": False, "billingTier": 1, "referencedTables": referenced,
        "totalPartitionsProcessed": str(partitions),
    }  # fmt: skip
    if columns:
        query["schema"] = {"fields": schemas.fields_of(columns)}
    job.statistics = {"query": query, "totalBytesProcessed": str(processed)}


def billed(processed: int, tables: int) -> int:
    """Bytes billed: whole MiB, at least 10 MiB for each table; nothing where nothing is read.

    >>> billed(16, 2) // 2**20, billed(0, 1), billed(2**20 * 30 + 1, 1) // 2**20
    (20, 0, 31)
    """
    if not processed or not tables:
        return 0
    return max(-(-processed // _MIB) * _MIB, _MINIMUM_BYTES * tables)


def _referenced(engine: Engine, analysed: Analysed) -> list[TableRecord]:
    """The tables that DuckDB's own parser finds in what is run: a second opinion to the analyzer's."""
    plan = analysed.plan
    if plan.kind != "SELECT" or plan.rows is None:
        return analysed.tables
    if analysed.referenced is None:
        names = engine.table_names(plan.rows.sql) if analysed.tables else set()
        analysed.referenced = [r for r in analysed.tables if f"src_{r.uid}" in names]
    return analysed.referenced


def _read(execution: Execution, analysed: Analysed, values: dict[str, Any]) -> tuple[int, int]:
    """Logical bytes of the columns and partitions read, and how many partitions of partitioned tables these are.

    Measured again when a table or what the filters are compared with has changed.
    """
    catalog, plan = execution.catalog, analysed.plan
    now = [catalog.find_table(r.key) for r in analysed.tables]
    content = tuple((r.uid, r.epoch, r.seq) if r is not None else None for r in now)
    key = content, pruning.compared_with(execution, plan, values)
    if content and analysed.measured_for == key:
        return analysed.measured
    wanted: dict[int, set[str]] = {}
    for uid, path in plan.reads:
        wanted.setdefault(uid, set()).add(path)
    total, count = 0, 0
    for record in now:
        if record is None or record.uid not in wanted:
            continue
        left = pruning.partitions_left(execution, plan, record, values)
        fragments = [(part, leaves) for part, leaves in catalog.leaves(record.uid) if left is None or part in left]
        total += sum(_size(leaves, wanted[record.uid]) for _, leaves in fragments)
        if record.info.partition_type is not None:
            count += len({part for part, _ in fragments})
    analysed.measured_for, analysed.measured = key, (total, count)
    return total, count


def _size(leaves: str, paths: set[str]) -> int:
    """Bytes of a fragment's columns, by the sizes of its leaves as JSON."""
    sizes: dict[str, int] = json.loads(leaves)
    return sum(size for leaf, size in sizes.items() if any(leaf == p or leaf.startswith(f"{p}.") for p in paths))
