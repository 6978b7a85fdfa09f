"""What an event of a run means, in Python and in SQL: the table, the ranks, which states are ends.

A run's state is its event of highest rank, ties to the earliest. Whoever asks BigQuery about runs uses these
fragments, so that a new state is a change of this module.
"""

from collections.abc import Iterable

from shared.contracts.tables import DatasetRef, TableRef

# Highest first. NOT_PUBLISHED says that Pub/Sub did not confirm: if the message is there all the same, RUNNING follows.
RUN_RANK = ("SUCCEEDED", "FAILED", "DEAD", "RUNNING", "NOT_PUBLISHED", "QUEUED")
STEP_RANK = ("SUCCEEDED", "FAILED", "SKIPPED", "RUNNING")
# States after which nothing more happens to a run: those that outrank RUNNING.
ENDED = RUN_RANK[: RUN_RANK.index("RUNNING")]
# Ends that can be followed by another attempt.
FAILED = ("FAILED", "DEAD")
# States of a run that some delivery has begun.
BEGUN = ("RUNNING", *ENDED)


def runs_table(control: DatasetRef) -> TableRef:
    """The table of all runs' events, which is authoritative."""
    return control.table("x_meta_runs")


def is_in(statuses: Iterable[str]) -> str:
    """The condition that an event says one of these.

    >>> is_in(FAILED)
    "status IN ('FAILED', 'DEAD')"
    """
    return f"status IN ({', '.join(repr(status) for status in statuses)})"


def is_open() -> str:
    """The condition that a run began or may begin, and has no end; for the HAVING of a query that groups events by run.

    What was not published may run all the same if Pub/Sub has it: then RUNNING follows.

    >>> is_open().splitlines()[0]
    "COUNTIF(step_id IS NULL AND status IN ('SUCCEEDED', 'FAILED', 'DEAD')) = 0"
    """
    return f"""\
COUNTIF(step_id IS NULL AND {is_in(ENDED)}) = 0
  AND (
    COUNTIF(step_id IS NULL AND status = 'RUNNING') > 0
    OR COUNTIF(step_id IS NULL AND status = 'NOT_PUBLISHED') = 0
  )"""


def top(*columns: str) -> str:
    """The aggregate that is a run's state: a STRUCT of `status` and these columns, of the event of highest rank.

    For a query that groups events of runs (`step_id IS NULL`) by run; it needs the columns `status` and `event_time`.

    >>> top("error_code").removesuffix(" LIMIT 1)[OFFSET(0)]")  # doctest: +ELLIPSIS
    "ARRAY_AGG(STRUCT(status, error_code) ORDER BY CASE status WHEN 'SUCCEEDED' THEN 0 ... END, event_time"
    """
    ranks = " ".join(f"WHEN '{status}' THEN {rank}" for rank, status in enumerate(RUN_RANK))
    fields = ", ".join(("status", *columns))
    return f"ARRAY_AGG(STRUCT({fields}) ORDER BY CASE status {ranks} END, event_time LIMIT 1)[OFFSET(0)]"


def latest_runs(runs: TableRef) -> str:
    """Common table expressions, for a query with @batch_id and @since, before which the batch has no event.

    `latest` has a row for each tenant and day that has a run, its latest attempt: `run_attempt`, `pipeline_logging_id`,
    `previous_run` (the run that it repeats), `status` and `error_code` (as `top` has them), and `begun_at`, the time of
    its first event.
    """
    return f"""\
states AS (
  SELECT tenant_id, date, run_attempt, pipeline_logging_id, MAX(previous_run) AS previous_run,
    MIN(event_time) AS begun_at,
    {top("error_code")} AS top
  FROM `{runs}`
  WHERE batch_id = @batch_id AND step_id IS NULL AND event_time >= @since
  GROUP BY tenant_id, date, run_attempt, pipeline_logging_id
),
latest AS (
  SELECT tenant_id, date, run_attempt, pipeline_logging_id, previous_run, begun_at, top.status, top.error_code
  FROM states
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY tenant_id, date ORDER BY run_attempt DESC) = 1
)"""
