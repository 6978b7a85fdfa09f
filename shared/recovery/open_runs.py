"""Runs that were accepted, have not ended, and of which nothing has been heard for a while."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import ONBOARDING
from shared.ports import Jobs
from shared.runs.events_sql import is_open, runs_table


@dataclass(frozen=True)
class OpenRun:
    """The run's message, as its last event has it, and when anything of it was heard last."""

    message: RunMessage
    seen_at: datetime


class OpenRuns:
    """Reads the events of all runs: one query job a look."""

    def __init__(self, jobs: Jobs, control: DatasetRef) -> None:
        self._jobs, self._events = jobs, runs_table(control)

    def quiet_since(self, moment: datetime, *, since: datetime) -> Iterator[OpenRun]:
        """Runs, the earliest accepted first, whose events are of `since` or later and none after the moment.

        A run that lives is heard of: each of its deliveries and continuations says RUNNING. Left out are runs of which
        the caller was told that they were not published, and onboardings, which no message can run.
        """
        text = f"""\
SELECT
  MIN(accepted_at) AS accepted_at, MAX(event_time) AS seen_at,
  ARRAY_AGG(message IGNORE NULLS ORDER BY event_time DESC LIMIT 1)[SAFE_OFFSET(0)] AS message
FROM `{self._events}`
WHERE event_time >= @since AND NOT (provider = @provider AND template_name = @template_name AND domain = '')
GROUP BY tenant_id, pipeline_logging_id
HAVING MAX(event_time) <= @moment
  AND {is_open()}
ORDER BY accepted_at"""
        parameters = (
            Parameter("since", "TIMESTAMP", since.isoformat()),
            Parameter("moment", "TIMESTAMP", moment.isoformat()),
            Parameter("provider", "STRING", ONBOARDING.provider),
            Parameter("template_name", "STRING", ONBOARDING.template_name),
        )
        for row in self._jobs.stream(Sql(text, parameters)):
            if row["message"] is not None:
                yield OpenRun(RunMessage.model_validate_json(row["message"]), row["seen_at"])
