"""`gcp.bigquery_to_bigquery`: the rows of a query become the rows of a table of the tenant."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.contracts.files.table_files import SEVERAL, ExaminedTables, examine_tables
from shared.contracts.sql import Sql
from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema, misfits
from shared.contracts.tenant import DATASET_TYPE
from shared.engines.base import Engine, Fields, StepContext, StepResult, about
from shared.errors import (
    BytesLimitExceeded,
    EmptyResult,
    Fault,
    NotFound,
    SchemaMismatch,
    TemplateInvalid,
    VariablesInvalid,
)
from shared.once import run_once
from shared.ports import Job, QueryJob

# Query jobs refuse to bill less (facts 12).
LEAST_BYTES_BILLED = 10 * 1024**2
Mode = Literal["replace_partition", "append", "replace"]


class Source(Fields):
    """Where the rows come from."""

    query: Sql = Field(description="One SELECT; '{date}' is a value, `{table}` a name. Write it as a block: |")


class Destination(Fields):
    """Where the rows go: dataset `{tenant_id}_{dataset_type}`; `schema_template` is a name in `schema_template.json`.

    Without one the table has the query's columns and no partitions.
    """

    dataset_type: str = Field(description="The dataset is {tenant_id}_{dataset_type}.")
    table: str = Field(description="The table in it; made where it is not there.")
    schema_template: str | None = Field(None, description="Its columns, partitions and clusters, by their name.")
    write: Mode | None = Field(
        None,
        description="replace_partition (the run's date; the default where there are partitions), append, or replace.",
    )


class BigQueryToBigQueryFields(Fields):
    """The step's fields. `on_empty`: what a query without rows means; `keep` and `fail` ask once more, and bill it."""

    source: Source = Field(description="Where the rows come from.")
    destination: Destination = Field(description="Where the rows go.")
    on_empty: Literal["replace", "fail", "keep"] = Field(
        "replace",
        description="What a query without rows means: write nothing in their place, fail, or keep what is there.",
    )
    maximum_bytes_billed: int | None = Field(
        None, ge=LEAST_BYTES_BILLED, description="The query fails where it would bill more."
    )


class BigQueryToBigQuery(Engine[BigQueryToBigQueryFields]):
    """Write a query's rows with CREATE_NEVER into a table that was made from its schema template."""

    fields_model = BigQueryToBigQueryFields
    job_operations = ("probe", "write")

    def check(self, fields: BigQueryToBigQueryFields, context: StepContext) -> None:
        """The destination's names must be names, its schema known, and a partition needs a date."""
        _destination(fields, context)
        if _mode(fields, _template(fields, context)) == "replace_partition" and context.run.date is None:
            raise VariablesInvalid(f"step {context.step_id} writes a day's partition; the run needs a date")

    def advise(self, fields: BigQueryToBigQueryFields, context: StepContext, used: Set[str]) -> Sequence[Fault]:
        """A partition that is replaced with rows which the date does not choose, or a table with rows which it does."""
        mode = _mode(fields, _template(fields, context))
        if mode == "replace_partition" and "date" not in used:
            message = (
                "does not use {date}, and its rows replace the partition of the run's date: rows of another day fail"
                " the run; filter by '{date}', or say write: append or write: replace"
            )
            return (Fault("source.query", "date_not_used", message),)
        if mode == "replace" and "date" in used:
            message = (
                "uses {date}, and its rows replace the whole table: after each run it holds the rows of that run's date"
                " only; to keep each day, take a schema_template with a partition_field, without write: replace"
            )
            return (Fault("source.query", "only_last_date", message),)
        return ()

    def preview(self, fields: BigQueryToBigQueryFields, context: StepContext) -> Mapping[str, str]:
        """The table, the partition, how it is written."""
        mode = _mode(fields, _template(fields, context))
        return {
            "destination": str(_destination(fields, context)),
            **({"partition": _partition(context)} if mode == "replace_partition" and context.run.date else {}),
            "write": mode,
            "schema template": fields.destination.schema_template or "none: the query's own columns",
            "on empty result": fields.on_empty,
        }

    def writes(self, fields: BigQueryToBigQueryFields, context: StepContext) -> Sequence[TableRef]:
        """The destination."""
        return (_destination(fields, context),)

    def foresee(
        self, fields: BigQueryToBigQueryFields, context: StepContext, columns: Sequence[Column], bytes_billed: int
    ) -> None:
        """Refuse columns that the destination does not take, and more bytes than the step or the operator lets bill."""
        limit = _limit(fields, context)
        if bytes_billed > limit:
            raise BytesLimitExceeded(f"the query would bill {bytes_billed:,} bytes; the limit is {limit:,}")
        _compare(columns, fields, _template(fields, context))

    def run(self, fields: BigQueryToBigQueryFields, context: StepContext) -> StepResult:
        """Guard, see to the table, write; then rows written and bytes billed."""
        services, sql, table = context.services, fields.source.query, _destination(fields, context)
        template = _template(fields, context)
        mode = _mode(fields, template)
        columns = services.second_opinion.confirm(sql, context.run.tenant_id)
        # Asked again where the table takes the query's own schema, and before columns of an hour ago are a fault.
        if mode == "replace" or template is None or _misfits(columns or (), template, mode):
            columns = services.jobs.dry_run(sql).columns
            _compare(columns, fields, template)
        schema = template or TableSchema(fields=columns or ())

        def before_making() -> None:
            if columns is None:
                _compare(services.jobs.dry_run(sql).columns, fields, template)

        services.destinations.ensure(context.run.tenant_id, table, schema, before_making=before_making)
        if fields.on_empty != "replace":
            # The query keeps its lines: BigQuery names them when it refuses one.
            probe = Sql(f"SELECT 1 FROM ({sql.text}\n) LIMIT 1", sql.parameters, sql.reads)
            found = self._once(QueryJob(probe), fields, context, "probe")
            if not found.rows and fields.on_empty == "fail":
                raise EmptyResult("the query returned no row, and the step says on_empty: fail")
            if not found.rows:
                return StepResult(rows_written=0, bytes_billed=found.bytes_billed, job_id=found.job_id)
        job = QueryJob(
            sql,
            destination=table,
            partition=_partition(context) if mode == "replace_partition" else None,
            write="WRITE_APPEND" if mode == "append" else "WRITE_TRUNCATE",
        )
        try:
            done = self._once(job, fields, context, "write")
        except NotFound:
            services.destinations.forget(table)
            raise
        return StepResult(done.rows, done.bytes_billed, done.job_id, outputs={"table": str(table)})

    def _once(self, job: QueryJob, fields: BigQueryToBigQueryFields, context: StepContext, operation: str) -> Job:
        bulk = context.run.lane == "bulk"
        job = replace(
            job,
            labels=context.labels,
            # Fan-out work runs as BATCH: its queue takes 20,000 jobs, the interactive one 1,000 (facts 2).
            priority="BATCH" if bulk else "INTERACTIVE",
            reservation=context.services.settings.bulk_reservation if bulk else "",
            maximum_bytes_billed=_limit(fields, context),
            timeout_s=context.timeout_s,
        )
        return run_once(
            context.services.jobs,
            job,
            ids=context.job_ids(operation),
            timeout_s=context.seconds_left,
            adopted=context.adopted,
        )


@lru_cache(maxsize=8)
def _schemas(file: Path, stamp: tuple[int, int]) -> ExaminedTables:  # noqa: ARG001 - a changed file is read again
    return examine_tables(file.read_bytes(), file=file.name, several=True)


def _template(fields: BigQueryToBigQueryFields, context: StepContext) -> TableSchema | None:
    """The schema that the step names, if it names one. Raises TemplateInvalid where it is wrong or not there."""
    if fields.destination.schema_template is None:
        return None
    file = context.services.settings.templates_dir / "gcp" / "bigquery_to_bigquery" / SEVERAL
    if not file.is_file():
        raise about("destination.schema_template", TemplateInvalid(f"there is no {file.name} to look it up in"))
    status = file.stat()
    schemas = _schemas(file, (status.st_mtime_ns, status.st_size))
    try:
        return schemas.table(fields.destination.schema_template, file=file.name)
    except TemplateInvalid as error:  # one fault of the step: the check of the file itself names them all
        raise about("destination.schema_template", TemplateInvalid(error.message)) from None


def _mode(fields: BigQueryToBigQueryFields, template: TableSchema | None) -> Mode:
    """How to write: as the step says, else by the day where the table has days."""
    has_days = template is not None and template.partition_field is not None
    mode = fields.destination.write or ("replace_partition" if has_days else "replace")
    if mode == "replace_partition" and template is None:
        message = "write: replace_partition needs a schema_template with a partition_field"
        raise about("destination.write", TemplateInvalid(message))
    if mode == "replace_partition" and not has_days:
        message = f"schema template {fields.destination.schema_template!r} has no partition_field to replace by"
        raise about("destination.write", TemplateInvalid(message))
    return mode


def _partition(context: StepContext) -> str:
    """The run's date as a partition's id, `YYYYMMDD`; strftime would not pad a year."""
    assert context.run.date is not None  # `check` saw to it
    return context.run.date.isoformat().replace("-", "")


def _destination(fields: BigQueryToBigQueryFields, context: StepContext) -> TableRef:
    """The table to write: always in a dataset of the run's tenant."""
    where = fields.destination
    if not re.fullmatch(DATASET_TYPE, where.dataset_type):
        right = "lower case letters, digits and single _, such as gcp_silver_cost"
        message = f"{where.dataset_type!r} is no dataset_type: {right}"
        raise about("destination.dataset_type", VariablesInvalid(message))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,200}", where.table) or where.table.startswith("x_meta"):
        message = f"table {where.table!r} is no name for a destination: letters, digits, _; not x_meta…"
        raise about("destination.table", VariablesInvalid(message))
    project = context.services.settings.data_project
    return DatasetRef(project, f"{context.run.tenant_id}_{where.dataset_type}").table(where.table)


def _limit(fields: BigQueryToBigQueryFields, context: StepContext) -> int:
    """Most bytes that the query may bill: as the step says, never more than the operator allows."""
    limit = context.services.settings.maximum_bytes_billed
    return min(fields.maximum_bytes_billed or limit, limit)


def _misfits(columns: Sequence[Column], template: TableSchema | None, mode: Mode) -> list[str]:
    """Why the columns that a query returns cannot be written; nothing where they are not known, or make the table."""
    if template is None or not columns:
        return []
    wrong = list(misfits(columns, template.fields))
    day = template.partition_field
    if day and mode != "append" and day.lower() not in {column.name.lower() for column in columns}:
        wrong.append(f"{day}, by which it is partitioned, is missing")
    return wrong


def _compare(columns: Sequence[Column], fields: BigQueryToBigQueryFields, template: TableSchema | None) -> None:
    """Refuse columns that are not those of the schema template."""
    if wrong := _misfits(columns, template, _mode(fields, template)):
        name = fields.destination.schema_template
        message = f"the query's columns do not fit schema template {name!r}: {'; '.join(wrong)}"
        raise about(
            "source.query", SchemaMismatch(f"{message}; change the query (CAST, EXCEPT) or the schema template")
        )
