"""What is known of a dataset and of a table; records are never changed, a change makes another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from emulators.bigquery import schemas
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.tables import TableInfo

Key = tuple[str, str, str]


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset; `body` holds what the caller may set."""

    project: str
    dataset: str
    location: str
    body: dict[str, Any]
    etag: str
    created_ms: int
    modified_ms: int


@dataclass(frozen=True)
class TableRecord:
    """A table or view; `body` holds what the caller may set, `body["schema"]` its fields.

    `version` counts changes of the record, `epoch` replacements of content, `seq` additions to it.
    """

    uid: int
    project: str
    dataset: str
    name: str
    body: dict[str, Any]
    etag: str
    created_ms: int
    modified_ms: int
    version: int
    epoch: int
    seq: int

    @property
    def key(self) -> Key:
        """Project, dataset, table."""
        return self.project, self.dataset, self.name

    @property
    def path(self) -> str:
        """As messages name it."""
        return f"{self.project}:{self.dataset}.{self.name}"

    @property
    def fields(self) -> schemas.Fields:
        """The REST schema."""
        found: schemas.Fields = self.body.get("schema", [])
        return found

    @property
    def is_view(self) -> bool:
        """Whether it is a logical view."""
        return "view" in self.body

    @property
    def partition_lifetime_ms(self) -> int:
        """How long after its start a partition is kept; 0 for always."""
        return int((self.body.get("timePartitioning") or {}).get("expirationMs") or 0)

    @cached_property
    def columns(self) -> tuple[tuple[str, t.Type], ...]:
        """Names and types."""
        return schemas.columns(self.fields)

    @cached_property
    def arrow(self) -> pa.Schema:
        """How its rows are kept."""
        return schemas.arrow_schema(self.fields)

    @cached_property
    def info(self) -> TableInfo:
        """What the analyzer sees."""
        time, ranged = self.body.get("timePartitioning"), self.body.get("rangePartitioning")
        return TableInfo(
            self.uid, self.project, self.dataset, self.name, self.columns,
            frozenset(f["name"] for f in self.fields if f["mode"] == "REQUIRED"),
            self.body["view"]["query"] if self.is_view else None,
            (time or {}).get("field") or (ranged or {}).get("field"),
            time["type"] if time else "RANGE" if ranged else None,
            bool(self.body.get("requirePartitionFilter") or (time or {}).get("requirePartitionFilter")),
        )  # fmt: skip


def etag(*parts: Any) -> str:
    """An opaque tag that changes with its parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:22] + "=="


def dataset_of(row: tuple[Any, ...]) -> DatasetRecord:
    """The record of a row of `datasets`."""
    return DatasetRecord(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5], row[6])


def table_of(row: tuple[Any, ...]) -> TableRecord:
    """The record of a row of `tables`."""
    return TableRecord(row[0], row[1], row[2], row[3], json.loads(row[4]), *row[5:])
