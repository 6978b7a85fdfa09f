"""A tenant's runs, newest first, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.http.runs import PageToken
from shared.contracts.sql import Parameter, ParameterType, Sql
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import TemplateAddress
from shared.ports import Clock, Jobs
from shared.runs.events_sql import runs_table, top

# Without `since`, so far back: each day is a partition that the query reads and pays for.
DAYS_BACK = 30
_TOP = ("ended_at", "rows_written", "bytes_billed", "failed_step", "error_code", "error_message", "pipeline_id")
_FACTS = (
    "provider", "domain", "template_name", "template_version", "date", "run_date", "trigger_by", "run_attempt",
    "previous_run",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """Runs with `pipeline_logging_id`, `status` and their facts; `next` is None on the last page."""

    runs: Sequence[Mapping[str, Any]]
    next: PageToken | None


class RunHistory:
    """Reads the events of all runs: one query job a page."""

    def __init__(self, jobs: Jobs, clock: Clock, control: DatasetRef) -> None:
        self._jobs, self._clock, self._events = jobs, clock, runs_table(control)

    def page(
        self,
        tenant_id: str,
        *,
        limit: int,
        status: str | None = None,
        template: TemplateAddress | None = None,
        since: datetime | None = None,
        after: PageToken | None = None,
    ) -> Page:
        """At most `limit` runs that were accepted at `since` or later; without it in the last `DAYS_BACK` days."""
        since = since or self._clock.now() - timedelta(days=DAYS_BACK)
        given: dict[str, tuple[ParameterType, Any]] = {
            "tenant_id": ("STRING", tenant_id),
            "since": ("TIMESTAMP", since.isoformat()),
        }
        wanted = ["accepted_at >= @since"]
        if status:
            given["status"] = ("STRING", status)
            wanted.append("status = @status")
        if template:
            for name in ("provider", "domain", "template_name"):
                given[name] = ("STRING", getattr(template, name))
                wanted.append(f"{name} = @{name}")
        if after:
            given |= {"at": ("TIMESTAMP", after.accepted_at.isoformat()), "id": ("STRING", after.pipeline_logging_id)}
            wanted.append("(accepted_at < @at OR (accepted_at = @at AND pipeline_logging_id > @id))")
        parameters = tuple(Parameter(name, kind, value) for name, (kind, value) in given.items())
        rows = self._jobs.select(Sql(self._text(wanted, limit + 1), parameters), max_rows=limit + 1)
        runs = [{**row, "tenant_id": tenant_id} for row in rows[:limit]]
        more = PageToken(runs[-1]["accepted_at"], runs[-1]["pipeline_logging_id"]) if len(rows) > limit else None
        return Page(runs, more)

    def _text(self, wanted: Sequence[str], limit: int) -> str:
        """The state of each run, then the runs that are wanted."""
        return f"""\
WITH runs AS (
  SELECT
    pipeline_logging_id,
    MIN(accepted_at) AS accepted_at,
    MIN(started_at) AS started_at,
    MAX(delivery_attempt) AS deliveries,
    {", ".join(f"ANY_VALUE({name}) AS {name}" for name in _FACTS)},
    {top(*_TOP)} AS top
  FROM `{self._events}`
  WHERE tenant_id = @tenant_id AND step_id IS NULL AND event_time >= @since
  GROUP BY pipeline_logging_id
)
SELECT * FROM (SELECT runs.* EXCEPT (top), top.* FROM runs)
WHERE {" AND ".join(wanted)}
ORDER BY accepted_at DESC, pipeline_logging_id
LIMIT {limit}"""
