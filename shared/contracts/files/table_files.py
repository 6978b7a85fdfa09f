"""Read the files of `templates/`: JSON that describes a table, or several by name; each fault with its line."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from pydantic import ValidationError

from shared.contracts.faults import nearest
from shared.contracts.files import strict_yaml
from shared.contracts.files.explain import explain
from shared.contracts.tables import Column, ColumnType, TableSchema
from shared.errors import Fault, TemplateInvalid

SEVERAL = "schema_template.json"
"""A file of this name holds tables by name; every other one holds a table."""

# What a step calls a table in its schema_template.
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_PARTITIONABLE = frozenset({"DATE", "TIMESTAMP", "DATETIME"})
# "Create clustered tables": at most four columns, top-level and not repeated.
_MOST_CLUSTERS = 4
_NOT_CLUSTERABLE = frozenset({"BYTES", "FLOAT64", "JSON", "STRUCT", "TIME"})
# The type of a column whose own is wrong: nothing more is said of it.
_UNKNOWN = "?"


@dataclass(frozen=True)
class ExaminedTables:
    """What a file came to: `schemas` are the tables that are right, by name; `faults` all that is wrong.

    `wrong` are the faults of each table that is not right. What is wrong with the file as a whole stands in `faults`
    only, and there is no table then. A table of its own has the name "".
    """

    schemas: Mapping[str, TableSchema]
    faults: tuple[Fault, ...]
    wrong: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    def table(self, name: str, *, file: str) -> TableSchema:
        """The table of that name. Raises TemplateInvalid with its faults, or with the known names.

        What is wrong with other tables of the file is no matter here.
        """
        if name in self.schemas:
            return self.schemas[name]
        known = [*self.schemas, *self.wrong]
        faults = self.wrong.get(name, self.faults if not known else ())
        if not faults:
            raise TemplateInvalid(f"no schema template {name!r} in {file}; {nearest(name, known)}")
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise TemplateInvalid(f"{faults[0].where}: {faults[0].message}{more}", faults=faults)


class _Object(dict[str, Any]):
    """A JSON object; `doubled` are the keys that were there twice."""

    doubled: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    read = _Object(pairs)
    if len(read) < len(pairs):
        read.doubled = frozenset(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return read


def examine_tables(data: bytes, *, file: str, several: bool) -> ExaminedTables:
    """Look at a file: a table, or `several` by name. Nothing is raised."""
    try:
        text = data.decode("utf-8")
        bodies = json.loads(text, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return _unread(f"{file}:{line}", "not UTF-8 text; save the file as UTF-8")
    except json.JSONDecodeError as error:
        message = f"no JSON: {error.msg}" if text.strip() else "the file is empty; a table is an object with fields"
        return _unread(f"{file}:{error.lineno}", message)
    except RecursionError:
        return _unread(f"{file}:1", "nested too deeply; a table is an object with fields")
    # Only where something is wrong, JSON is read again as the YAML that it is: that reader knows lines.
    document = cache(lambda: strict_yaml.read(text, file=file))
    if several and not isinstance(bodies, dict):
        return _unread(f"{file}:1", "write an object: name → table")
    faults = list(document().faults) if _has_doubled(bodies) else []
    schemas, wrong = dict[str, TableSchema](), dict[str, tuple[Fault, ...]]()
    for name, body in (bodies if several else {"": bodies}).items():
        below = (name,) if several else ()
        found: list[Fault] = []
        if several and not re.fullmatch(_NAME, name):
            message = f"{name!r} is no name of a table: letters, digits and _, at most 64"
            found.append(Fault(f"{file}:{document().line_of(below)}", "template_invalid", message))
        try:
            table = TableSchema.model_validate(body)
        except ValidationError as error:
            found += explain(error, document(), file=file, model=TableSchema, below=below)
            table = _readable(body)
        for path, message in _inconsistent(table):
            place = (*below, *path)
            named = ".".join(map(str, place))
            found.append(Fault(f"{file}:{document().line_of(place)}", "template_invalid", f"{named}: {message}"))
        faults += found
        if _has_doubled(body) or (several and name in bodies.doubled):
            message = f"{name or 'a table'}: a key is there twice; keep one"
            found.append(Fault(f"{file}:{document().line_of(below)}", "template_invalid", message))
        if found:
            wrong[name] = tuple(found)
        else:
            schemas[name] = table
    return ExaminedTables(schemas, tuple(faults), wrong)


def _unread(where: str, message: str) -> ExaminedTables:
    return ExaminedTables({}, (Fault(where, "template_invalid", message),))


def _has_doubled(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_doubled(one) for one in value)
    return isinstance(value, _Object) and (bool(value.doubled) or any(_has_doubled(one) for one in value.values()))


def _readable(body: Any) -> TableSchema:
    """What can be read of a table whose shape is wrong, so that all else that is wrong with it is said too."""
    given = body if isinstance(body, dict) else {}
    day, clusters = given.get("partition_field"), given.get("cluster_by")
    return TableSchema.model_construct(
        partition_field=day if isinstance(day, str) else None,
        cluster_by=tuple(map(str, clusters)) if isinstance(clusters, list) else (),
        fields=_readable_columns(given.get("fields")),
    )


def _readable_columns(bodies: Any) -> tuple[Column, ...]:
    columns = []
    for index, body in enumerate(bodies if isinstance(bodies, list) else ()):
        try:
            columns.append(Column.model_validate(body))
        except ValidationError:
            given = body if isinstance(body, dict) else {}
            name = given.get("name")
            columns.append(
                Column.model_construct(
                    name=name if isinstance(name, str) else f"{_UNKNOWN}{index}",
                    type=cast(ColumnType, _UNKNOWN),
                    fields=_readable_columns(given.get("fields")),
                )
            )
    return tuple(columns)


def _inconsistent(table: TableSchema) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What BigQuery would refuse about a table of the right shape: its place and why."""
    yield from _wrong_columns(table.fields, ())
    if not table.fields:
        return  # that there are none was said
    columns = {column.name: column for column in table.fields}
    if (day := table.partition_field) is not None:
        if day not in columns:
            yield ("partition_field",), f"no column {day!r}; {nearest(day, columns)}"
        elif columns[day].type_name not in {*_PARTITIONABLE, _UNKNOWN} or columns[day].mode == "REPEATED":
            message = f"{day!r} is {columns[day].type}; partitions are by a DATE, TIMESTAMP or DATETIME column"
            yield ("partition_field",), message
    if len(table.cluster_by) > _MOST_CLUSTERS:
        yield ("cluster_by",), f"{len(table.cluster_by)} columns; a table is clustered by at most {_MOST_CLUSTERS}"
    for index, name in enumerate(table.cluster_by):
        if name not in columns:
            yield ("cluster_by", index), f"no column {name!r}; {nearest(name, columns)}"
        elif columns[name].type_name in _NOT_CLUSTERABLE or columns[name].mode == "REPEATED":
            yield ("cluster_by", index), f"{name!r} is {columns[name].type}, by which no table can be clustered"


def _wrong_columns(columns: tuple[Column, ...], path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    seen: dict[str, str] = {}
    for index, column in enumerate(columns):
        place = (*path, "fields", index)
        folded = column.name.lower()
        if folded in seen:
            yield (*place, "name"), f"{column.name!r} is the name of another column too; case does not count"
        seen[folded] = column.name
        if column.type_name == "STRUCT" and not column.fields:
            yield place, f"{column.name!r} is a {column.type} without fields; name what is in it"
        if column.type_name not in ("STRUCT", _UNKNOWN) and column.fields:
            yield (*place, "fields"), f"{column.name!r} is {column.type}; only a RECORD has fields"
        yield from _wrong_columns(column.fields, place)
