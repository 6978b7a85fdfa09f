"""Compute compiled statements in DuckDB; its errors come out as BigQuery's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from emulators.bigquery import schemas
from emulators.bigquery.engine import Engine
from emulators.bigquery.errors import invalid_query
from emulators.bigquery.functions import civil
from emulators.bigquery.jobs import faults
from emulators.bigquery.jobs.job import Job, Result
from emulators.bigquery.jobs.planning import Analysed
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.plans import Plan
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.records import TableRecord


class Execution:
    """Computes what plans say, for jobs that can be interrupted meanwhile."""

    def __init__(self, catalog: Catalog, engine: Engine) -> None:
        self.catalog = catalog
        self.engine = engine

    def bound(self, plan: Plan, values: dict[str, Any], rows_sql: str, sources: str) -> tuple[str, dict[str, Any]]:
        """DuckDB text with its tables, and the parameters it uses."""
        sql = _with_sources(sources, rows_sql) if sources else rows_sql
        used = {f"p_{k}": values.get(f"p_{k}") for k in plan.parameters if f"$p_{k}" in sql}
        if "$bq_now" in sql:
            moment = datetime.fromtimestamp(self.catalog.clock_ms() / 1000, UTC).replace(tzinfo=None)
            used["bq_now"] = civil.datetime_text(moment)
        return sql, used

    def execute(
        self,
        job: Job,
        plan: Plan,
        tables: list[TableRecord],
        values: dict[str, Any],
        sql: str,
        row_ids: int | None = None,
    ) -> pa.Table:
        """Run compiled SQL; DuckDB's errors come out as BigQuery's."""
        with self.engine.sources(tables, row_ids=row_ids) as sources:
            text, used = self.bound(plan, values, sql, sources)
            return self.compute(job, text, used)

    def compute(self, job: Job, text: str, used: dict[str, Any]) -> pa.Table:
        """The rows of DuckDB text; the job can be interrupted meanwhile."""

        def started(connection: Any) -> None:
            job.connection = connection
            job.check_wanted()

        try:
            return self.engine.run(text, used, started)
        except duckdb.Error as error:
            raise faults.translated(error, timed_out=job.timed_out) from error
        finally:
            job.connection = None

    def rows(self, job: Job, cached: Analysed, values: dict[str, Any], *, parent: Job | None = None) -> Result:
        """The rows of a SELECT or INSERT, in the Arrow types of their columns."""
        plan = cached.plan
        assert plan.rows is not None
        raw = self.execute(parent or job, plan, cached.tables, values, plan.rows.sql)
        kinds = [k for _, k in plan.rows.columns]
        for column, kind in zip(raw.columns, kinds, strict=True):
            _no_null_elements(column, kind)
        schema = pa.schema([pa.field(f"c{i}", schemas.arrow_type(k)) for i, k in enumerate(kinds)])
        return Result(plan.rows.columns, raw.rename_columns([f"c{i}" for i in range(len(kinds))]).cast(schema))


def _with_sources(sources: str, sql: str) -> str:
    """A query with its tables before it; its own WITH joins their list."""
    for word in ("WITH RECURSIVE ", "WITH "):
        if sql.startswith(word):
            return f"{word}{sources}, {sql[len(word) :]}"
    return f"WITH {sources} {sql}"


def _no_null_elements(column: pa.ChunkedArray, kind: t.Type) -> None:
    """BigQuery refuses to output an array that holds NULL."""
    if kind.kind == "ARRAY":
        for chunk in column.chunks:
            if chunk.flatten().null_count:
                raise invalid_query("Array cannot have a null element; error in writing field")
