"""For whom a batch runs: the tenants of the registry, or those of its runs that failed or are missing."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from shared.contracts.messages.batch import Batch, Position
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import DatasetRef
from shared.ports import Jobs
from shared.runs.events_sql import FAILED, is_in, latest_runs, runs_table


@dataclass(frozen=True)
class Target:
    """One run to be published. `previous_run` is the one that failed, where this is a retry."""

    tenant_id: str
    epoch: str
    date: dt.date | None
    run_attempt: int = 1
    previous_run: str | None = None


class Targets:
    """Reads targets in the order of tenant and date, in which a fan-out goes on: one query job a fan-out."""

    def __init__(self, jobs: Jobs, control: DatasetRef) -> None:
        self._jobs = jobs
        self._tenants, self._runs = control.table("x_meta_tenants"), runs_table(control)

    def count(self, batch: Batch) -> int:
        """How many runs the batch consists of."""
        text, parameters = self._active(batch)
        (row,) = self._jobs.select(Sql(f"SELECT COUNT(*) AS tenants FROM ({text})", parameters))
        return int(row["tenants"]) * len(batch.days)

    def after(self, batch: Batch, position: Position | None) -> Iterator[Target]:
        """Those that come after a position; all without one."""
        text, parameters = self._active(batch, after=position)
        if batch.only:
            yield from self._again(batch, position, text, parameters)
            return
        for row in self._jobs.stream(Sql(f"{text} ORDER BY tenant_id", parameters)):
            for day in batch.days:
                if position and row["tenant_id"] == position.tenant_id and not _is_after(day, position.date):
                    continue
                yield Target(row["tenant_id"], row["onboarding_epoch"], day)

    def _active(self, batch: Batch, *, after: Position | None = None) -> tuple[str, tuple[Parameter, ...]]:
        """The tenants that the batch is for: active, onboarded before it was asked for, with the template enabled."""
        wanted = [
            "status = 'active'",
            "onboarded_at <= @asked_at",
            "(ARRAY_LENGTH(enabled_templates) = 0 OR @template IN UNNEST(enabled_templates))",
        ]
        parameters = [
            Parameter("asked_at", "TIMESTAMP", batch.asked_at.isoformat()),
            Parameter("template", "STRING", str(batch.address)),
        ]
        if batch.tenants is not None:
            wanted.append("tenant_id IN UNNEST(@tenants)")
            parameters.append(Parameter("tenants", "STRING", batch.tenants, array=True))
        if after:
            # The position's own tenant may have days left.
            wanted.append("tenant_id >= @after")
            parameters.append(Parameter("after", "STRING", after.tenant_id))
        text = f"SELECT tenant_id, onboarding_epoch FROM `{self._tenants}` WHERE {' AND '.join(wanted)}"
        return text, tuple(parameters)

    def _again(
        self, batch: Batch, position: Position | None, tenants: str, parameters: tuple[Parameter, ...]
    ) -> Iterator[Target]:
        """`failed`: days whose latest attempt failed, or is this one. `missing`: days that nobody has begun.

        Of a retry that is made again after a crash, what has begun meanwhile is among its targets again: it is the same
        runs, and the retry is as many as it was.
        """
        given = [
            *parameters,
            Parameter("batch_id", "STRING", batch.batch_id),
            Parameter("since", "TIMESTAMP", batch.since.isoformat()),
        ]
        days = [day.isoformat() for day in batch.days if day]
        if days:
            given.append(Parameter("days", "DATE", days, array=True))
        every_day = "UNNEST(@days) AS day" if days else "(SELECT CAST(NULL AS DATE) AS day)"
        wanted, previous = "latest.status IS NULL", "latest.pipeline_logging_id"
        if batch.only == "failed":
            given.append(Parameter("attempt", "INT64", batch.attempt))
            failed = f"latest.run_attempt < @attempt AND latest.{is_in(FAILED)}"
            wanted = f"({failed}) OR latest.run_attempt = @attempt"
            previous = "IF(latest.run_attempt = @attempt, latest.previous_run, latest.pipeline_logging_id)"
        text = f"""\
WITH {latest_runs(self._runs)}
SELECT tenants.tenant_id, tenants.onboarding_epoch, day, {previous} AS previous_run
FROM ({tenants}) AS tenants
CROSS JOIN {every_day}
LEFT JOIN latest
  ON latest.tenant_id = tenants.tenant_id AND IFNULL(latest.date, '0001-01-01') = IFNULL(day, '0001-01-01')
WHERE {wanted}
ORDER BY tenants.tenant_id, day"""
        attempt = batch.attempt if batch.only == "failed" else 1
        for row in self._jobs.stream(Sql(text, tuple(given))):
            if position and row["tenant_id"] == position.tenant_id and not _is_after(row["day"], position.date):
                continue
            yield Target(row["tenant_id"], row["onboarding_epoch"], row["day"], attempt, row["previous_run"])


def _is_after(day: dt.date | None, other: dt.date | None) -> bool:
    return day is not None and other is not None and day > other
