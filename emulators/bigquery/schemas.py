"""REST table schemas: checked, turned into types, compared, widened.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema, …/docs/managing-table-schemas
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from emulators.bigquery.errors import invalid, not_implemented
from emulators.bigquery.sql import type_parameters
from emulators.bigquery.sql import types as t

Fields = list[dict[str, Any]]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED_PREFIXES = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier")
_MAX_DEPTH = 15
_KNOWN = {"name", "type", "mode", "fields", "description", "policyTags", "maxLength", "precision", "scale",
          "defaultValueExpression", "roundingMode", "collation", "categories", "rangeElementType"}  # fmt: skip
_REFUSED = ("policyTags", "defaultValueExpression", "collation", "roundingMode")

ARROW: dict[str, pa.DataType] = {
    "INT64": pa.int64(), "FLOAT64": pa.float64(), "NUMERIC": pa.decimal128(38, 9), "BIGNUMERIC": pa.string(),
    "STRING": pa.string(), "BYTES": pa.binary(), "BOOL": pa.bool_(), "DATE": pa.date32(), "JSON": pa.string(),
    "DATETIME": pa.timestamp("us"), "TIMESTAMP": pa.timestamp("us"), "TIME": pa.time64("us"),
}  # fmt: skip


def checked(schema: Any, *, depth: int = 1) -> Fields:
    """The `fields` of a REST schema in canonical form; raises invalid for what the service refuses."""
    fields = schema.get("fields", []) if isinstance(schema, dict) else schema
    if not isinstance(fields, list):
        raise invalid("Invalid schema: fields must be a list")
    if depth > _MAX_DEPTH:
        raise invalid(f"Schema nesting is deeper than {_MAX_DEPTH} levels")
    out: Fields = []
    seen: set[str] = set()
    for field in fields:
        one = _field(field, depth)
        if one["name"].lower() in seen:
            raise invalid(f"Field {one['name']} already exists in schema")
        seen.add(one["name"].lower())
        out.append(one)
    return out


def _field(field: Any, depth: int) -> dict[str, Any]:
    if not isinstance(field, dict) or "name" not in field or "type" not in field:
        raise invalid("Invalid schema: each field needs a name and a type")
    name = str(field["name"])
    _check_name(name)
    for key in _REFUSED:
        if field.get(key) not in (None, "", {}, "ROUNDING_MODE_UNSPECIFIED"):
            raise not_implemented(f"{key} on the column {name}")
    unknown = set(field) - _KNOWN
    if unknown:
        raise not_implemented(f"the schema field property {sorted(unknown)[0]}")
    kind = _kind(field)
    mode = str(field.get("mode") or "NULLABLE").upper()
    if mode not in {"NULLABLE", "REQUIRED", "REPEATED"}:
        raise invalid(f"Invalid value for mode: {field['mode']} is not a valid value")
    one: dict[str, Any] = {"name": name, "type": t.REST_NAMES.get(kind, kind), "mode": mode}
    one |= type_parameters.checked(field, kind)
    if field.get("description"):
        one["description"] = str(field["description"])
    if kind == "STRUCT":
        one["fields"] = checked(field.get("fields") or [], depth=depth + 1)
        if not one["fields"]:
            raise invalid(f"Field {name} is type RECORD but has no schema")
    elif field.get("fields"):
        raise invalid(f"Field {name} is of type {field['type']} and cannot have fields")
    return one


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(
            f'Invalid field name "{name}". Fields must contain only letters, numbers, and underscores, start with a '
            "letter or underscore, and be at most 300 characters long."
        )
    if name.lower().startswith(_RESERVED_PREFIXES):
        raise invalid(f'Invalid field name "{name}". Field names are not allowed to start with a reserved prefix')


def _kind(field: dict[str, Any]) -> str:
    """The standard name of the type; raises invalid or notImplemented for one that a column cannot have."""
    kind = t.REST_ALIASES.get(str(field["type"]).upper(), str(field["type"]).upper())
    if kind not in t.SCALARS | {"STRUCT"} or kind == "INTERVAL":
        if kind in {"GEOGRAPHY", "RANGE", "INTERVAL", "FOREIGN"}:
            raise not_implemented(f"columns of type {kind}")
        raise invalid(f"Invalid value for type: {field['type']} is not a valid value")
    return kind


def type_of(field: dict[str, Any]) -> t.Type:
    """The SQL type of a REST field."""
    kind = t.REST_ALIASES.get(field["type"], field["type"])
    single = t.struct_of([(f["name"], type_of(f)) for f in field["fields"]]) if kind == "STRUCT" else t.Type(kind)
    return t.array_of(single) if field.get("mode") == "REPEATED" else single


def columns(fields: Fields) -> tuple[tuple[str, t.Type], ...]:
    """Names and types."""
    return tuple((f["name"], type_of(f)) for f in fields)


def fields_of(named: list[tuple[str, t.Type]], required: frozenset[str] = frozenset()) -> Fields:
    """The REST schema of typed columns; all NULLABLE unless named in `required`."""
    return [field_of(name, kind, required=name in required) for name, kind in named]


def field_of(name: str, kind: t.Type, *, required: bool = False) -> dict[str, Any]:
    """One REST field."""
    mode = "REQUIRED" if required else "NULLABLE"
    if kind.kind == "ARRAY":
        mode, kind = "REPEATED", kind.of
    field: dict[str, Any] = {"name": name, "type": t.REST_NAMES.get(kind.kind, kind.kind), "mode": mode}
    if kind.kind == "STRUCT":
        names = [n or f"_field_{i + 1}" for i, (n, _) in enumerate(kind.fields)]
        field["fields"] = fields_of(list(zip(names, kind.types, strict=True)))
    return field


def arrow_type(kind: t.Type) -> pa.DataType:
    """How rows of the type are kept."""
    if kind.kind == "ARRAY":
        return pa.list_(pa.field("item", arrow_type(kind.of)))
    if kind.kind == "STRUCT":
        return pa.struct([pa.field(n, arrow_type(k)) for n, k in zip(kind.duck_names, kind.types, strict=True)])
    return ARROW[kind.kind]


def arrow_schema(fields: Fields) -> pa.Schema:
    """How rows of a table are kept."""
    return pa.schema([pa.field(f["name"], arrow_type(type_of(f))) for f in fields])


def widened(old: Fields, new: Fields, *, addition: bool, relaxation: bool, where: str = "") -> Fields:
    """The old schema extended by the new one, keeping the old order.

    Raises invalid naming the field unless each difference is an added NULLABLE or REPEATED field (`addition`) or
    REQUIRED becoming NULLABLE (`relaxation`). Fields missing from `new` stay.
    """
    out = [dict(f) for f in old]
    index = {f["name"].lower(): i for i, f in enumerate(out)}
    for field in new:
        path = f"{where}{field['name']}"
        at = index.get(field["name"].lower())
        if at is None:
            if not addition:
                raise invalid(f"Provided Schema does not match Table. Cannot add fields (field: {path})")
            if field["mode"] == "REQUIRED":
                raise invalid(
                    "Provided Schema does not match Table. Cannot add required fields to an "
                    f"existing schema. (field: {path})"
                )
            out.append(field)
            continue
        known = out[at]
        if known["type"] != field["type"]:
            raise invalid(
                f"Provided Schema does not match Table. Field {path} has changed type from "
                f"{known['type']} to {field['type']}"
            )
        if type_parameters.differ(known, field):
            raise not_implemented(
                f"other type parameters of the column {path}; ALTER COLUMN SET DATA TYPE changes them"
            )
        if known["mode"] != field["mode"]:
            if not (relaxation and known["mode"] == "REQUIRED" and field["mode"] == "NULLABLE"):
                raise invalid(
                    f"Provided Schema does not match Table. Field {path} has changed mode from "
                    f"{known['mode']} to {field['mode']}"
                )
            known["mode"] = "NULLABLE"
        if field["type"] == "RECORD":
            known["fields"] = widened(
                known["fields"], field["fields"], addition=addition, relaxation=relaxation, where=f"{path}."
            )
        if "description" in field:
            known["description"] = field["description"]
    return out
