"""The anonymous table of a query without a destination: where its name comes from, and the job behind a name.

Source: https://cloud.google.com/bigquery/docs/cached-results ("How cached results are stored"),
…/docs/writing-results#temporary_and_permanent_tables: a dataset of the project and region whose name begins with an
underscore and which is not listed; the table lives 24 hours.
"""

from __future__ import annotations

import hashlib
from typing import Any

from emulators.bigquery.errors import not_found
from emulators.bigquery.jobs.job import Job, from_resource
from emulators.bigquery.storage.history import RESULTS_MS, History
from emulators.bigquery.storage.records import Key

_TABLE = "anon"


def reference(project: str, location: str, job_id: str) -> dict[str, str]:
    """The destinationTable of a query: its name is the job's, so that nothing more need be stored.

    >>> reference("p", "US", "job_1")["tableId"]
    'anonjob_1'
    """
    return {"projectId": project, "datasetId": _dataset(project, location), "tableId": f"{_TABLE}{job_id}"}


def is_anonymous(reference: dict[str, str]) -> bool:
    """Whether a destinationTable is one that no caller can have created."""
    name = reference["datasetId"]
    return len(name) == 41 and name[0] == "_" and reference["tableId"].startswith(_TABLE)


def job_of(history: History, key: Key) -> Job | None:
    """The job whose rows an anonymous table holds; None for another name, notFound where there is no such job."""
    project, dataset, table = key
    if not is_anonymous({"datasetId": dataset, "tableId": table}):
        return None
    job_id = table.removeprefix(_TABLE)
    for location in history.locations(project, job_id):
        body = history.find(project, job_id, location) if _dataset(project, location) == dataset else None
        if body is not None and body["configuration"].get("query", {}).get("destinationTable") == reference(
            project, location, job_id
        ):
            return from_resource(body)
    raise not_found(f"Not found: Table {project}:{dataset}.{table}")


def resource(job: Job, key: Key, rows: int, size: int) -> dict[str, Any]:
    """The REST resource of the table: `rows` of `size` logical bytes, gone 24 hours after the job."""
    project, dataset, table = key
    return {
        "kind": "bigquery#table", "etag": job.resource()["etag"], "id": f"{project}:{dataset}.{table}",
        "selfLink": f"/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}",
        "tableReference": {"projectId": project, "datasetId": dataset, "tableId": table},
        "schema": job.statistics["query"]["schema"], "type": "TABLE", "location": job.location,
        "creationTime": str(job.created_ms), "lastModifiedTime": str(job.ended_ms),
        "expirationTime": str(job.ended_ms + RESULTS_MS), "numRows": str(rows), "numBytes": str(size),
    }  # fmt: skip


def _dataset(project: str, location: str) -> str:
    return "_" + hashlib.sha1(f"{project}:{location}".encode(), usedforsecurity=False).hexdigest()
