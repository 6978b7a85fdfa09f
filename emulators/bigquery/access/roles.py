"""The permissions of predefined roles, as far as anything here asks for them.

Source: https://cloud.google.com/bigquery/docs/access-control; for the basic roles of a dataset's `access`
https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets (role).
"""

from __future__ import annotations

_METADATA = {"bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.list"}
_VIEWER = _METADATA | {"bigquery.tables.getData"}
_EDITOR = _VIEWER | {
    "bigquery.datasets.create", "bigquery.tables.create", "bigquery.tables.delete", "bigquery.tables.update",
    "bigquery.tables.updateData",
}  # fmt: skip
_OWNER = _EDITOR | {"bigquery.datasets.delete", "bigquery.datasets.update"}
_JOBS = {
    "bigquery.jobs.create", "bigquery.jobs.delete", "bigquery.jobs.get", "bigquery.jobs.list", "bigquery.jobs.listAll",
    "bigquery.jobs.update",
}  # fmt: skip

ROLES: dict[str, frozenset[str]] = {
    "roles/bigquery.metadataViewer": frozenset(_METADATA),
    "roles/bigquery.dataViewer": frozenset(_VIEWER),
    "roles/bigquery.dataEditor": frozenset(_EDITOR),
    "roles/bigquery.dataOwner": frozenset(_OWNER),
    "roles/bigquery.jobUser": frozenset({"bigquery.jobs.create"}),
    "roles/bigquery.user": frozenset(
        {"bigquery.datasets.create", "bigquery.datasets.get", "bigquery.jobs.create", "bigquery.jobs.list",
         "bigquery.tables.list"}
    ),
    "roles/bigquery.admin": frozenset(_OWNER | _JOBS),
}  # fmt: skip
_BASIC = {
    "READER": "roles/bigquery.dataViewer",
    "WRITER": "roles/bigquery.dataEditor",
    "OWNER": "roles/bigquery.dataOwner",
}


def of_dataset(role: str) -> frozenset[str]:
    """What a role in a dataset's `access` permits; nothing for a role that is not known.

    >>> "bigquery.tables.getData" in of_dataset("READER")
    True
    """
    return ROLES.get(_BASIC.get(role, role), frozenset())
