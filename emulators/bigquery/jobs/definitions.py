"""What CREATE TABLE and ALTER TABLE say of a table, put into its REST resource: columns, partitioning, options.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from emulators.bigquery import schemas
from emulators.bigquery.errors import invalid_query, not_implemented
from emulators.bigquery.labels import check_labels
from emulators.bigquery.sql import type_parameters
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.type_names import parameters_of, type_of
from emulators.bigquery.sql.read import statements as st
from emulators.bigquery.sql.read import syntax as s
from emulators.bigquery.sql.read.tokens import line_and_column
from emulators.bigquery.storage.records import TableRecord

# Options of tables and views by the type of their value and their name in the REST resource.
_OPTIONS: dict[str, tuple[str, type]] = {
    "description": ("description", str),
    "friendly_name": ("friendlyName", str),
    "require_partition_filter": ("requirePartitionFilter", bool),
}
_REFUSED = {
    "partition_expiration_days", "expiration_timestamp", "kms_key_name", "default_rounding_mode", "max_staleness",
    "enable_change_history", "tags", "storage_uri", "file_format", "table_format",
}  # fmt: skip
# What cannot be done to a column of the partitioning or clustering, as messages call it.
_KEPT_FOR_PARTITIONS = {"drop": "drop", "rename_column": "rename", "set_type": "change the type of"}
_INTEGER = re.compile(r"-?[0-9]+")
_TRUNCATIONS = {"TIMESTAMP_TRUNC", "DATETIME_TRUNC", "DATE_TRUNC"}


def place(text: str, node: s.Node) -> str:
    """Where a node stands in its statement, as messages end."""
    return f" at {line_and_column(text, node.pos)}"


def columns(listed: list[s.ColumnDef]) -> schemas.Fields:
    """The schema of a column list."""
    return schemas.checked([_column(one) for one in listed])


def _column(given: s.ColumnDef) -> dict[str, Any]:
    field = schemas.field_of(given.name, type_of(given.type, parameters=True), required=given.not_null)
    _parameterize(field, given.type)
    if given.not_null and field["mode"] == "REPEATED":
        raise invalid_query("NOT NULL constraint cannot be applied to ARRAY fields")
    for name, value in given.options.items():
        if name != "description" or not isinstance(value, s.Literal):
            raise not_implemented(f"the column option {name}")
        field["description"] = str(value.value)
    return field


def _parameterize(field: dict[str, Any], kind: s.TypeName) -> None:
    """Put the type's parameters into the field, and those of its parts into theirs."""
    if kind.element is not None:
        _parameterize(field, kind.element)
    for inner, part in zip(field.get("fields", ()), kind.fields, strict=False):
        _parameterize(inner, part.type)
    field |= parameters_of(kind)


def partitioning(node: s.Expr, fields: schemas.Fields, text: str) -> dict[str, Any]:
    """`timePartitioning` or `rangePartitioning` of PARTITION BY; `fields` is empty where a query gives the columns."""
    if isinstance(node, s.Name):
        if node.name.upper() == "_PARTITIONDATE":
            return {"timePartitioning": {"type": "DAY"}}
        kinds = {f["name"].lower(): f["type"] for f in fields}
        if kinds.get(node.name.lower()) in {"TIMESTAMP", "DATETIME"}:
            raise invalid_query(
                "PARTITION BY expression must be DATE(<timestamp_column>), DATE(<datetime_column>), "
                "DATETIME_TRUNC(<datetime_column>, DAY/HOUR/MONTH/YEAR), a DATE column, "
                "TIMESTAMP_TRUNC(<timestamp_column>, DAY/HOUR/MONTH/YEAR), "
                "DATE_TRUNC(<date_column>, MONTH/YEAR), or "
                "RANGE_BUCKET(<int64_column>, GENERATE_ARRAY(<int64_value>, <int64_value>[, <int64_value>]))"
            )
        return {"timePartitioning": {"type": "DAY", "field": node.name}}
    if isinstance(node, s.Call) and node.args and isinstance(node.args[0], s.Name):
        column, rest = node.args[0].name, node.args[1:]
        if node.name == "DATE" and not rest:
            return {"timePartitioning": _by_time("DAY", column)}
        if node.name in _TRUNCATIONS and len(rest) == 1 and isinstance(rest[0], s.Name):
            return {"timePartitioning": _by_time(rest[0].name.upper(), column)}
        if node.name == "RANGE_BUCKET" and len(rest) == 1:
            return {"rangePartitioning": {"field": column, "range": _range(rest[0])}}
    raise invalid_query(f"PARTITION BY expression is not supported{place(text, node)}")


def _by_time(kind: str, column: str) -> dict[str, str]:
    return {"type": kind} if column.upper() == "_PARTITIONTIME" else {"type": kind, "field": column}


def _range(node: s.Expr) -> dict[str, str]:
    listed = node.args if isinstance(node, s.Call) and node.name == "GENERATE_ARRAY" else []
    numbers = [str(a.value) for a in listed if isinstance(a, s.Literal) and _INTEGER.fullmatch(str(a.value))]
    if len(numbers) != len(listed) or len(numbers) not in {2, 3}:
        raise not_implemented("RANGE_BUCKET with bounds other than GENERATE_ARRAY of literals")
    return dict(zip(("start", "end", "interval"), [*numbers, "1"], strict=False))


def options(given: dict[str, s.Expr], node: s.Node, text: str) -> dict[str, Any]:
    """OPTIONS(…) of a table or view by their REST names; NULL, which removes one, is None."""
    body: dict[str, Any] = {}
    for name, value in given.items():
        if name in _REFUSED:
            raise not_implemented(f"the table option {name}")
        if name == "labels":
            body["labels"] = _labels(value)
        elif name not in _OPTIONS:
            raise invalid_query(f"Unknown option: {name}{place(text, node)}")
        elif not isinstance(value, s.Literal):
            raise not_implemented(f"the option {name} with a value that is not a literal")
        else:
            rest_name, kind = _OPTIONS[name]
            if value.kind != "NULL" and not isinstance(value.value, kind):
                raise invalid_query(f"Option {name} needs a {'BOOL' if kind is bool else 'STRING'}{place(text, node)}")
            body[rest_name] = None if value.kind == "NULL" else value.value
    return body


def _retyped(field: dict[str, Any], action: st.AlterAction, text: str) -> dict[str, Any]:
    """The column with the type of SET DATA TYPE; raises invalidQuery unless every value of the old one fits."""
    assert action.type is not None
    old = schemas.type_of(field)
    new = type_of(action.type, parameters=True)
    if {old.kind, new.kind} & {"ARRAY", "STRUCT"}:
        raise not_implemented("ALTER COLUMN … SET DATA TYPE of ARRAY and STRUCT")
    parameters = parameters_of(action.type)
    if not type_parameters.holds(old.kind, field, new.kind, parameters):
        given = {"type": field["type"], **parameters}
        raise invalid_query(
            f"ALTER TABLE ALTER COLUMN SET DATA TYPE requires that the existing column type "
            f"({type_parameters.spelled(field, old)}) is assignable to the new type "
            f"({type_parameters.spelled(given, new)}){place(text, action)}"
        )
    kept = {k: v for k, v in field.items() if k not in type_parameters.NAMES}
    return kept | {"type": t.REST_NAMES.get(new.kind, new.kind)} | parameters


def _labels(node: s.Expr) -> dict[str, str] | None:
    if isinstance(node, s.Literal) and node.kind == "NULL":
        return None
    labels = {}
    for item in node.items if isinstance(node, s.Array) else [node]:
        parts = [e for e, _ in item.fields] if isinstance(item, s.Struct) else []
        if len(parts) != 2 or not all(isinstance(p, s.Literal) for p in parts):
            raise invalid_query("labels must be an array of (key, value) pairs")
        labels[str(parts[0].value)] = str(parts[1].value)  # type: ignore[attr-defined]
    check_labels(labels)
    return labels


def alter(
    record: TableRecord, body: dict[str, Any], origins: list[str | None], action: st.AlterAction, text: str
) -> None:
    """Change the columns in `body`, which is to become the table's, as one action of ALTER TABLE says.

    `origins` is kept beside them: what each column was called before the statement, None for one that is added.
    """
    fields: schemas.Fields = body["schema"]
    # a renaming speaks of what there was before the statement, so that two columns can change their names
    names = origins if action.action == "rename_column" else [f["name"] for f in fields]
    at = next((i for i, n in enumerate(names) if n is not None and n.lower() == action.name.lower()), None)
    if action.action == "add":
        if at is None:
            fields.append(_added(action, text))
            origins.append(None)
        elif not action.if_exists:
            raise invalid_query(f"Column already exists: {action.name}{place(text, action)}")
        return
    if at is None:
        if action.if_exists:
            return
        raise invalid_query(f"Column not found: {action.name}{place(text, action)}")
    _check_unused(record, body, action)
    if action.action == "drop":
        if len(fields) == 1:
            raise invalid_query("Cannot drop the only column of a table")
        del fields[at]
        del origins[at]
        return
    change = _CHANGES.get(action.action)
    if change is None:
        raise not_implemented(f"ALTER TABLE … {action.action.upper().replace('_', ' ')}")
    fields[at] = change(fields[at], action, text)


def _added(action: st.AlterAction, text: str) -> dict[str, Any]:
    assert action.column is not None
    field = columns([action.column])[0]
    if field["mode"] == "REQUIRED":
        raise invalid_query(f"Cannot add required columns to an existing table: {action.name}{place(text, action)}")
    return field


def _check_unused(record: TableRecord, body: dict[str, Any], action: st.AlterAction) -> None:
    """Raise invalidQuery for a change that the partitioning or clustering of the table does not allow."""
    verb = _KEPT_FOR_PARTITIONS.get(action.action)
    clusters = (body.get("clustering") or {}).get("fields") or []
    used = {name.lower() for name in [record.info.partition_field or "", *clusters]}
    if verb is not None and action.name.lower() in used:
        raise invalid_query(f"Cannot {verb} column {action.name}: it is used for partitioning or clustering")


def _renamed(field: dict[str, Any], action: st.AlterAction, _text: str) -> dict[str, Any]:
    return field | {"name": action.new_name}


def _nullable(field: dict[str, Any], action: st.AlterAction, text: str) -> dict[str, Any]:
    if field["mode"] != "REQUIRED":
        raise invalid_query(f"Column {action.name} is not REQUIRED, so NOT NULL cannot be dropped{place(text, action)}")
    return field | {"mode": "NULLABLE"}


def _described(field: dict[str, Any], action: st.AlterAction, _text: str) -> dict[str, Any]:
    value = action.options.get("description")
    if set(action.options) != {"description"} or not isinstance(value, s.Literal):
        raise not_implemented("column options other than description")
    return field | {"description": str(value.value)}


# What each action of ALTER TABLE makes of one column.
_CHANGES: dict[str, Callable[[dict[str, Any], st.AlterAction, str], dict[str, Any]]] = {
    "rename_column": _renamed,
    "set_type": _retyped,
    "drop_not_null": _nullable,
    "column_options": _described,
}
