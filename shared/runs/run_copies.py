"""Copies of runs in their tenants' own tables that could not be written when the run ended, and are written later.

A tenant's table takes streamed rows only some minutes after it was made (facts 6), and a function can be killed between
the end of a run and its copy.
"""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Literal

from shared.contracts.messages.run_message import RunMessage
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef, TableRef
from shared.errors import PermanentError
from shared.logs import log, log_context
from shared.ports import Clock, Jobs, Row, Rows
from shared.runs.run_log import RunLog, RunState, copied_facts, insert_id, state_of
from shared.tenants.directory import Directory
from shared.tenants.metadata import metadata_table

# For so long it is tried again and again.
GIVEN_UP_AFTER = timedelta(days=7)


class RunCopies:
    """Mends the copies that `RunLog.doubt_copies` speaks of."""

    def __init__(
        self,
        rows: Rows,
        jobs: Jobs,
        clock: Clock,
        *,
        control: DatasetRef,
        data_project: str,
        run_log: RunLog,
        directory: Directory,
    ) -> None:
        self._rows, self._jobs, self._clock = rows, jobs, clock
        self._table, self._data_project = control.table("x_meta_run_copies"), data_project
        self._log, self._directory = run_log, directory

    def mend(self, *, before: datetime, limit: int, until: datetime) -> int:
        """Write the copies that are doubted since that moment or before and are not there; how many were seen to.

        The earliest first, at most `limit`, until the time is up. What fails is logged, and tried again by the next
        call. Three query jobs a run.
        """
        text = f"""\
SELECT tenant_id, pipeline_logging_id
FROM `{self._table}`
WHERE event_time >= @since
GROUP BY tenant_id, pipeline_logging_id
HAVING COUNTIF(event != 'DOUBTED') = 0 AND MIN(event_time) <= @before
ORDER BY MIN(event_time)
LIMIT {limit}"""
        parameters = (
            Parameter("since", "TIMESTAMP", (before - GIVEN_UP_AFTER).isoformat()),
            Parameter("before", "TIMESTAMP", before.isoformat()),
        )
        mended = 0
        for row in self._jobs.select(Sql(text, parameters), max_rows=limit):
            if self._clock.now() >= until:
                break
            who = row["tenant_id"], row["pipeline_logging_id"]
            with log_context(tenant_id=who[0], pipeline_logging_id=who[1]):
                try:
                    self._settle(*who, self._copy(*who))
                    mended += 1
                except PermanentError as error:
                    log("run_copy_missing", "WARNING", error_code=error.code)
        return mended

    def _copy(self, tenant_id: str, run_id: str) -> Literal["COPIED", "GONE"]:
        events = self._log.events(tenant_id, run_id)
        state = state_of(events)
        epochs = {RunMessage.model_validate_json(event["message"]).epoch for event in events if event["message"]}
        tenant = self._directory.get(tenant_id)
        if state is None or not state.ended or tenant is None or epochs - {tenant.epoch}:
            # Off-boarded, perhaps onboarded again since: a tenant finds nothing of its former life.
            return "GONE"
        for table, rows in self._copies(tenant_id, run_id, state):
            if rows:
                self._rows.append(table, rows)
        return "COPIED"

    def _copies(self, tenant_id: str, run_id: str, state: RunState) -> list[tuple[TableRef, list[tuple[str, Row]]]]:
        """The rows that the tenant's two tables lack."""
        runs, steps = (
            metadata_table(self._data_project, tenant_id, name) for name in ("x_meta_pipeline_runs", "x_meta_step_logs")
        )
        run = copied_facts(state.facts)
        of_steps = [{"pipeline_logging_id": run_id, **asdict(step)} for step in state.steps if step.status != "SKIPPED"]
        known_runs = {row["status"] for row in self._there(runs, run_id)}
        known_steps = {(row["step_id"], row["status"]) for row in self._there(steps, run_id)}
        return [
            (runs, [] if run["status"] in known_runs else [_row(run, "")]),
            (
                steps,
                [_row(one, one["step_id"]) for one in of_steps if (one["step_id"], one["status"]) not in known_steps],
            ),
        ]

    def _there(self, table: TableRef, run_id: str) -> list[dict[str, Any]]:
        sql = f"SELECT * FROM `{table}` WHERE pipeline_logging_id = @run"
        return self._jobs.select(Sql(sql, (Parameter("run", "STRING", run_id),)))

    def _settle(self, tenant_id: str, run_id: str, event: Literal["COPIED", "GONE"]) -> None:
        row = {
            "event_time": self._clock.now().isoformat(),
            "tenant_id": tenant_id,
            "pipeline_logging_id": run_id,
            "event": event,
        }
        self._rows.append(self._table, [(insert_id(run_id, event), row)])


def _row(values: dict[str, Any], step_id: str) -> tuple[str, Row]:
    row = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    # As the run itself would have written it: two who write it at once write it once.
    return insert_id(row["pipeline_logging_id"], step_id, row["status"]), row
