"""What each method asks for before it looks at anything.

Source: the "Required permissions" of https://cloud.google.com/bigquery/docs: datasets, updating-datasets,
deleting-datasets (managing-datasets), tables, managing-tables, streaming-data-into-bigquery, managing-table-data,
running-queries, managing-jobs. What a job asks for beyond this, `jobs/permits.py` says; a method for one job asks its
handler, because whoever created the job needs nothing more.
"""

from __future__ import annotations

from emulators.bigquery.access.resources import Resource

_DATASETS, _DATASET = ("datasets",), ("datasets", "*")
_TABLES, _TABLE = (*_DATASET, "tables"), (*_DATASET, "tables", "*")
_CREATE_JOB = (("bigquery.jobs.create", "project"),)
_CHANGE_TABLE = (("bigquery.tables.get", "table"), ("bigquery.tables.update", "table"))

# By path and HTTP method: permissions, and whose: the project's, the dataset's or the table's.
_NEEDS: dict[tuple[tuple[str, ...], str], tuple[tuple[str, str], ...]] = {
    (_DATASETS, "POST"): (("bigquery.datasets.create", "project"),),
    (_DATASET, "GET"): (("bigquery.datasets.get", "dataset"),),
    (_DATASET, "PATCH"): (("bigquery.datasets.update", "dataset"),),
    (_DATASET, "PUT"): (("bigquery.datasets.update", "dataset"),),
    (_DATASET, "DELETE"): (("bigquery.datasets.delete", "dataset"),),
    (_TABLES, "GET"): (("bigquery.tables.list", "dataset"),),
    (_TABLES, "POST"): (("bigquery.tables.create", "dataset"),),
    (_TABLE, "GET"): (("bigquery.tables.get", "table"),),
    (_TABLE, "PATCH"): _CHANGE_TABLE,
    (_TABLE, "PUT"): _CHANGE_TABLE,
    (_TABLE, "DELETE"): (("bigquery.tables.delete", "table"), ("bigquery.tables.get", "table")),
    ((*_TABLE, "data"), "GET"): (("bigquery.tables.getData", "table"),),
    ((*_TABLE, "insertAll"), "POST"): (
        ("bigquery.tables.updateData", "table"),
        ("bigquery.tables.get", "table"),
        ("bigquery.datasets.get", "dataset"),
    ),
    (("jobs",), "GET"): (("bigquery.jobs.list", "project"),),
    (("jobs",), "POST"): _CREATE_JOB,
    (("upload", "jobs"), "POST"): _CREATE_JOB,
    (("upload", "jobs"), "PUT"): _CREATE_JOB,
    (("queries",), "POST"): _CREATE_JOB,
}


def needs(
    shape: tuple[str, ...], method: str, project: str, parts: list[str], query: dict[str, str]
) -> list[tuple[str, Resource]]:
    """Permissions and resources of a request, in the order in which they are checked.

    `parts` are those of the path after the project. The anonymous table of a query is its job's: it asks for nothing
    here.

    >>> needs(("datasets", "*"), "GET", "p", ["datasets", "d"], {})
    [('bigquery.datasets.get', Resource(project='p', dataset='d', table=''))]
    """
    if len(parts) > 1 and parts[0] == "datasets" and parts[1].startswith("_"):
        return []
    found = list(_NEEDS.get((shape, method), ()))
    if (shape, method) == (_DATASET, "DELETE") and query.get("deleteContents", "").lower() == "true":
        found.append(("bigquery.tables.delete", "dataset"))
    if shape == ("jobs",) and query.get("allUsers", "").lower() == "true":
        found = [("bigquery.jobs.listAll", "project")]
    return [(permission, _resource(level, project, parts)) for permission, level in found]


def _resource(level: str, project: str, parts: list[str]) -> Resource:
    if level == "project":
        return Resource(project)
    return Resource(project, parts[1]) if level == "dataset" else Resource(project, parts[1], parts[3])
