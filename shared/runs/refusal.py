"""Record the end of a run that was refused before any of its steps began."""

from datetime import datetime

from shared.contracts.messages.run_message import RunMessage
from shared.errors import PermanentError
from shared.logs import log
from shared.runs.mask import for_tenant
from shared.runs.run_log import RunLog, RunRecord


def refuse(
    run: RunMessage,
    error: PermanentError,
    *,
    run_log: RunLog,
    now: datetime,
    delivery: int = 1,
    pipeline_id: str | None = None,
) -> None:
    """The run ends as FAILED with this error, or stays DEAD. Raises TransientError as `RunLog.end` does."""
    ended = RunRecord(
        "DEAD" if run.only else "FAILED",
        pipeline_id,
        ended_at=now,
        error_code=error.code,
        error_message=for_tenant(error.message, run.tenant_id)[:8_000],
    )
    run_log.end(run, ended, [], unsaid=[], delivery=delivery)
    log("run_refused", "WARNING", error_code=error.code)
