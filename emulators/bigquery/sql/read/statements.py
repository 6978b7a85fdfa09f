"""The syntax tree of statements: queries, DML, DDL.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax, …/data-definition-language
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emulators.bigquery.sql.read import syntax as s


class Statement(s.Node):
    """A statement; `kind` of the class is its statementType."""


@dataclass(slots=True)
class CreateFunction(Statement):
    """CREATE TEMP FUNCTION of SQL; a parameter without a type is ANY TYPE, `known` are those defined before."""

    name: str
    parameters: list[tuple[str, s.TypeName | None]]
    returns: s.TypeName | None
    body: s.Expr
    known: dict[str, CreateFunction]


@dataclass(slots=True)
class QueryStatement(Statement):
    """SELECT, and the functions that the statements before it define, by their names in upper case."""

    query: s.Query
    functions: dict[str, CreateFunction] = field(default_factory=dict)


@dataclass(slots=True)
class Insert(Statement):
    """INSERT; either rows (None in a row is DEFAULT) or a query."""

    table: s.TableRef
    columns: list[str]
    rows: list[list[s.Expr | None]] | None = None
    query: s.Query | None = None


@dataclass(slots=True)
class Update(Statement):
    """UPDATE … SET … [FROM …] WHERE …."""

    table: s.TableRef
    sets: list[tuple[list[str], s.Expr | None]]
    from_: s.FromItem | None
    where: s.Expr


@dataclass(slots=True)
class Delete(Statement):
    """DELETE."""

    table: s.TableRef
    where: s.Expr


@dataclass(slots=True)
class MergeWhen(s.Node):
    """One WHEN clause; `match` is matched, not_matched (by target) or not_matched_by_source."""

    match: str
    condition: s.Expr | None
    action: str  # update, delete, insert, insert_row
    sets: list[tuple[list[str], s.Expr | None]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    values: list[s.Expr | None] = field(default_factory=list)


@dataclass(slots=True)
class Merge(Statement):
    """MERGE."""

    table: s.TableRef
    source: s.FromItem
    on: s.Expr
    whens: list[MergeWhen]


@dataclass(slots=True)
class Truncate(Statement):
    """TRUNCATE TABLE."""

    table: s.TableRef


@dataclass(slots=True)
class CreateTable(Statement):
    """CREATE TABLE, with columns, a query, or LIKE/COPY of another table."""

    table: s.TableRef
    or_replace: bool
    if_not_exists: bool
    columns: list[s.ColumnDef] | None
    partition: s.Expr | None
    cluster: list[str]
    options: dict[str, s.Expr]
    query: s.Query | None
    like: s.TableRef | None = None
    copy: s.TableRef | None = None


@dataclass(slots=True)
class CreateView(Statement):
    """CREATE VIEW; `text` is the query as written."""

    table: s.TableRef
    or_replace: bool
    if_not_exists: bool
    columns: list[str]
    options: dict[str, s.Expr]
    query: s.Query
    text: str


@dataclass(slots=True)
class CreateSchema(Statement):
    """CREATE SCHEMA."""

    path: list[str]
    if_not_exists: bool
    options: dict[str, s.Expr]


@dataclass(slots=True)
class Drop(Statement):
    """DROP TABLE, VIEW or SCHEMA."""

    what: str
    path: list[str]
    if_exists: bool
    cascade: bool = False


@dataclass(slots=True)
class AlterAction(s.Node):
    """One action of ALTER TABLE."""

    action: str  # add, drop, rename, rename_column, set_options, drop_not_null, set_type
    name: str = ""
    column: s.ColumnDef | None = None
    type: s.TypeName | None = None
    options: dict[str, s.Expr] = field(default_factory=dict)
    if_exists: bool = False
    new_name: str = ""


@dataclass(slots=True)
class AlterTable(Statement):
    """ALTER TABLE."""

    table: s.TableRef
    if_exists: bool
    actions: list[AlterAction]
