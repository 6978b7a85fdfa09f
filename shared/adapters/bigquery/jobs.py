"""`ports.Jobs`: query jobs, begun, waited for and answered."""

import concurrent.futures
import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

from google.api_core import exceptions as google
from google.api_core.retry import Retry
from google.cloud import bigquery

from shared.adapters.bigquery.columns import column_of
from shared.adapters.bigquery.connection import CALL, CALL_TIMEOUT_S, RETRY, RETRY_S, shown_late
from shared.adapters.google_errors import may_pass, translated
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef
from shared.errors import PayloadRefused
from shared.ports import DryRun, Job, JobError, JobExists, QueryJob

# What the client raises when a job's end was not heard of in time.
_NO_ANSWER = (concurrent.futures.TimeoutError, google.RetryError)
# Rows of one page of a long result: about a megabyte.
PAGE_ROWS = 2_000


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
        if job.reservation:
            config.reservation = job.reservation
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
                return _job(self._client.query(job.sql.text, config, job_id=job_id, job_retry=None, **CALL))
            except google.Conflict as error:
                raise JobExists(job_id) from error

    def find(self, job_id: str, *, timeout_s: float) -> Job:
        """See the port."""
        with translated("BigQuery"):
            return self._shown(shown_late(lambda: self._query_job(job_id), job_id, timeout_s=timeout_s))

    def get(self, job_id: str) -> Job:
        """See the port."""
        with translated("BigQuery"):
            return self._shown(self._query_job(job_id))

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
            job.reload(**CALL)
            left = until - time.monotonic()
            if job.state == "DONE":
                return self._finished(job)
            return self._finished(job, left) if left > 0 else _job(job)

    def cancel(self, job_id: str) -> None:
        """See the port."""
        with translated("BigQuery"), contextlib.suppress(google.NotFound):
            self._client.cancel_job(job_id, **CALL)

    def dry_run(self, sql: Sql) -> DryRun:
        """See the port."""
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(each) for each in sql.parameters], dry_run=True, use_query_cache=False
        )
        with translated("BigQuery"):
            job = self._client.query(sql.text, config, job_retry=None, **CALL)
        tables = frozenset(TableRef(t.project, t.dataset_id, t.table_id) for t in job.referenced_tables)
        return DryRun(job.total_bytes_processed or 0, tables, tuple(column_of(field) for field in job.schema or ()))

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
            retry=RETRY,
            job_retry=cast(Any, None),  # the client takes None; its types do not say so
            page_size=page_size,
            max_results=max_results,
        )

    def _shown(self, job: bigquery.QueryJob) -> Job:
        if job.state != "DONE" or job.error_result:
            return _job(job)
        # What a job wrote is in its statistics: no call for its results, which are the whole table.
        written = _rows_written(job)
        return self._finished(job) if written is None else _job(job, written)

    def _query_job(self, job_id: str) -> bigquery.QueryJob:
        job = self._client.get_job(job_id, **CALL)
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
                job.reload(**CALL)
            if not job.error_result:
                raise
            return _job(job)
        written = _rows_written(job)
        return _job(job, (rows.total_rows or 0) if written is None else written)


def _within(timeout_s: float) -> Retry:
    """The client's retry, for no longer than this."""
    return RETRY.with_timeout(min(timeout_s, RETRY_S))


def _rows_written(job: bigquery.QueryJob) -> int | None:
    """How many rows a job that ended has changed or written; None for a query without a destination of ours.

    The results of a job with a destination are the whole table, also after an append (facts 37). What the job itself
    wrote is in its statistics, in the last stage of the plan; None also where there is no plan.
    """
    if job.num_dml_affected_rows is not None:
        return int(job.num_dml_affected_rows)
    stages = job.query_plan
    if _destination_of(job) is None or not stages or stages[-1].records_written is None:
        return None
    return int(stages[-1].records_written)


def _destination_of(job: bigquery.QueryJob) -> bigquery.TableReference | None:
    """The caller's destination. Without one the service makes one in a hidden dataset; to us that is none."""
    found = job.destination
    return None if found is None or found.dataset_id.startswith("_") else found


def _job(job: bigquery.QueryJob, rows: int | None = None) -> Job:
    destination, partition = None, None
    if (found := _destination_of(job)) is not None:
        name, _, decorator = found.table_id.partition("$")
        destination = TableRef(found.project, found.dataset_id, name)
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


def _parameter(parameter: Parameter) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if parameter.array:
        return bigquery.ArrayQueryParameter(parameter.name, parameter.type, parameter.value)
    return bigquery.ScalarQueryParameter(parameter.name, parameter.type, cast(Any, parameter.value))
