"""A job: its identity, configuration, state and statistics, as the REST resource shows them.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/Job
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from emulators.bigquery.access.callers import ANYBODY, NOBODY, Caller
from emulators.bigquery.errors import ApiError
from emulators.bigquery.sql import types as t
from emulators.bigquery.storage.records import etag


@dataclass
class Result:
    """What a query left: typed rows, or a table that holds them."""

    columns: list[tuple[str, t.Type]]
    rows: pa.Table


@dataclass
class Job:
    """One job. Written by the thread that runs it; `finished` is set in the event loop when it is DONE."""

    project: str
    location: str
    id: str
    configuration: dict[str, Any]
    created_ms: int
    started_ms: int = 0
    ended_ms: int = 0
    state: str = "RUNNING"
    error: dict[str, str] | None = None
    errors: list[dict[str, str]] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    result: Result | None = None
    refused: ApiError | None = None  # not implemented: the job is not kept
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    persisted: bool = False
    cancelled: bool = False
    connection: Any = None
    caller: Caller = ANYBODY
    creator: str = NOBODY
    timed_out: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Project, location, id."""
        return self.project, self.location, self.id

    @property
    def history_key(self) -> tuple[str, str, str]:
        """Project, id, location."""
        return self.project, self.id, self.location

    @property
    def kind(self) -> str:
        """QUERY, LOAD or COPY."""
        return str(self.configuration["jobType"])

    @property
    def priority(self) -> str:
        """INTERACTIVE or BATCH; only queries have one."""
        return str(self.configuration.get("query", {}).get("priority") or "INTERACTIVE")

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state == "DONE"

    def reference(self) -> dict[str, str]:
        """jobReference."""
        return {"projectId": self.project, "jobId": self.id, "location": self.location}

    def resource(self) -> dict[str, Any]:
        """The REST resource."""
        statistics = {"creationTime": str(self.created_ms), **self.statistics}
        if self.started_ms:
            statistics["startTime"] = str(self.started_ms)
        if self.ended_ms:
            statistics["endTime"] = str(self.ended_ms)
            statistics.setdefault("totalSlotMs", "0")
        status: dict[str, Any] = {"state": self.state}
        if self.error is not None:
            status["errorResult"] = self.error
            status["errors"] = self.errors or [self.error]
        elif self.errors:
            status["errors"] = self.errors
        return {
            "kind": "bigquery#job",
            "etag": etag(self.key, self.state),
            "id": self.label,
            "selfLink": f"/bigquery/v2/projects/{self.project}/jobs/{self.id}?location={self.location}",
            "jobReference": self.reference(),
            "configuration": self.configuration,
            "statistics": statistics,
            "status": status,
            "user_email": self.creator,
        }

    @property
    def label(self) -> str:
        """As messages name it."""
        return f"{self.project}:{self.location}.{self.id}"

    def check_wanted(self) -> None:
        """Raise stopped or timeout when the job is no longer to run."""
        if self.cancelled or self.timed_out:
            raise interrupted(timed_out=self.timed_out and not self.cancelled)

    def fail(self, error: ApiError) -> None:
        """End with an error."""
        self.error = error.proto()
        self.result = None
        if "query" in self.statistics:
            self.statistics["query"].pop("queryPlan", None)  # nothing was written after all


def interrupted(*, timed_out: bool) -> ApiError:
    """Why a job ended before its time (docs/error-messages)."""
    if timed_out:
        return ApiError(400, "timeout", "Job execution was cancelled: Job timed out")
    return ApiError(499, "stopped", "Job execution was cancelled: User requested cancellation")


def from_resource(body: dict[str, Any]) -> Job:
    """A finished job out of the history."""
    reference, statistics, status = body["jobReference"], dict(body["statistics"]), body["status"]
    created = int(statistics.pop("creationTime"))
    started, ended = int(statistics.pop("startTime", 0)), int(statistics.pop("endTime", 0))
    job = Job(
        reference["projectId"],
        reference["location"],
        reference["jobId"],
        body["configuration"],
        created,
        started,
        ended,
        status["state"],
        status.get("errorResult"),
        status.get("errors", []),
        statistics,
    )
    job.persisted = True
    job.creator = body["user_email"]
    return job
