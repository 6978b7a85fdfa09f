"""The service behind the HTTP interface: takes jobs in, runs them in threads, keeps their history.

Job ids are reserved in the event loop, so of two jobs with one id that arrive at once exactly one is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from emulators import storage_full
from emulators.bigquery.access.callers import Access, Caller
from emulators.bigquery.access.grants import Account
from emulators.bigquery.engine import Engine
from emulators.bigquery.errors import ApiError, disk_full, duplicate, invalid, not_found, not_implemented
from emulators.bigquery.fault_modes import FaultModes
from emulators.bigquery.insert_ids import InsertIds
from emulators.bigquery.jobs.copy import CopyRunner
from emulators.bigquery.jobs.job import Job, from_resource
from emulators.bigquery.jobs.load import LoadRunner
from emulators.bigquery.jobs.query import QueryRunner
from emulators.bigquery.labels import check_labels
from emulators.bigquery.locations import checked_location
from emulators.bigquery.locks import TableLocks
from emulators.bigquery.pages import Pages
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.database import Database
from emulators.bigquery.storage.history import History

_LOG = logging.getLogger("emulators.bigquery")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,1024}")
_THREADS = 64  # long queries leave some for short ones
_QUEUE_LOOK_S = 0.02  # between two looks at whether a queue lets a job start
_RECENT = 500  # finished jobs kept in memory, so that their results need not be read back
_RECENT_BYTES = 128 * 1024  # of one result; larger ones are read back
_UNFINISHED = {"reason": "backendError", "message": "The server was stopped while the job was running. Retry the job."}


class Service:
    """Everything that is not HTTP. Close it to end its threads and files."""

    def __init__(
        self, data_dir: Path, clock: Callable[[], datetime], accounts: Mapping[str, Account] | None = None
    ) -> None:
        """`accounts` by bearer token; None lets everybody do everything."""
        self._clock = clock
        self.database = Database(data_dir)
        self.catalog = Catalog(self.database, self.now_ms)
        self.catalog.remove_orphans()
        self.access = Access(accounts, self.catalog.access_of)
        self.faults = FaultModes(self.now_ms)
        self.catalog.on_new_schema = self.faults.schema_changed
        self.history = History(self.catalog)
        self.pages = Pages(self.catalog, self.history)
        self.engine = Engine(self.catalog)
        self.queries = QueryRunner(self)
        self.loads = LoadRunner(self)
        self.copies = CopyRunner(self)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="bigquery")
        self._running: dict[tuple[str, str, str], Job] = {}
        self._recent: OrderedDict[tuple[str, str, str], Job] = OrderedDict()
        self._requests: OrderedDict[tuple[str, str], str] = OrderedDict()
        self.table_lock = TableLocks().holding  # mutating DML on a table goes one after the other
        self.uploads: dict[str, Any] = {}  # resumable uploads by id
        self.insert_ids = InsertIds()
        self._closing = False
        self._waiting: set[asyncio.Task[None]] = set()  # for queues to let their jobs start
        self._end_unfinished()

    def close(self) -> None:
        """Stop running queries, wait for the threads, close the files. What was cut off failed for now only."""
        self._closing = True
        for job in list(self._running.values()):
            self._interrupt(job)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.engine.close()
        self.database.close()

    def now_ms(self) -> int:
        """The time by the injected clock."""
        return int(self._clock().timestamp() * 1000)

    def _end_unfinished(self) -> None:
        """Jobs cut off by the end of the process failed: whatever they wrote was not committed."""
        bodies = self.history.unfinished()
        if not bodies:
            return
        with self.database.transaction():  # one, because each may have to wait for the disk
            for body in bodies:
                job = from_resource(body)
                job.state, job.ended_ms, job.error = "DONE", self.now_ms(), dict(_UNFINISHED)
                self.history.save(job.resource(), None)

    # -- taking jobs -----------------------------------------------------------------------------------

    async def submit(
        self, project: str, body: dict[str, Any], media: bytes | None, wait_s: float, caller: Caller
    ) -> Job:
        """Take a job of the caller and wait up to `wait_s` for its end.

        Raises ApiError for what makes no job: a bad configuration, a used id, something not implemented; and for dry
        runs, which leave no job either.
        """
        configuration = checked_configuration(body, media)
        reference = body.get("jobReference") or {}
        if reference.get("projectId") not in {None, "", project}:
            raise invalid(f"Value for projectId in jobReference must match the project of the URL: {project}")
        job_id = reference.get("jobId") or f"job_{uuid.uuid4().hex}"
        if not _JOB_ID.fullmatch(job_id):
            raise invalid(
                f'Invalid job ID "{job_id}". Job IDs must be alphanumeric (plus underscores and '
                "dashes) and must be at most 1024 "
                "characters long."
            )
        location = checked_location(reference["location"]) if reference.get("location") else None
        self._check_kind(configuration)
        job = Job(project, location or self._likely_location(configuration), job_id, configuration, self.now_ms())
        job.caller, job.creator = caller, caller.email
        if location:
            configuration["_location"] = location
        if configuration.get("dryRun"):
            return await self._dry_run(job)
        self._reserve(job, location)
        loop = asyncio.get_running_loop()
        timer = self._deadline(job, loop)
        if self._is_held(job):
            job.state, wait_s = "PENDING", 0.0
            waiting = loop.create_task(self._start_later(job, media, loop))
            self._waiting.add(waiting)
            waiting.add_done_callback(self._waiting.discard)
        else:
            self._pool.submit(self._run, job, media, loop)  # not run_in_executor: its future wakes the loop once more
        with contextlib.suppress(TimeoutError):  # then the answer says RUNNING; the job goes on
            async with asyncio.timeout(wait_s):
                await job.finished.wait()
        if timer is not None and job.done:
            timer.cancel()
        if not job.done:
            await loop.run_in_executor(None, self._persist_running, job)
        elif job.refused is not None:
            raise job.refused
        return job

    def _check_kind(self, configuration: dict[str, Any]) -> None:
        kind = configuration["jobType"]
        if kind == "QUERY":
            self.queries.check(configuration["query"])
        elif kind == "LOAD":
            self.loads.check(configuration["load"])
        else:
            self.copies.check(configuration["copy"])

    def _likely_location(self, configuration: dict[str, Any]) -> str:
        """Where a job runs if nothing else says: with its destination or default dataset, else the US."""
        inner = configuration[configuration["jobType"].lower()]
        ref = inner.get("destinationTable") or inner.get("defaultDataset")
        if ref and ref.get("projectId") and ref.get("datasetId"):
            with contextlib.suppress(ApiError):
                return self.catalog.dataset(ref["projectId"], ref["datasetId"]).location
        return "US"

    def _reserve(self, job: Job, location: str | None) -> None:
        """Take the id; without a location it must be free in all, because the job will run where its tables are."""
        taken = any(j.id == job.id and j.project == job.project for j in self._running.values())
        if taken or self.history.exists(job.project, job.id, location):
            self.faults.conflict(job.project, job.id)
            raise duplicate(f"Already Exists: Job {job.project}:{job.location}.{job.id}")
        self._running[job.key] = job

    def _is_held(self, job: Job) -> bool:
        """Whether the job waits in a queue; its time there counts from its creation."""
        return self.now_ms() < job.created_ms + self.faults.pending_ms(job.priority)

    async def _start_later(self, job: Job, media: bytes | None, loop: asyncio.AbstractEventLoop) -> None:
        """Run a job when the queue lets it start, or end it when nobody waits for it any more."""
        limit = int(job.configuration.get("jobTimeoutMs") or 0)
        while self._is_held(job) and not job.cancelled and not job.timed_out:
            await asyncio.sleep(_QUEUE_LOOK_S)
            if self._closing:
                return  # at the next start it is among the unfinished
            job.timed_out = job.timed_out or 0 < limit <= self.now_ms() - job.created_ms
        if job.persisted and not job.cancelled and not job.timed_out:
            job.state = "RUNNING"
            await loop.run_in_executor(None, self._persist_running, job)
        self._pool.submit(self._run, job, media, loop)

    def _deadline(self, job: Job, loop: asyncio.AbstractEventLoop) -> asyncio.TimerHandle | None:
        limit = job.configuration.get("jobTimeoutMs")
        if not limit:
            return None

        def end() -> None:
            if not job.done:
                job.timed_out = True
                self._interrupt(job)

        return loop.call_later(int(limit) / 1000, end)

    async def _dry_run(self, job: Job) -> Job:
        if job.kind != "QUERY":
            raise invalid("Dry runs are only for query jobs")
        await asyncio.get_running_loop().run_in_executor(self._pool, lambda: self.queries.run(job, dry_run=True))
        job.configuration.pop("_location", None)
        job.state = "DONE"
        return job

    # -- running ---------------------------------------------------------------------------------------

    def _run(self, job: Job, media: bytes | None, loop: asyncio.AbstractEventLoop) -> None:
        """Run a job to its end; in a worker thread. A job whose end the disk has no space for is refused."""
        reserved = job.key
        try:
            try:
                job.check_wanted()
                job.started_ms, job.state = self.now_ms(), "RUNNING"
                if job.kind == "QUERY":
                    self.queries.run(job, dry_run=False)
                elif job.kind == "LOAD":
                    self.loads.run(job, media or b"")
                else:
                    self.copies.run(job)
            except ApiError as error:
                self._fail(job, error)
        except BaseException as error:  # noqa: BLE001 - the job must end, whatever happened
            self._break_off(job, error)
        finally:
            job.connection = None
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server is stopping
                loop.call_soon_threadsafe(self._ended, job, reserved)

    def _fail(self, job: Job, error: ApiError) -> None:
        if self._closing and error.reason == "stopped" and not job.cancelled:
            error = ApiError(503, **_UNFINISHED)
        if error.status == 501 and not job.persisted:
            job.refused = error
            job.state = "DONE"
        else:
            job.fail(error)
            self.finish(job, None)

    def _break_off(self, job: Job, error: BaseException) -> None:
        """End a job that met a fault of ours or a full disk, in memory if the disk does not take its end either."""
        full = storage_full.is_full(error)
        if not full:
            _LOG.exception("job failed")
        fault = f"this job: it met a fault of the embedded service ({type(error).__name__})"
        refusal = disk_full() if full else not_implemented(fault)
        job.fail(refusal)
        if full:
            job.refused, job.state, job.ended_ms = refusal, "DONE", self.now_ms()
            job.configuration.pop("_location", None)
            return
        try:
            self.finish(job, None)
        except Exception:  # noqa: BLE001 - there is no space for this end: see above
            job.refused, job.state = refusal, "DONE"

    def finish(self, job: Job, also: Callable[[], Any] | None) -> None:
        """End a job and, in the same transaction, put in place what it wrote."""
        job.configuration.pop("_location", None)
        job.ended_ms = self.now_ms()
        state, job.state = job.state, "DONE"
        keep = job.result.rows if job.result is not None and job.error is None and also is None else None
        try:
            self.history.save(job.resource(), keep, also)
        except BaseException:
            job.state, job.ended_ms = state, 0
            raise
        job.persisted = True

    def _ended(self, job: Job, reserved: tuple[str, str, str]) -> None:
        self._running.pop(reserved, None)
        if job.refused is None or job.persisted:
            if job.result is None or job.result.rows.nbytes <= _RECENT_BYTES:
                self._recent[job.key] = job
            while len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
        job.finished.set()

    def _persist_running(self, job: Job) -> None:
        with self.database.transaction():
            if not job.done and job.refused is None:
                self.history.save(job.resource(), None)
                job.persisted = True

    def _interrupt(self, job: Job) -> None:
        connection = job.connection
        if connection is not None:
            connection.interrupt()

    # -- asking for jobs -------------------------------------------------------------------------------

    def find(self, project: str, job_id: str, location: str | None) -> Job:
        """A job by id; raises notFound. Without a location only US and EU are searched."""
        for jobs in (self._running, self._recent):
            for where in [location] if location else ["US", "EU"]:
                found = jobs.get((project, where, job_id))
                if found is not None:
                    return found
        body = self.history.find(project, job_id, location)
        if body is None:
            for job in self._running.values():  # a job moves to the location of its tables as it runs
                if job.project == project and job.id == job_id and job.location == location:
                    return job
            raise self.no_job(project, job_id, location)
        return from_resource(body)

    def no_job(self, project: str, job_id: str, location: str | None) -> ApiError:
        """How a job that is not there is reported."""
        return not_found(f"Not found: Job {project}:{location + '.' if location else ''}{job_id}")

    async def wait(self, job: Job, timeout_s: float) -> None:
        """Until the job has ended or time is up."""
        if not job.done or (not job.finished.is_set() and job.key in self._running):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await job.finished.wait()

    def cancel(self, job: Job) -> None:
        """Ask a job to stop; one that has ended stays as it is."""
        if not job.done:
            job.cancelled = True
            self._interrupt(job)

    def forget(self, job: Job) -> None:
        """Delete a finished job's metadata."""
        if not job.done:
            raise invalid(f"Job {job.id} is still running and cannot be deleted")
        self._recent.pop(job.key, None)
        self.history.delete(*job.history_key)

    def running(self, project: str) -> list[Job]:
        """Jobs that have not ended."""
        return [j for j in self._running.values() if j.project == project]

    def request(self, project: str, request_id: str | None, job_id: str | None = None) -> str | None:
        """The job that an earlier jobs.query with this requestId made; with `job_id`, remember it."""
        if not request_id:
            return None
        if job_id is not None:
            self._requests[project, request_id] = job_id
            while len(self._requests) > 10_000:
                self._requests.popitem(last=False)
        return self._requests.get((project, request_id))

    def forget_request(self, project: str, request_id: str | None) -> None:
        """The requestId made no job: the next one with it does."""
        self._requests.pop((project, request_id or ""), None)


def checked_configuration(body: dict[str, Any], media: bytes | None) -> dict[str, Any]:
    """The configuration with its jobType; raises invalid or notImplemented."""
    configuration = dict(body.get("configuration") or {})
    kinds = [k for k in ("query", "load", "copy", "extract") if configuration.get(k)]
    if len(kinds) != 1:
        raise invalid("Required parameter is missing: exactly one of query, load, copy, extract must be configured")
    if kinds[0] == "extract":
        raise not_implemented("extract jobs")
    if kinds[0] == "load" and media is None and not configuration["load"].get("sourceUris"):
        raise invalid("Load configuration must specify at least one source URI")
    check_labels(configuration.get("labels"))
    if int(configuration.get("jobTimeoutMs") or 0) < 0:
        raise invalid(f"Invalid value for jobTimeoutMs: {configuration['jobTimeoutMs']}; it must not be negative")
    configuration["jobType"] = kinds[0].upper()
    configuration[kinds[0]] = dict(configuration[kinds[0]])
    return configuration
