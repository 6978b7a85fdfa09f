"""A tenant's runs that have not ended: while there are any, it is not off-boarded."""

from datetime import timedelta

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef, TableRef
from shared.ports import Clock, Jobs
from shared.runs.events_sql import is_open, runs_table


class LiveRuns:
    """Reads the events of all runs: one query job a look. It is `off_boarding.LiveRuns`."""

    def __init__(self, jobs: Jobs, clock: Clock, control: DatasetRef, *, run_deadline_s: float) -> None:
        self._jobs = jobs
        self._clock = clock
        self._events = runs_table(control)
        self._run_deadline = timedelta(seconds=run_deadline_s)

    def of_tenant(self, tenant_id: str) -> list[str]:
        """The id of a run of this tenant that lives, or nothing: one is enough to know.

        A run is over after its deadline (rules 6), whether an end was recorded or not.
        """
        since = self._clock.now() - self._run_deadline
        found = self._jobs.select(live_runs(self._events, tenant_id, since.isoformat()), max_rows=1)
        return [row["pipeline_logging_id"] for row in found]


def live_runs(events: TableRef, tenant_id: str, since: str) -> Sql:
    """A run of the tenant, accepted `since`, that began or may begin, and has no end."""
    return Sql(
        f"SELECT pipeline_logging_id FROM `{events}`"
        " WHERE tenant_id = @tenant_id AND event_time >= @since AND accepted_at >= @since AND step_id IS NULL"
        " GROUP BY pipeline_logging_id"
        f" HAVING {is_open()}"
        " LIMIT 1",
        (Parameter("tenant_id", "STRING", tenant_id), Parameter("since", "TIMESTAMP", since)),
    )
