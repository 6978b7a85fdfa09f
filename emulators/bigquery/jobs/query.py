"""Run query jobs: analyse, compute, commit.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationQuery
"""

from __future__ import annotations

from typing import Any

from emulators.bigquery import schemas
from emulators.bigquery.errors import invalid, invalid_query, not_implemented
from emulators.bigquery.jobs import anonymous, destinations, measuring, parameters, permits, stages
from emulators.bigquery.jobs.ddl import DdlRunner, is_ddl
from emulators.bigquery.jobs.dml import DmlRunner
from emulators.bigquery.jobs.execution import Execution
from emulators.bigquery.jobs.host import Host
from emulators.bigquery.jobs.job import Job, Result
from emulators.bigquery.jobs.planning import Analysed, Planner
from emulators.bigquery.snapshots import StaleTable
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.read import statements as st

_MAX_SQL = 1024 * 1024
_ATTEMPTS = 10


class QueryRunner:
    """Runs query jobs in worker threads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._catalog = host.catalog
        self._planner = Planner(host.catalog)
        self._execution = Execution(host.catalog, host.engine)
        self._ddl = DdlRunner(host, self._planner, self._execution)
        self._dml = DmlRunner(host, self._execution)

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
        statements = self._planner.statements(text)
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
        for statement in statements:
            part = Job(job.project, job.location, job.id, job.configuration, job.created_ms)
            part.connection = None
            part.caller, part.creator = job.caller, job.creator
            self._one(part, text, statement, kinds, values, default, dry_run=False, last=False, parent=job)
            processed += int(part.statistics["query"].get("totalBytesProcessed", "0"))
            if isinstance(statement, st.QueryStatement):
                last_result = part.result
            job.location = part.location
            job.check_wanted()
        job.result = last_result
        job.statistics = {
            "query": {
                "statementType": "SCRIPT",
                "totalBytesProcessed": str(processed),
                "totalBytesBilled": str(measuring.billed(processed, 1)),
                "cacheHit": False,
                "referencedTables": [],
                "schema": {"fields": schemas.fields_of(last_result.columns)} if last_result else None,
            },
            "totalBytesProcessed": str(processed),
            "numChildJobs": str(len(statements)),
        }
        self._host.finish(job, None)

    def _one(
        self, job: Job, text: str, statement: st.Statement, kinds: dict[str, t.Type], values: dict[str, Any],
        default: tuple[str, str] | None, *, dry_run: bool, last: bool, parent: Job | None = None,
    ) -> None:  # fmt: skip
        config = job.configuration["query"]
        if is_ddl(statement) and config.get("destinationTable"):
            raise invalid("Cannot set destination table in jobs with DDL statements", "query")
        for attempt in range(_ATTEMPTS):
            try:
                if is_ddl(statement):
                    self._ddl.run(job, text, statement, kinds, values, default, dry_run=dry_run, last=last)
                    return
                cached = self._planner.analyse(job, text, statement, kinds, default)
                if config.get("destinationTable") and cached.plan.rows is not None:
                    cached.plan.rows.check_destination()
                permits.to_query(job.caller, cached)
                if config.get("destinationTable"):
                    permits.to_write(job.caller, destinations.read(config, default_write="WRITE_EMPTY"))
                measuring.describe(self._execution, job, cached, values)
                if dry_run:
                    return
                if isinstance(statement, st.QueryStatement):
                    self._select(job, cached, values, last=last, parent=parent)
                else:
                    self._dml.run(job, cached, values, last=last, parent=parent)
                return
            except (StaleTable, destinations.Changed):
                if attempt == _ATTEMPTS - 1:
                    raise invalid_query("Could not serialize access to the table due to concurrent update") from None

    def _select(self, job: Job, cached: Analysed, values: dict[str, Any], *, last: bool, parent: Job | None) -> None:
        config = job.configuration["query"]
        if not config.get("destinationTable"):
            job.result = self._execution.rows(job, cached, values, parent=parent)
            if last:
                stages.describe(job, job.result.rows.num_rows, self._catalog.clock_ms())
                # only now: a second attempt must find the configuration that was given
                config["destinationTable"] = anonymous.reference(*job.key)
                self._host.finish(job, None)
            return
        destination = destinations.read(config, default_write="WRITE_EMPTY")
        dataset = self._catalog.dataset(destination.key[0], destination.key[1])
        if not cached.tables:
            job.location = dataset.location
        elif dataset.location != job.location:
            raise invalid(
                f"Cannot read and write in different locations: source: {job.location}, destination: {dataset.location}"
            )
        destinations.check_empty(self._catalog, destination)
        result = self._execution.rows(job, cached, values)
        stages.describe(job, result.rows.num_rows, self._catalog.clock_ms())
        self._write(job, destination, result)
        job.result = None  # its rows are those of the destination, older ones included

    def _write(self, job: Job, destination: destinations.Destination, result: Result) -> None:
        """Put the rows into the destination and end the job, in one transaction."""
        names = [n for n, _ in result.columns]
        fields = schemas.fields_of(result.columns)
        schemas.checked(fields)
        rows = result.rows.rename_columns(names).cast(schemas.arrow_schema(fields))
        destinations.write(self._host, job, destination, rows, fields)
