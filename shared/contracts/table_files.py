"""Read the files of `templates/`: JSON that describes a table, or several by name; each fault with its line."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.contracts import strict_yaml
from shared.contracts.explain import explain
from shared.contracts.faults import nearest
from shared.contracts.tables import Column, TableSchema
from shared.errors import Fault, TemplateInvalid

SEVERAL = "schema_template.json"
"""A file of this name holds tables by name; every other one holds a table."""

_PARTITIONABLE = frozenset({"DATE", "TIMESTAMP", "DATETIME"})
# "Create clustered tables": at most four columns, top-level and not repeated.
_MOST_CLUSTERS = 4
_NOT_CLUSTERABLE = frozenset({"BYTES", "FLOAT64", "JSON", "STRUCT", "TIME"})


def read_table_schemas(path: Path) -> Mapping[str, TableSchema]:
    """Read a file that holds several tables by name. Raises TemplateInvalid with every fault."""
    schemas, faults = examine_tables(path.read_bytes(), file=path.name, several=True)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise TemplateInvalid(f"{faults[0].where}: {faults[0].message}{more}", faults=faults)
    return schemas


def examine_tables(data: bytes, *, file: str, several: bool) -> tuple[dict[str, TableSchema], list[Fault]]:
    """The tables of a file that are right, and all that is wrong with it. A table of its own has the name ""."""
    doubled: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) < len(pairs):
            doubled.append(file)
        return read

    try:
        text = data.decode("utf-8")
        bodies = json.loads(text, object_pairs_hook=mapping)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return {}, [Fault(f"{file}:{line}", "template_invalid", "not UTF-8 text; save the file as UTF-8")]
    except json.JSONDecodeError as error:
        message = f"no JSON: {error.msg}" if text.strip() else "the file is empty; a table is an object with fields"
        return {}, [Fault(f"{file}:{error.lineno}", "template_invalid", message)]
    except RecursionError:
        return {}, [Fault(f"{file}:1", "template_invalid", "nested too deeply; a table is an object with fields")]
    # Only where something is wrong, JSON is read again as the YAML that it is: that reader knows lines.
    document = cache(lambda: strict_yaml.read(text, file=file))
    faults = list(document().faults) if doubled else []
    if several and not isinstance(bodies, dict):
        return {}, [*faults, Fault(f"{file}:1", "template_invalid", "write an object: name → table")]
    schemas = {}
    for name, body in (bodies if several else {"": bodies}).items():
        below = (name,) if several else ()
        try:
            schemas[name] = table = TableSchema.model_validate(body)
        except ValidationError as error:
            faults += explain(error, document(), file=file, model=TableSchema, below=below)
            continue
        for path, message in _inconsistent(table):
            place = (*below, *path)
            named = ".".join(map(str, place))
            faults.append(Fault(f"{file}:{document().line_of(place)}", "template_invalid", f"{named}: {message}"))
    return schemas, faults


def _inconsistent(table: TableSchema) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What BigQuery would refuse about a table of the right shape: its place and why."""
    yield from _wrong_columns(table.fields, ())
    columns = {column.name: column for column in table.fields}
    if (day := table.partition_field) is not None:
        if day not in columns:
            yield ("partition_field",), f"no column {day!r}; {nearest(day, columns)}"
        elif columns[day].type_name not in _PARTITIONABLE or columns[day].mode == "REPEATED":
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
        if column.type_name != "STRUCT" and column.fields:
            yield (*place, "fields"), f"{column.name!r} is {column.type}; only a RECORD has fields"
        yield from _wrong_columns(column.fields, place)
