"""Rows a page at a time: of what a query left, and of what a table stores."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from emulators.bigquery.errors import not_found
from emulators.bigquery.jobs import anonymous
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.partitions import split_decorator
from emulators.bigquery.schemas import columns
from emulators.bigquery.sql.types import Type
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.history import RESULTS_MS, History
from emulators.bigquery.storage.records import TableRecord


class Pages:
    """Reads from any thread; rows of a large table come from files, so not in the event loop."""

    def __init__(self, catalog: Catalog, history: History) -> None:
        self._catalog = catalog
        self._history = history

    def of_job(self, job: Job, start: int, count: int) -> tuple[list[tuple[str, Type]], int, Any] | None:
        """Columns, how many rows there are, and `count` of them, of a finished query; None if it has no rows.

        A query with a destination shows what the destination holds now, as the service does. Raises notFound when
        the rows have expired.
        """
        expired = job.ended_ms <= self._catalog.clock_ms() - RESULTS_MS
        if job.result is not None and not expired:
            rows = job.result.rows
            return job.result.columns, rows.num_rows, rows.slice(start, count)
        query = job.statistics.get("query") or {}
        fields = (query.get("schema") or {}).get("fields")
        if fields is None or query.get("statementType") not in {"SELECT", "SCRIPT"}:
            return None
        reference = job.configuration["query"].get("destinationTable")
        if reference and not anonymous.is_anonymous(reference):
            name, part = split_decorator(reference["tableId"])
            table = self._catalog.table((reference["projectId"], reference["datasetId"], name))
            total, rows = self.of_table(table, start, count, part)
            return list(table.columns), total, rows
        rows = None if expired else self._history.result(*job.history_key)
        if rows is None:
            raise not_found(f"Not found: the results of job {job.project}:{job.location}.{job.id} have expired")
        return list(columns(fields)), rows.num_rows, rows.slice(start, count)

    def of_table(self, table: TableRecord, start: int, count: int, part: str | None = None) -> tuple[int, pa.Table]:
        """How many stored rows a table or partition has, and a slice of them; streamed rows do not count."""
        manifest = [m for m in self._catalog.manifest(table.uid, stored_only=True) if part is None or m[1] == part]
        pieces, skip, left = [], start, count
        for _, _, rows, data, file in manifest:
            if left <= 0:
                break
            if skip >= rows:
                skip -= rows
                continue
            piece = self._catalog.read(table, data, file).slice(skip, left)
            skip, left = 0, left - piece.num_rows
            pieces.append(piece)
        total = sum(m[2] for m in manifest)
        return total, pa.concat_tables(pieces) if pieces else table.arrow.empty_table()
