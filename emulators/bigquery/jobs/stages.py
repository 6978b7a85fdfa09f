"""The plan of a query that has run: one stage, which says how many rows were written.

Source: https://cloud.google.com/bigquery/docs/query-plan-explanation, …/docs/reference/rest/v2/Job#ExplainQueryStage.
The real service shows more stages, and what each of them read, waited and computed; what it shows is no contract, but
the last stage's `recordsWritten` is how one learns how many rows a query added to its destination.
"""

from __future__ import annotations

from typing import Any

from emulators.bigquery.jobs.job import Job


def describe(job: Job, written: int, now_ms: int) -> None:
    """Put the plan of a query that has written so many rows into its statistics."""
    stage: dict[str, Any] = {
        "name": "S00: Output", "id": "0", "status": "COMPLETE", "recordsWritten": str(written),
        "startMs": str(job.started_ms), "endMs": str(now_ms), "parallelInputs": "1", "completedParallelInputs": "1",
        "steps": [{"kind": "WRITE", "substeps": []}],
    }  # fmt: skip
    job.statistics["query"]["queryPlan"] = [stage]
