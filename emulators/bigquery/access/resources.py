"""What a permission is asked for: a project, a dataset, or a table or view."""

from __future__ import annotations

from dataclasses import dataclass

from emulators.bigquery.errors import ApiError

_TYPES = {
    "Project": "cloudresourcemanager.googleapis.com/Project",
    "Dataset": "bigquery.googleapis.com/Dataset",
    "Table": "bigquery.googleapis.com/Table",
}


@dataclass(frozen=True)
class Resource:
    """A project, or with more names a part of it.

    >>> Resource("p", "d", "t$20251115").name
    'projects/p/datasets/d/tables/t'
    """

    project: str
    dataset: str = ""
    table: str = ""

    @property
    def kind(self) -> str:
        """Project, Dataset or Table."""
        return "Table" if self.table else "Dataset" if self.dataset else "Project"

    @property
    def type(self) -> str:
        """`resource.type` of IAM conditions (https://cloud.google.com/iam/docs/conditions-resource-attributes)."""
        return _TYPES[self.kind]

    @property
    def name(self) -> str:
        """`resource.name` of IAM conditions; a partition is its table's."""
        name = f"projects/{self.project}"
        if self.dataset:
            name += f"/datasets/{self.dataset}"
        if self.table:
            name += f"/tables/{self.table.partition('$')[0]}"
        return name

    def denied(self, permission: str) -> ApiError:
        """The refusal, in the service's words."""
        if not self.dataset:
            what = f"User does not have {permission} permission in project {self.project}."
            return access_denied(f"Project {self.project}: {what}")
        path = f"{self.project}:{self.dataset}"
        if self.table:
            path += f".{self.table.partition('$')[0]}"
        where = f"{self.kind.lower()} {path}"
        return access_denied(f"{self.kind} {path}: Permission {permission} denied on {where} (or it may not exist).")


def access_denied(what: str) -> ApiError:
    """403 of https://cloud.google.com/bigquery/docs/error-messages: accessDenied."""
    return ApiError(403, "accessDenied", f"Access Denied: {what}")
