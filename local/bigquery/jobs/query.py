"""Run query jobs: analyse, compute, commit.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationQuery
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from local.bigquery import schemas
from local.bigquery.errors import ApiError, invalid, invalid_query, not_implemented
from local.bigquery.functions import civil
from local.bigquery.jobs import ddl, destinations, faults, parameters
from local.bigquery.jobs.job import Job, Result
from local.bigquery.jobs.resolver import Resolver
from local.bigquery.snapshots import StaleTable
from local.bigquery.sql import statements as st
from local.bigquery.sql import types as t
from local.bigquery.sql.compiler import compile_statement
from local.bigquery.sql.plans import Plan
from local.bigquery.sql.statement_parser import parse
from local.bigquery.storage import fragments
from local.bigquery.storage.catalog import Change, TableRecord

if TYPE_CHECKING:
    from local.bigquery.service import Service

# Billed at least this much per table read; pricing page, "10 MB minimum".
_MINIMUM_BYTES = 10 * 1024 * 1024
_MAX_SQL = 1024 * 1024
_ATTEMPTS = 10


@dataclass
class _Cached:
    plan: Plan
    tables: list[TableRecord]
    bytes_key: tuple[Any, ...] = ()
    bytes: int = 0
    referenced: list[TableRecord] | None = None


class QueryRunner:
    """Runs query jobs in worker threads."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.catalog = service.catalog
        self.engine = service.engine
        self._plans: OrderedDict[Any, _Cached] = OrderedDict()
        self._parsed: OrderedDict[str, list[st.Statement]] = OrderedDict()

    # -- configuration ---------------------------------------------------------------------------------

    def check(self, config: dict[str, Any]) -> None:
        """Raise for a configuration that makes no job at all."""
        query = config.get("query")
        if not query or not query.strip():
            raise invalid("Required parameter is missing: query")
        if len(query) > _MAX_SQL:
            raise invalid("Query exceeds maximum length of 1024.0K characters")
        if config.get("useLegacySql") is not False:
            raise not_implemented("legacy SQL; set useLegacySql to false")
        if config.get("priority", "INTERACTIVE") not in {"INTERACTIVE", "BATCH"}:
            raise invalid(f"Invalid value for priority: {config['priority']} is not a valid value")
        if config.get("destinationTable"):
            destinations.read(config, default_write="WRITE_EMPTY")
        elif config.get("schemaUpdateOptions"):
            raise invalid("Schema update options can only be given with a destination table")

    # -- running ---------------------------------------------------------------------------------------

    def run(self, job: Job, *, dry_run: bool) -> None:
        """Run all statements; raises ApiError. Commits the job's end with what it wrote."""
        config = job.configuration["query"]
        text = config["query"]
        statements = self._statements(text)
        default = config.get("defaultDataset")
        names = (default.get("projectId") or job.project, default["datasetId"]) if default else None
        kinds, values = parameters.read(config)
        if len(statements) == 1:
            self._one(job, text, statements[0], kinds, values, names, dry_run=dry_run, last=True)
            return
        if config.get("destinationTable"):
            raise invalid("configuration.query.destinationTable cannot be set for scripts", "query")
        if dry_run:
            raise not_implemented("dry runs of several statements")
        self._script(job, text, statements, kinds, values, names)

    def _script(
        self, job: Job, text: str, statements: list[st.Statement], kinds: dict[str, t.Type], values: dict[str, Any],
        default: tuple[str, str] | None,
    ) -> None:  # fmt: skip
        processed, last_result = 0, None
        for index, statement in enumerate(statements):
            part = Job(job.project, job.location, job.id, job.configuration, job.created_ms)
            part.connection = None
            self._one(part, text, statement, kinds, values, default, dry_run=False, last=False, parent=job)
            processed += int(part.statistics["query"].get("totalBytesProcessed", "0"))
            if isinstance(statement, st.QueryStatement):
                last_result = part.result
            job.location = part.location
            job.check_wanted()
            del index
        job.result = last_result
        job.statistics = {
            "query": {
                "statementType": "SCRIPT",
                "totalBytesProcessed": str(processed),
                "totalBytesBilled": str(billed(processed, 1)),
                "cacheHit": False,
                "referencedTables": [],
                "schema": {"fields": schemas.fields_of(last_result.columns)} if last_result else None,
            },
            "totalBytesProcessed": str(processed),
            "numChildJobs": str(len(statements)),
        }
        self.service.finish(job, None)

    def _statements(self, text: str) -> list[st.Statement]:
        found = self._parsed.get(text)
        if found is None:
            found = parse(text)
            self._parsed[text] = found
            while len(self._parsed) > 1000:
                self._parsed.popitem(last=False)
        return found

    def _one(
        self, job: Job, text: str, statement: st.Statement, kinds: dict[str, t.Type], values: dict[str, Any],
        default: tuple[str, str] | None, *, dry_run: bool, last: bool, parent: Job | None = None,
    ) -> None:  # fmt: skip
        config = job.configuration["query"]
        if ddl.is_ddl(statement):
            if config.get("destinationTable"):
                raise invalid("Cannot set destination table in jobs with DDL statements", "query")
            ddl.run(self, job, text, statement, kinds, values, default, dry_run=dry_run, last=last)
            return
        for attempt in range(_ATTEMPTS):
            try:
                cached = self.analyse(job, text, statement, kinds, default)
                if config.get("destinationTable") and cached.plan.rows is not None:
                    cached.plan.rows.check_destination()
                self._measure(job, cached, config)
                if dry_run:
                    return
                if isinstance(statement, st.QueryStatement):
                    self._select(job, cached, values, last=last, parent=parent)
                else:
                    self._dml(job, cached, values, last=last, parent=parent)
                return
            except (StaleTable, destinations.Changed):
                if attempt == _ATTEMPTS - 1:
                    raise invalid_query("Could not serialize access to the table due to concurrent update") from None

    def analyse(
        self, job: Job, text: str, statement: st.Statement, kinds: dict[str, t.Type], default: tuple[str, str] | None
    ) -> _Cached:
        """The plan, from the cache when neither text nor schemas changed."""
        given = job.configuration.get("_location") or None
        key = (text, statement.pos, tuple(sorted((k, str(v)) for k, v in kinds.items())), default, job.project, given)
        cached = self._plans.get(key)
        if cached is not None and all(self._same(table) for table in cached.tables):
            if cached.tables:
                job.location = self.catalog.dataset(cached.tables[0].project, cached.tables[0].dataset).location
            return cached
        resolver = Resolver(self.catalog, job.project, given)
        plan = compile_statement(text, statement, resolver, kinds, default)
        if resolver.location:
            job.location = resolver.location
        cached = _Cached(plan, [resolver.records[uid] for uid in plan.tables])
        self._check_parameters(plan, kinds)
        if plan.cacheable:
            self._plans[key] = cached
            while len(self._plans) > 2000:
                self._plans.popitem(last=False)
        return cached

    def _same(self, table: TableRecord) -> bool:
        now = self.catalog.find_table(table.key)
        return now is not None and (now.uid, now.version) == (table.uid, table.version)

    def _check_parameters(self, plan: Plan, kinds: dict[str, t.Type]) -> None:
        positional = [k for k in kinds if k.isdigit()]
        if positional and any(k.isdigit() is False for k in kinds):
            raise invalid("Named and positional parameters cannot be mixed")
        if positional and len(positional) > len([k for k in plan.parameters if k.isdigit()]):
            raise invalid_query("Too many positional parameters: the query has fewer than were given")

    # -- statistics ------------------------------------------------------------------------------------

    def _measure(self, job: Job, cached: _Cached, config: dict[str, Any]) -> None:
        plan = cached.plan
        processed = self._bytes(cached)
        read = {uid for uid, _ in plan.reads}
        tables = [r for r in cached.tables if plan.kind != "INSERT" or r.uid in read]
        bill = billed(processed, len(tables)) if tables else 0
        limit = config.get("maximumBytesBilled")
        if limit is not None and bill > int(limit):
            raise ApiError(
                400, "bytesBilledLimitExceeded",
                f"Query exceeded limit for bytes billed: {int(limit)}. {bill} or higher required.",
            )  # fmt: skip
        referenced = [
            {"projectId": r.project, "datasetId": r.dataset, "tableId": r.name} for r in self._referenced(cached)
        ]
        referenced += [{"projectId": v.project, "datasetId": v.dataset, "tableId": v.name} for v in plan.views]
        columns = plan.rows.columns if plan.rows is not None and plan.kind == "SELECT" else []
        if plan.kind == "INSERT" and plan.target is not None and job.configuration.get("dryRun"):
            columns = list(plan.target.columns)  # a dry run of INSERT shows the table's schema
        query: dict[str, Any] = {
            "statementType": plan.kind, "totalBytesProcessed": str(processed), "totalBytesBilled": str(bill),
            "cacheHit": False, "billingTier": 1, "referencedTables": referenced, "totalPartitionsProcessed": "0",
            "schema": {"fields": schemas.fields_of(columns)} if columns else None,
            "undeclaredQueryParameters": None,
        }  # fmt: skip
        job.statistics = {
            "query": {k: v for k, v in query.items() if v is not None}, "totalBytesProcessed": str(processed),
        }  # fmt: skip

    def _referenced(self, cached: _Cached) -> list[TableRecord]:
        """The tables that DuckDB's own parser finds in what is run: a second opinion to the analyzer's."""
        plan = cached.plan
        if plan.kind != "SELECT" or plan.rows is None:
            return cached.tables
        if cached.referenced is None:
            names = self.engine.table_names(plan.rows.sql) if cached.tables else set()
            cached.referenced = [r for r in cached.tables if f"src_{r.uid}" in names]
        return cached.referenced

    def _bytes(self, cached: _Cached) -> int:
        """Logical bytes of the columns read, in whole tables."""
        key = tuple(
            (r.uid, (now := self.catalog.find_table(r.key)) and now.epoch, now and now.seq) for r in cached.tables
        )
        if cached.bytes_key == key and key:
            return cached.bytes
        total = 0
        wanted: dict[int, set[str]] = {}
        for uid, path in cached.plan.reads:
            wanted.setdefault(uid, set()).add(path)
        for uid, paths in wanted.items():
            for _, leaves in self.catalog.leaves(uid):
                for leaf, size in json.loads(leaves).items():
                    if any(leaf == p or leaf.startswith(p + ".") for p in paths):
                        total += size
        cached.bytes_key, cached.bytes = key, total
        return total

    # -- SELECT ----------------------------------------------------------------------------------------

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
            return self._execute(job, text, used)

    def _execute(self, job: Job, text: str, used: dict[str, Any]) -> pa.Table:
        def started(connection: Any) -> None:
            job.connection = connection
            job.check_wanted()

        try:
            return self.engine.run(text, used, started)
        except duckdb.Error as error:
            raise faults.translated(error, timed_out=job.timed_out) from error
        finally:
            job.connection = None

    def rows(self, job: Job, cached: _Cached, values: dict[str, Any], *, parent: Job | None = None) -> Result:
        """The rows of a SELECT or INSERT, in the Arrow types of their columns."""
        plan = cached.plan
        assert plan.rows is not None
        raw = self.execute(parent or job, plan, cached.tables, values, plan.rows.sql)
        kinds = [k for _, k in plan.rows.columns]
        for column, kind in zip(raw.columns, kinds, strict=True):
            _no_null_elements(column, kind)
        schema = pa.schema([pa.field(f"c{i}", schemas.arrow_type(k)) for i, k in enumerate(kinds)])
        return Result(plan.rows.columns, raw.rename_columns([f"c{i}" for i in range(len(kinds))]).cast(schema))

    def _select(self, job: Job, cached: _Cached, values: dict[str, Any], *, last: bool, parent: Job | None) -> None:
        config = job.configuration["query"]
        if not config.get("destinationTable"):
            job.result = self.rows(job, cached, values, parent=parent)
            if last:
                self.service.finish(job, None)
            return
        destination = destinations.read(config, default_write="WRITE_EMPTY")
        dataset = self.catalog.dataset(destination.key[0], destination.key[1])
        if not cached.tables:
            job.location = dataset.location
        elif dataset.location != job.location:
            raise invalid(
                f"Cannot read and write in different locations: source: {job.location}, destination: {dataset.location}"
            )
        destinations.check_empty(self.catalog, destination)
        result = self.rows(job, cached, values)
        self.write(job, destination, result)
        job.result = None  # its rows are those of the destination, older ones included

    def write(self, job: Job, destination: destinations.Destination, result: Result) -> None:
        """Put the rows into the destination and end the job, in one transaction."""
        names = [n for n, _ in result.columns]
        fields = schemas.fields_of(result.columns)
        schemas.checked(fields)
        rows = result.rows.rename_columns(names).cast(schemas.arrow_schema(fields))
        destinations.write(self.service, job, destination, rows, fields)

    # -- DML -------------------------------------------------------------------------------------------

    def _dml(self, job: Job, cached: _Cached, values: dict[str, Any], *, last: bool, parent: Job | None) -> None:
        if job.configuration["query"].get("destinationTable"):
            raise invalid("Cannot set destination table in jobs with DML statements", "query")
        target = cached.plan.target
        assert target is not None
        record = next(r for r in cached.tables if r.uid == target.uid)
        if cached.plan.kind == "INSERT":
            self._insert(job, cached, values, record, last=last, parent=parent)
            return
        with self.service.table_lock(record.uid):
            self._mutate(job, cached, values, record, last=last, parent=parent)

    def _insert(
        self, job: Job, cached: _Cached, values: dict[str, Any], record: TableRecord, *, last: bool, parent: Job | None
    ) -> None:
        result = self.rows(job, cached, values, parent=parent)
        names = {n: i for i, n in enumerate(cached.plan.target_columns)}
        columns = [
            result.rows.column(names[n]).cast(schemas.arrow_type(k))
            if n in names
            else pa.nulls(result.rows.num_rows, schemas.arrow_type(k))
            for n, k in record.columns
        ]
        rows = pa.table(columns, schema=record.arrow)
        self._counted(job, inserted=rows.num_rows)
        change = self._change(record, rows, None)
        job.result = None
        self._commit(job, record, change, last=last)

    def _change(self, record: TableRecord, rows: pa.Table, replace: str | None) -> Change:
        from local.bigquery import partitions

        for name in record.info.required:
            if rows.column(rows.schema.names.index(name)).null_count:
                raise invalid_query(f"Required field {name} cannot be null")
        partitioning = partitions.of(record.body)
        pieces = [
            fragments.write(self.catalog.files, some, record.columns, part)
            for part, some in partitions.split(rows, partitioning, self.catalog.clock_ms(), None).items()
            if some.num_rows
        ]
        return Change(record.uid, pieces, replace)

    def _commit(
        self, job: Job, record: TableRecord, change: Change, *, last: bool, epoch: tuple[int, int] | None = None
    ) -> None:
        def check(now: TableRecord) -> None:
            if now.version != record.version or (epoch is not None and (now.epoch, now.seq) != epoch):
                raise StaleTable(record.path)

        def apply() -> None:
            self.catalog.change(change, check=check)

        if last:
            self.service.finish(job, apply)
        else:
            apply()

    def _counted(self, job: Job, *, inserted: int = 0, updated: int = 0, deleted: int = 0) -> None:
        query = job.statistics["query"]
        query["numDmlAffectedRows"] = str(inserted + updated + deleted)
        query["dmlStats"] = {
            "insertedRowCount": str(inserted), "updatedRowCount": str(updated), "deletedRowCount": str(deleted),
        }  # fmt: skip

    def _mutate(
        self, job: Job, cached: _Cached, values: dict[str, Any], record: TableRecord, *, last: bool, parent: Job | None
    ) -> None:
        plan = cached.plan
        if self.catalog.has_young_streamed_rows(record.uid):
            raise invalid_query(
                "UPDATE or DELETE statement over table "
                f"{record.project}.{record.dataset}.{record.name} would affect rows in "
                "the streaming buffer, which is not supported"
            )
        now = self.catalog.table(record.key)
        epoch = now.epoch, now.seq
        width = len(record.columns)
        touched: list[int] = []
        updated: list[pa.Table] = []
        inserted: list[pa.Table] = []
        deleted = 0
        for effect in plan.effects:
            raw = self.execute(parent or job, plan, cached.tables, values, effect.sql, record.uid)
            touched += raw.column(0).to_pylist()
            acts = raw.column(1)
            deleted += pc.sum(pc.equal(acts, 2)).as_py() or 0
            if raw.num_columns > 2:
                changed = raw.filter(pc.equal(acts, 1))
                updated.append(_as_table(changed.select(range(2, 2 + width)), record))
        if len(set(touched)) != len(touched):
            raise invalid_query("UPDATE/MERGE must match at most one source row for each target row")
        for rows in plan.inserts:
            raw = self.execute(parent or job, plan, cached.tables, values, rows.sql, record.uid)
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
        with self.engine.sources([record], row_ids=record.uid) as sources:
            return _as_table(self._execute(job, f"WITH {sources} {sql}", {}), record)


def _as_table(raw: pa.Table, record: TableRecord) -> pa.Table:
    return raw.rename_columns(record.arrow.names).cast(record.arrow)


def billed(processed: int, tables: int) -> int:
    """Bytes billed: whole MiB, at least 10 MiB for each table."""
    if processed == 0 and not tables:
        return 0
    mib = 1024 * 1024
    return max(-(-processed // mib) * mib, _MINIMUM_BYTES * max(tables, 1)) if tables and processed else 0


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
