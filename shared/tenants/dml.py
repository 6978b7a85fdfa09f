"""Change a small table of the platform by one DML statement, once.

Keys, credentials and records are written by DML or load job only, so that `tabledata.list` sees them (facts 6). Each
change is one statement, so that it happens as a whole or not at all.
"""

import tenacity

from shared.contracts.sql import Sql
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import QueryFailed, TransientError, Unavailable
from shared.once import run_once
from shared.ports import Jobs, QueryJob

# How long one look for the end of a job lasts; a lost answer is looked for again.
TIME_LIMIT_S = 60
_LOOKS = 3
# BigQuery's words where two statements changed the same table at once. It has tried three times itself by then
# (documentation page "Transform data with data manipulation language").
_CONFLICT = "Could not serialize access"
_TRIES = 5


def change(jobs: Jobs, sql: Sql, *, tenant_id: str, request: str, table: str, operation: str) -> int:
    """Run the statement once for this request; how many rows it inserted, changed or deleted.

    The job's id is made of `tenant_id`, `request`, `table` and `operation`: where an answer is lost, the same id finds
    the job again. Raises Unavailable where others change the same table all the time, NotFound where it is not there.
    """
    job = QueryJob(sql, labels={TENANT_LABEL: tenant_id})
    for number in range(_TRIES):
        ids = (tenant_id, request, table, f"{operation}-{number}" if number else operation)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_LOOKS),
            retry=tenacity.retry_if_exception_type(TransientError),
            reraise=True,
        )
        try:
            return retrying(run_once, jobs, job, ids=ids, timeout_s=TIME_LIMIT_S).rows or 0
        except QueryFailed as error:
            if _CONFLICT not in error.message:
                raise
    raise Unavailable(f"others are changing {table} of {tenant_id} all the time; try again")
