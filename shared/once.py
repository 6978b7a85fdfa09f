"""Run a BigQuery job once, however often it is asked for.

The id says which job it is: `cv-{tenant_id}-{run}-{step_id}-{operation}-{generation}`. BigQuery refuses a used id with
409 (facts 7), which is the whole once-only guarantee: no lock, no lease. A generation that ended in an error that may
pass is followed by the next one, found by asking for each id in turn, so that no counter has to be kept.
"""

from collections.abc import Callable

from shared.errors import (
    AccessDenied,
    BytesLimitExceeded,
    NotFound,
    NotOurs,
    QueryFailed,
    RowOutsidePartition,
    SchemaMismatch,
    StillRunning,
    Unavailable,
)
from shared.logs import log
from shared.ports import Job, JobError, JobExists, Jobs, QueryJob

GENERATIONS = 5
# A job that was inserted may not be shown for so long (facts 36); what is not seen by then a redelivery looks for.
FOUND_WITHIN_S = 120.0


def job_id(tenant_id: str, run: str, step_id: str, operation: str, generation: int = 0) -> str:
    """The id of a job; at most 1,024 of `[A-Za-z0-9_-]` (facts 7).

    >>> job_id("acmeinc_23xv2", "0" * 32, "extract", "write")
    'cv-acmeinc_23xv2-00000000000000000000000000000000-extract-write-0'
    """
    return f"cv-{tenant_id}-{run}-{step_id}-{operation}-{generation}"


def run_once(
    jobs: Jobs,
    job: QueryJob,
    *,
    ids: tuple[str, str, str, str],
    timeout_s: float,
    adopted: Callable[[], None] = lambda: None,
) -> Job:
    """Run the job, or find the one that was started before, and wait for it to end.

    `ids` are tenant, run, step and operation. `adopted` is called when a job was found: somebody was here before.
    Raises StillRunning when `timeout_s` passes: the job goes on, and a later call with the same ids finds it.
    Raises NotOurs when a job of that id is not the one asked for, the permanent error that the job ended in, or
    Unavailable when every generation ended in an error that may pass.
    """
    reason = ""
    for generation in range(GENERATIONS):
        this = job_id(*ids, generation)
        try:
            state = jobs.insert(this, job)
        except JobExists:
            state = jobs.find(this, timeout_s=min(timeout_s, FOUND_WITHIN_S))
            # A DML job's table may come back as its destination: compared only where one was asked for.
            elsewhere = job.destination and (state.destination, state.partition) != (job.destination, job.partition)
            if state.labels != job.labels or elsewhere:
                raise NotOurs(
                    f"job {this} exists, but with other labels or another destination than this step's"
                ) from None
            adopted()
        if not state.done:
            state = jobs.wait(this, timeout_s=timeout_s)
        if not state.done:
            raise StillRunning(f"job {this} is still running", job_id=this)
        if state.error is None:
            return state
        if not state.error.transient:
            raise permanent(state.error)
        reason = state.error.reason
    raise Unavailable(f"{GENERATIONS} jobs in a row ended in an error that may pass; the last: {reason}")


def is_alive(jobs: Jobs, ids: tuple[str, str, str, str]) -> bool:
    """Whether a job that `run_once` has started with these ids is known not to be done yet: one call a generation.

    Whoever asks need not be who has started it. A job that may not be looked at is not known to be alive, which is
    logged: an answer would never come, however often this is asked.
    """
    for generation in range(GENERATIONS):
        this = job_id(*ids, generation)
        try:
            if jobs.is_running(this):
                return True
        except NotFound:
            return False
        except AccessDenied as error:
            log("job_not_shown", "ERROR", job_id=this, error_code=error.code)
            return False
    return False


def permanent(error: JobError) -> QueryFailed | NotFound | RowOutsidePartition | SchemaMismatch | BytesLimitExceeded:
    """The error to raise for a job that failed for good. Its message is BigQuery's, behind BigQuery's reason."""
    message = f"{error.reason}: {error.message}"
    if "different partitions rather than destination partition" in error.message:
        return RowOutsidePartition(message)
    if "Provided Schema does not match" in error.message:
        return SchemaMismatch(message)
    if error.reason == "bytesBilledLimitExceeded":
        return BytesLimitExceeded(message)
    if error.reason == "notFound":
        return NotFound(message)
    return QueryFailed(message, reason=error.reason)
