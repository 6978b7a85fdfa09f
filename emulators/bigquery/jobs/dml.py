"""Run INSERT, UPDATE, DELETE and MERGE.

A statement that changes rows is computed as the rows it touches and those it puts in their place; the table's content
is then replaced in one transaction, unless somebody else has changed it meanwhile.
Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax, …/docs/data-manipulation-language
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from emulators.bigquery import column_limits, partitions, schemas
from emulators.bigquery.errors import invalid, invalid_query, not_implemented
from emulators.bigquery.jobs import stages
from emulators.bigquery.jobs.execution import Execution
from emulators.bigquery.jobs.host import Host
from emulators.bigquery.jobs.job import Job
from emulators.bigquery.jobs.planning import Analysed
from emulators.bigquery.snapshots import StaleTable
from emulators.bigquery.sql import types as t
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.contents import Change
from emulators.bigquery.storage.records import TableRecord


class DmlRunner:
    """Runs DML for query jobs, in their threads."""

    def __init__(self, host: Host, execution: Execution) -> None:
        self._host = host
        self._execution = execution
        self._catalog = host.catalog

    def run(self, job: Job, cached: Analysed, values: dict[str, Any], *, last: bool, parent: Job | None) -> None:
        """Run one statement and, if it is the last, end the job with it; raises StaleTable to be analysed again."""
        if job.configuration["query"].get("destinationTable"):
            raise invalid("Cannot set destination table in jobs with DML statements", "query")
        target = cached.plan.target
        assert target is not None
        record = next(r for r in cached.tables if r.uid == target.uid)
        if cached.plan.kind == "INSERT":
            self._insert(job, cached, values, record, last=last, parent=parent)
            return
        with self._host.table_lock(record.uid):
            self._mutate(job, cached, values, record, last=last, parent=parent)

    def _insert(
        self, job: Job, cached: Analysed, values: dict[str, Any], record: TableRecord, *, last: bool, parent: Job | None
    ) -> None:
        result = self._execution.rows(job, cached, values, parent=parent)
        names = {n: i for i, n in enumerate(cached.plan.target_columns)}
        columns = [
            result.rows.column(names[n]).cast(schemas.arrow_type(k))
            if n in names
            else pa.nulls(result.rows.num_rows, schemas.arrow_type(k))
            for n, k in record.columns
        ]
        rows = pa.table(columns, schema=record.arrow)
        self._counted(job, inserted=rows.num_rows)
        stages.describe(job, rows.num_rows, self._catalog.clock_ms())
        change = self._change(record, rows, None)
        job.result = None
        self._commit(job, record, change, last=last)

    def _change(self, record: TableRecord, rows: pa.Table, replace: str | None) -> Change:
        for name in record.info.required:
            if rows.column(rows.schema.names.index(name)).null_count:
                raise invalid_query(f"Required field {name} cannot be null")
        rows = column_limits.enforced(rows, record.fields)
        partitioning = partitions.of(record.body)
        parts = partitions.split(rows, partitioning, self._catalog.clock_ms(), None)
        filled = ((part, some) for part, some in parts.items() if some.num_rows)
        return Change(record.uid, fragments.write_parts(self._catalog.files, filled, record.columns), replace)

    def _commit(
        self, job: Job, record: TableRecord, change: Change, *, last: bool, epoch: tuple[int, int] | None = None
    ) -> None:
        def check(now: TableRecord) -> None:
            if now.version != record.version or (epoch is not None and (now.epoch, now.seq) != epoch):
                raise StaleTable(record.path)

        def apply() -> None:
            self._catalog.change(change, check=check)

        if last:
            self._host.finish(job, apply)
        else:
            apply()

    def _counted(self, job: Job, *, inserted: int = 0, updated: int = 0, deleted: int = 0) -> None:
        query = job.statistics["query"]
        query["numDmlAffectedRows"] = str(inserted + updated + deleted)
        query["dmlStats"] = {
            "insertedRowCount": str(inserted), "updatedRowCount": str(updated), "deletedRowCount": str(deleted),
        }  # fmt: skip

    def _mutate(
        self, job: Job, cached: Analysed, values: dict[str, Any], record: TableRecord, *, last: bool, parent: Job | None
    ) -> None:
        import pyarrow.compute as pc

        plan = cached.plan
        if self._catalog.has_young_streamed_rows(record.uid):
            raise invalid_query(
                "UPDATE or DELETE statement over table "
                f"{record.project}.{record.dataset}.{record.name} would affect rows in "
                "the streaming buffer, which is not supported"
            )
        now = self._catalog.table(record.key)
        epoch = now.epoch, now.seq
        width = len(record.columns)
        touched: list[int] = []
        updated: list[pa.Table] = []
        inserted: list[pa.Table] = []
        deleted = 0
        for effect in plan.effects:
            raw = self._execution.execute(parent or job, plan, cached.tables, values, effect.sql, record.uid)
            touched += raw.column(0).to_pylist()
            acts = raw.column(1)
            deleted += pc.sum(pc.equal(acts, 2)).as_py() or 0
            if raw.num_columns > 2:
                changed = raw.filter(pc.equal(acts, 1))
                updated.append(_as_table(changed.select(range(2, 2 + width)), record))
        if len(set(touched)) != len(touched):
            raise invalid_query("UPDATE/MERGE must match at most one source row for each target row")
        for rows in plan.inserts:
            raw = self._execution.execute(parent or job, plan, cached.tables, values, rows.sql, record.uid)
            inserted.append(_as_table(raw, record))
        self._counted(
            job, inserted=sum(i.num_rows for i in inserted), updated=sum(u.num_rows for u in updated), deleted=deleted
        )
        if touched:
            kept = self._untouched(job, record, touched)
            change = self._change(record, pa.concat_tables([kept, *updated, *inserted]), "all")
        else:
            change = self._change(record, pa.concat_tables([record.arrow.empty_table(), *inserted]), None)
        if record.info.ingestion_time and touched:
            raise not_implemented(f"{plan.kind} on a table partitioned by ingestion time")
        self._commit(job, record, change, last=last, epoch=epoch)

    def _untouched(self, job: Job, record: TableRecord, touched: list[int]) -> pa.Table:
        listed = ", ".join(t.quote(n) for n, _ in record.columns)
        gone = ",".join(map(str, touched))
        sql = f'SELECT {listed} FROM src_{record.uid} WHERE "_bq_row" NOT IN (SELECT unnest([{gone}]))'
        with self._host.engine.sources([record], row_ids=record.uid) as sources:
            return _as_table(self._execution.compute(job, f"WITH {sources} {sql}", {}), record)


def _as_table(raw: pa.Table, record: TableRecord) -> pa.Table:
    return raw.rename_columns(record.arrow.names).cast(record.arrow)
