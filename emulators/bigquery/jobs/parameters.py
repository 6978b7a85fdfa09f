"""Query parameters as the REST API gives them: types for the analyzer, values for DuckDB.

Source: https://cloud.google.com/bigquery/docs/parameterized-queries, …/rest/v2/QueryParameter
"""

from __future__ import annotations

from typing import Any

from emulators.bigquery import rows_in
from emulators.bigquery.errors import invalid, invalid_query, not_implemented
from emulators.bigquery.functions import civil, numbers
from emulators.bigquery.sql import types as t

# Parameters one query may have; quotas page, "Maximum number of query parameters".
MAX_PARAMETERS = 10_000


def read(config: dict[str, Any]) -> tuple[dict[str, t.Type], dict[str, Any]]:
    """Types and values by key: the lower-case name, or the index as text."""
    listed = config.get("queryParameters") or []
    mode = config.get("parameterMode")
    if mode not in {None, "NAMED", "POSITIONAL"}:
        raise invalid(f"Invalid value for parameterMode: {mode} is not a valid value")
    if len(listed) > MAX_PARAMETERS:
        raise invalid(f"Too many query parameters: {len(listed)}; at most {MAX_PARAMETERS} are allowed")
    types: dict[str, t.Type] = {}
    values: dict[str, Any] = {}
    for index, one in enumerate(listed):
        name = one.get("name")
        named = bool(name) if mode is None else mode == "NAMED"
        if named and not name:
            raise invalid("Named parameters need a name")
        key = str(name).lower() if named else str(index)
        if key in types:
            raise invalid(f"Duplicate query parameter name: {name}")
        types[key] = type_of(one.get("parameterType") or {})
        values[f"p_{key}"] = value_of(types[key], one.get("parameterValue") or {}, str(name or index))
    return types, values


def type_of(node: dict[str, Any]) -> t.Type:
    """A REST QueryParameterType."""
    kind = t.REST_ALIASES.get(str(node.get("type", "")).upper(), str(node.get("type", "")).upper())
    if kind == "ARRAY":
        element = type_of(node.get("arrayType") or {})
        if element.kind == "ARRAY":
            raise invalid("Array of array query parameters are not allowed")
        return t.array_of(element)
    if kind == "STRUCT":
        listed = node.get("structTypes") or []
        if not listed:
            raise invalid("Invalid query parameter type: a STRUCT needs structTypes")
        return t.struct_of([(f.get("name") or "", type_of(f.get("type") or {})) for f in listed])
    if kind not in t.SCALARS or kind == "INTERVAL":
        if kind in {"GEOGRAPHY", "INTERVAL", "RANGE"}:
            raise not_implemented(f"query parameters of type {kind}")
        raise invalid(f"Invalid query parameter type: {node.get('type')}")
    return t.Type(kind)


def value_of(kind: t.Type, node: dict[str, Any], name: str) -> Any:
    """A REST QueryParameterValue as a value DuckDB casts to the type."""
    if kind.kind == "ARRAY":
        listed = node.get("arrayValues")
        return None if listed is None else [value_of(kind.of, v, name) for v in listed]
    if kind.kind == "STRUCT":
        parts = node.get("structValues")
        if parts is None:
            return None
        return {
            duck: value_of(k, parts.get(n) or {}, name)
            for (n, k), duck in zip(kind.fields, kind.duck_names, strict=True)
        }
    value = node.get("value")
    if value is None:
        return None
    try:
        read_as = rows_in.scalar(t.REST_NAMES.get(kind.kind, kind.kind), value)
    except (ValueError, TypeError, ArithmeticError):
        raise invalid_query(f"Invalid value for query parameter '{name}' of type {kind}: {str(value)[:100]}") from None
    if kind.kind == "NUMERIC":
        return numbers.numeric_text(read_as)
    if kind.kind in {"DATETIME", "TIMESTAMP"}:
        return civil.datetime_text(read_as)
    if kind.kind in {"DATE", "TIME"}:
        return read_as.isoformat()
    if kind.kind == "FLOAT64":
        return repr(read_as)
    return read_as
