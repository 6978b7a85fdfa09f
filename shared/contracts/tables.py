"""Names of datasets and tables, and the schema of a table as `templates/` describes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True, order=True)
class DatasetRef:
    """`project.dataset`."""

    project: str
    dataset: str

    def table(self, name: str) -> "TableRef":
        """The table of that name in this dataset."""
        return TableRef(self.project, self.dataset, name)

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}"


@dataclass(frozen=True, order=True)
class TableRef:
    """`project.dataset.table`, without a partition decorator."""

    project: str
    dataset: str
    table: str

    @classmethod
    def parse(cls, text: str) -> "TableRef":
        """Read `project.dataset.table`; the project may hold colons and dots (`example.com:p`).

        >>> TableRef.parse("p.d.t")
        TableRef(project='p', dataset='d', table='t')
        """
        parts = text.rsplit(".", 2)
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{text!r} is no table; write project.dataset.table")
        return cls(*parts)

    @property
    def dataset_ref(self) -> DatasetRef:
        """The dataset that the table is in."""
        return DatasetRef(self.project, self.dataset)

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"


ColumnType = Literal[
    "STRING", "BYTES", "INT64", "INTEGER", "FLOAT64", "FLOAT", "NUMERIC", "BIGNUMERIC", "BOOL", "BOOLEAN",
    "TIMESTAMP", "DATE", "TIME", "DATETIME", "JSON", "GEOGRAPHY", "RECORD", "STRUCT",
]  # fmt: skip


class Column(BaseModel):
    """One column. Modes are NULLABLE or REPEATED only: a query's output is NULLABLE, so that
    REQUIRED would fail (facts 9).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,299}$")
    type: ColumnType
    mode: Literal["NULLABLE", "REPEATED"] = "NULLABLE"
    description: str = ""
    fields: tuple["Column", ...] = ()

    @property
    def type_name(self) -> str:
        """The type by its GoogleSQL name: the API also says INTEGER, FLOAT, BOOLEAN, RECORD."""
        return {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}.get(self.type, self.type)

    @property
    def kind(self) -> str:
        """The type as messages name it, `REPEATED INT64` for an array."""
        return f"{self.mode} {self.type_name}" if self.mode == "REPEATED" else self.type_name


def misfits(columns: Sequence[Column], table: Sequence[Column], within: str = "") -> Iterator[str]:
    """What a write of a query's columns to a table's would be refused for, in words, in the query's order.

    BigQuery puts columns in place by their names, casts no type, and adds no column that the table lacks; columns that
    the query lacks are null (facts 9).

    >>> have = [Column(name="day", type="DATE"), Column(name="cost", type="NUMERIC")]
    >>> list(misfits([Column(name="Cost", type="FLOAT"), Column(name="note", type="STRING")], have))
    ['Cost is FLOAT64, not NUMERIC', 'note (STRING) is not in it']
    """
    known = {column.name.lower(): column for column in table}
    for column in columns:
        wanted = known.get(column.name.lower())
        if wanted is None:
            yield f"{within}{column.name} ({column.kind}) is not in it"
        elif (column.type_name, column.mode) != (wanted.type_name, wanted.mode):
            yield f"{within}{column.name} is {column.kind}, not {wanted.kind}"
        else:
            yield from misfits(column.fields, wanted.fields, f"{within}{column.name}.")


class TableSchema(BaseModel):
    """A table as a file of `templates/` describes it. `partition_field` makes DAY
    partitions; without it there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    partition_field: str | None = None
    partition_type: Literal["DAY"] = "DAY"
    cluster_by: tuple[str, ...] = ()
    fields: tuple[Column, ...] = Field(min_length=1)


def read_table_schema(path: Path) -> TableSchema:
    """Read a file that holds one table. Raises `pydantic.ValidationError` where it is wrong."""
    return TableSchema.model_validate_json(path.read_bytes())
