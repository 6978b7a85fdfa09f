"""BigQuery by Google's client: catalog, rows and jobs. One client an instance; every call has a timeout."""

import concurrent.futures
import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from google.api_core import exceptions as google
from google.api_core.client_options import ClientOptions
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.enums import DatasetView, UpdateMode
from google.cloud.bigquery.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from shared.adapters.google_errors import may_pass, translated
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema
from shared.errors import PayloadRefused
from shared.ports import Dataset, DryRun, Job, JobError, JobExists, QueryJob, Row

# The client would retry for 600 s, which is the whole push deadline; a redelivery is the better retry.
CALL_TIMEOUT_S = 20.0
RETRY_S = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(RETRY_S)
_CALL: dict[str, Any] = {"retry": _RETRY, "timeout": CALL_TIMEOUT_S}
# What the client raises when a job's end was not heard of in time.
_NO_ANSWER = (concurrent.futures.TimeoutError, google.RetryError)
# Rows of one page of a long result: about a megabyte.
PAGE_ROWS = 2_000
# Sixteen runs at once, whose ends are three calls at once; requests keeps ten connections.
CONNECTIONS = 64


def client(project: str, location: str, endpoint: str) -> bigquery.Client:
    """Google's client; with an endpoint, of an embedded BigQuery that asks for no credentials."""
    if endpoint:
        made = bigquery.Client(
            project,
            AnonymousCredentials(),
            location=location,
            client_options=ClientOptions(api_endpoint=endpoint),
        )
    else:
        made = bigquery.Client(project, location=location)
    # A connection that finds the pool full is closed after one call, and the next call makes another.
    for scheme in ("https://", "http://"):
        made._http.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return made


class BigQueryCatalog:
    """`ports.Catalog`."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client = client

    def get_dataset(self, ref: DatasetRef) -> Dataset | None:
        """See the port. Who may open it is not asked for: in some organisations that is a right of its own
        (Google's page "Changes to dataset-level access controls").
        """
        with translated("BigQuery"):
            try:
                found = self._client.get_dataset(str(ref), dataset_view=DatasetView.METADATA, **_CALL)
            except google.NotFound:
                return None
        return Dataset(ref, dict(found.labels), found.etag or "")

    def create_dataset(self, ref: DatasetRef, *, location: str, labels: Mapping[str, str], description: str) -> bool:
        """See the port. Access is explicit: without, the project's viewers could read it (facts 14)."""
        dataset = bigquery.Dataset(str(ref))
        dataset.location, dataset.labels, dataset.description = location, dict(labels), description
        dataset.access_entries = [bigquery.AccessEntry("OWNER", "specialGroup", "projectOwners")]
        with translated("BigQuery"):
            try:
                self._client.create_dataset(dataset, **_CALL)
            except google.Conflict:
                return False
        return True

    def set_labels(self, dataset: Dataset, labels: Mapping[str, str]) -> bool:
        """See the port."""
        resource = bigquery.Dataset.from_api_repr(
            {
                "datasetReference": {"projectId": dataset.ref.project, "datasetId": dataset.ref.dataset},
                "etag": dataset.etag,
            }
        )
        # A label set to None is removed; one that is not named stays.
        resource.labels = {**dict.fromkeys(dataset.labels), **labels}
        with translated("BigQuery"):
            try:
                self._client.update_dataset(resource, ["labels"], update_mode=UpdateMode.UPDATE_METADATA, **_CALL)
            except google.PreconditionFailed:
                return False
        return True

    def datasets(self, project: str, *, labels: Mapping[str, str] | None = None) -> Iterable[Dataset]:
        """See the port."""
        wanted = " ".join(f"labels.{name}:{value}" for name, value in (labels or {}).items()) or None
        with translated("BigQuery"):
            for item in self._client.list_datasets(project, filter=wanted, page_size=1_000, **_CALL):
                yield Dataset(DatasetRef(project, item.dataset_id), dict(item.labels))

    def tables(self, ref: DatasetRef) -> list[str]:
        """See the port."""
        with translated("BigQuery"):
            try:
                return sorted(item.table_id for item in self._client.list_tables(str(ref), page_size=1_000, **_CALL))
            except google.NotFound:
                return []

    def delete_dataset(self, dataset: Dataset) -> bool:
        """See the port. datasets.delete heeds If-Match as an update does, but the client's method does not send it.

        (googleapis/google-cloud-java, issue 468, says so of the service.)
        """
        with translated("BigQuery"):
            try:
                self._client._call_api(
                    _RETRY,
                    method="DELETE",
                    path=f"/projects/{dataset.ref.project}/datasets/{dataset.ref.dataset}",
                    query_params={"deleteContents": "true"},
                    headers={"If-Match": dataset.etag},
                    timeout=CALL_TIMEOUT_S,
                )
            except (google.NotFound, google.PreconditionFailed):
                return False
        return True

    def get_schema(self, table: TableRef) -> TableSchema | None:
        """See the port."""
        with translated("BigQuery"):
            try:
                found = self._client.get_table(str(table), **_CALL)
            except google.NotFound:
                return None
        partitioning = found.time_partitioning
        return TableSchema(
            description=found.description or "",
            partition_field=partitioning.field if partitioning else None,
            cluster_by=tuple(found.clustering_fields or ()),
            fields=tuple(_column(field) for field in found.schema),
        )

    def is_view(self, table: TableRef) -> bool:
        """See the port."""
        with translated("BigQuery"):
            try:
                return self._client.get_table(str(table), **_CALL).table_type not in ("TABLE", "SNAPSHOT")
            except google.NotFound:
                return False

    def create_table(self, table: TableRef, schema: TableSchema, *, labels: Mapping[str, str]) -> bool:
        """See the port."""
        resource = bigquery.Table(str(table), schema=_fields(schema.fields))
        resource.description, resource.labels = schema.description or None, dict(labels)
        if schema.partition_field:
            resource.time_partitioning = bigquery.TimePartitioning(schema.partition_type, field=schema.partition_field)
        if schema.cluster_by:
            resource.clustering_fields = list(schema.cluster_by)
        with translated("BigQuery"):
            try:
                self._client.create_table(resource, **_CALL)
            except google.Conflict:
                return False
        return True

    def add_columns(self, table: TableRef, schema: TableSchema) -> None:
        """See the port."""
        with translated("BigQuery"):
            self._client.update_table(bigquery.Table(str(table), schema=_fields(schema.fields)), ["schema"], **_CALL)


class BigQueryRows:
    """`ports.Rows`."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client = client

    def stored(self, table: TableRef, schema: TableSchema, *, limit: int) -> list[dict[str, Any]] | None:
        """See the port."""
        with translated("BigQuery"):
            try:
                found = self._client.list_rows(
                    str(table), selected_fields=_fields(schema.fields), max_results=limit, **_CALL
                )
                return [dict(row.items()) for row in found]
            except google.NotFound:
                return None

    def append(self, table: TableRef, rows: Sequence[tuple[str, Row]]) -> None:
        """See the port."""
        with translated("BigQuery"):
            refused = self._client.insert_rows_json(
                str(table), [dict(row) for _, row in rows], row_ids=[insert_id for insert_id, _ in rows], **_CALL
            )
        if refused:
            # Names and reasons only: the messages may quote values.
            wrong = {
                f"{part.get('location', '')} {part.get('reason', '')}".strip()
                for row in refused
                for part in row["errors"]
            }
            raise PayloadRefused(f"{table.table} took none of {len(rows)} rows: {', '.join(sorted(wrong))}")

    def replace(self, table: TableRef, schema: TableSchema, rows: Sequence[Row], *, job_id: str) -> None:
        """See the port."""
        config = bigquery.LoadJobConfig(
            schema=_fields(schema.fields), write_disposition="WRITE_TRUNCATE", create_disposition="CREATE_NEVER"
        )
        with translated("BigQuery"):
            try:
                self._client.load_table_from_json(
                    [dict(row) for row in rows], str(table), job_id=job_id, job_config=config, timeout=CALL_TIMEOUT_S
                ).result(retry=_RETRY, timeout=CALL_TIMEOUT_S * 3)
            except google.Conflict:
                self._client.get_job(job_id, **_CALL).result(retry=_RETRY, timeout=CALL_TIMEOUT_S * 3)


class BigQueryJobs:
    """`ports.Jobs`."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client = client

    def insert(self, job_id: str, job: QueryJob) -> Job:
        """See the port. The client's own retry after a lost answer can itself meet the 409: JobExists covers both."""
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(each) for each in job.sql.parameters],
            labels=dict(job.labels),
            priority=job.priority,
            use_legacy_sql=False,
        )
        if job.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = job.maximum_bytes_billed
        if job.timeout_s is not None:
            config.job_timeout_ms = int(job.timeout_s * 1000)
        if job.destination:
            decorated = job.destination.table + (f"${job.partition}" if job.partition else "")
            config.destination = f"{job.destination.dataset_ref}.{decorated}"
            config.write_disposition = job.write
            config.create_disposition = "CREATE_NEVER"
        with translated("BigQuery"):
            try:
                return _job(self._client.query(job.sql.text, config, job_id=job_id, job_retry=None, **_CALL))
            except google.Conflict as error:
                raise JobExists(job_id) from error

    def get(self, job_id: str) -> Job:
        """See the port."""
        with translated("BigQuery"):
            job = self._query_job(job_id)
            return self._finished(job) if job.state == "DONE" and not job.error_result else _job(job)

    def is_running(self, job_id: str) -> bool:
        """See the port."""
        with translated("BigQuery"):
            return bool(self._query_job(job_id).state != "DONE")

    def wait(self, job_id: str, *, timeout_s: float) -> Job:
        """See the port. Up to ten seconds longer: so long jobs.getQueryResults holds a call, and the client lets it."""
        if timeout_s <= 0:
            return self.get(job_id)  # the client refuses to wait for no time at all
        until = time.monotonic() + timeout_s
        job = self._taken_for_done(job_id)
        with translated("BigQuery"):
            with contextlib.suppress(*_NO_ANSWER, google.GoogleAPICallError):
                job.result(retry=_within(timeout_s), timeout=timeout_s, job_retry=None)
            job.reload(**_CALL)
            left = until - time.monotonic()
            if job.state == "DONE":
                return self._finished(job)
            return self._finished(job, left) if left > 0 else _job(job)

    def cancel(self, job_id: str) -> None:
        """See the port."""
        with translated("BigQuery"), contextlib.suppress(google.NotFound):
            self._client.cancel_job(job_id, **_CALL)

    def dry_run(self, sql: Sql) -> DryRun:
        """See the port."""
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(each) for each in sql.parameters], dry_run=True, use_query_cache=False
        )
        with translated("BigQuery"):
            job = self._client.query(sql.text, config, job_retry=None, **_CALL)
        tables = frozenset(TableRef(t.project, t.dataset_id, t.table_id) for t in job.referenced_tables)
        return DryRun(job.total_bytes_processed or 0, tables, tuple(_column(field) for field in job.schema or ()))

    def stream(self, sql: Sql) -> Iterator[dict[str, Any]]:
        """See the port."""
        with translated("BigQuery"):
            for row in self._answered(sql, wait_s=CALL_TIMEOUT_S * 10, page_size=PAGE_ROWS):
                yield dict(row.items())

    def select(self, sql: Sql, *, max_rows: int = 1_000) -> list[dict[str, Any]]:
        """See the port."""
        with translated("BigQuery"):
            return [dict(row.items()) for row in self._answered(sql, wait_s=CALL_TIMEOUT_S * 3, max_results=max_rows)]

    def _answered(
        self, sql: Sql, *, wait_s: float, page_size: int | None = None, max_results: int | None = None
    ) -> Iterable[Any]:
        return self._client.query_and_wait(
            sql.text,
            job_config=bigquery.QueryJobConfig(query_parameters=[_parameter(each) for each in sql.parameters]),
            api_timeout=CALL_TIMEOUT_S,
            wait_timeout=wait_s,
            retry=_RETRY,
            job_retry=cast(Any, None),  # the client takes None; its types do not say so
            page_size=page_size,
            max_results=max_results,
        )

    def _query_job(self, job_id: str) -> bigquery.QueryJob:
        job = self._client.get_job(job_id, **_CALL)
        if not isinstance(job, bigquery.QueryJob):
            raise PayloadRefused(f"job {job_id} is no query job")
        return job

    def _taken_for_done(self, job_id: str) -> bigquery.QueryJob:
        """The job before anything is known of it: the client asks for its results at once, which is how it waits.

        Of a job that is not done it would ask twice for the state: a call each of the 100 a second that there are for
        all runs together (facts 1).
        """
        return bigquery.QueryJob.from_api_repr(
            {
                "jobReference": {
                    "projectId": self._client.project,
                    "jobId": job_id,
                    "location": self._client.location,
                },
                "configuration": {"query": {"query": "-"}},  # quoted in errors, which cannot quote nothing
                "status": {"state": "DONE"},
            },
            self._client,
        )

    def _finished(self, job: bigquery.QueryJob, timeout_s: float = CALL_TIMEOUT_S) -> Job:
        """Wait, then say how it ended. A job that failed is an answer here, not an exception."""
        try:
            rows = job.result(retry=_within(timeout_s), timeout=timeout_s, job_retry=None)
        except _NO_ANSWER:
            return _job(job)
        except google.GoogleAPICallError:
            # The job can fail between its last look-up and the call for its results, which then raises.
            if not job.error_result:
                job.reload(**_CALL)
            if not job.error_result:
                raise
            return _job(job)
        changed = job.num_dml_affected_rows
        return _job(job, changed if changed is not None else rows.total_rows or 0)


def _within(timeout_s: float) -> Retry:
    """The client's retry, for no longer than this."""
    return _RETRY.with_timeout(min(timeout_s, RETRY_S))


def _job(job: bigquery.QueryJob, rows: int | None = None) -> Job:
    destination, partition = None, None
    # Without a destination of the caller's, the service makes one in a hidden dataset; to us that is none.
    if job.destination is not None and not job.destination.dataset_id.startswith("_"):
        name, _, decorator = job.destination.table_id.partition("$")
        destination = TableRef(job.destination.project, job.destination.dataset_id, name)
        partition = decorator or None
    error = None
    if job.error_result:
        reason = job.error_result.get("reason", "")
        error = JobError(reason, job.error_result.get("message", ""), may_pass(reason))
    return Job(
        job_id=job.job_id,
        done=job.state == "DONE" and (rows is not None or error is not None),
        labels=dict(job.labels),
        destination=destination,
        partition=partition,
        error=error,
        rows=rows,
        bytes_billed=job.total_bytes_billed,
    )


def _column(field: bigquery.SchemaField) -> Column:
    return Column(
        name=field.name,
        type=field.field_type,
        mode="REPEATED" if field.mode == "REPEATED" else "NULLABLE",
        description=field.description or "",
        fields=tuple(_column(part) for part in field.fields),
    )


def _fields(columns: Sequence[Column]) -> list[bigquery.SchemaField]:
    return [
        bigquery.SchemaField(
            column.name,
            column.type,
            mode=column.mode,
            description=column.description,
            fields=_fields(column.fields),
        )
        for column in columns
    ]


def _parameter(parameter: Parameter) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if parameter.array:
        return bigquery.ArrayQueryParameter(parameter.name, parameter.type, parameter.value)
    return bigquery.ScalarQueryParameter(parameter.name, parameter.type, cast(Any, parameter.value))
