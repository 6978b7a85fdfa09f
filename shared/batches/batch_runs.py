"""The runs of a batch as they stand: of each tenant and day, the latest attempt."""

from shared.contracts.tables import TableRef
from shared.runs.run_log import RUN_RANK

_RANKS = " ".join(f"WHEN '{status}' THEN {rank}" for rank, status in enumerate(RUN_RANK))


def latest_runs(runs: TableRef) -> str:
    """Common table expressions, for a query with @batch_id and @since, before which the batch has no event.

    `latest` has a row for each tenant and day that has a run: `run_attempt`, `pipeline_logging_id`, `previous_run` (the
    one that it repeats), its `status` and `error_code` (the event of highest rank, ties to the earliest, as
    `run_log.state_of` has it), and `begun_at`, the time of its first event.
    """
    return f"""\
states AS (
  SELECT tenant_id, date, run_attempt, pipeline_logging_id, MAX(previous_run) AS previous_run,
    MIN(event_time) AS begun_at,
    ARRAY_AGG(STRUCT(status, error_code) ORDER BY CASE status {_RANKS} END, event_time LIMIT 1)[OFFSET(0)] AS top
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
