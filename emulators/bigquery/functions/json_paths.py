"""JSONPath, and the functions that look into JSON with it.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#JSONPath_format
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from emulators.bigquery.functions.json_text import Written, dumps, loads, read, spelled

_STEP = re.compile(
    r"""\.([A-Za-z_][\w-]*|"(?:[^"\\]|\\.)*")|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]|\.(\w+)"""
)
MISSING = object()


@lru_cache(maxsize=1024)
def steps(path: str, *, legacy: bool = False) -> tuple[str | int, ...]:
    """Keys and array indices of a path; `legacy` functions write keys as ['key'], others as ."key".

    >>> steps('$.a[0]."b.c"')
    ('a', 0, 'b.c')
    """
    if not path.startswith("$"):
        if path.split(" ", 1)[0].lower() in {"lax", "strict"}:
            raise NotImplementedError("JSONPath modes (lax, strict)")
        raise ValueError("JSONPath must start with '$'")
    found: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(
                f"Unsupported operator in JSONPath: {path}"
                if "*" in path[at:]
                else f"Invalid token in JSONPath at: {path[at:]}"
            )
        name, index, single, double, bare = match.groups()
        if single is not None and not legacy:
            raise ValueError(f"Invalid token in JSONPath at: {path[at:]}")
        if index is not None:
            found.append(int(index))
        else:
            text = next(x for x in (name, single, double, bare) if x is not None)
            found.append(json.loads(text) if text.startswith('"') else text.replace("\\'", "'"))
        at = match.end()
    return tuple(found)


def look(value: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at a path, or MISSING."""
    for step in path:
        if isinstance(step, int) and isinstance(value, list):
            if step >= len(value):
                return MISSING
            value = value[step]
        elif isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        else:
            return MISSING
    return value


def _at(text: str, path: str, *, legacy: bool) -> Any:
    found = steps(path, legacy=legacy)
    try:
        value = read(text)
    except ValueError:
        return MISSING  # functions over STRING answer NULL for malformed JSON
    return look(value, found)


def scalar(value: Any) -> str | None:
    """A scalar as text; None for null, objects and arrays."""
    if value is MISSING or value is None or isinstance(value, dict | list):
        return None
    return str(value) if isinstance(value, str) else dumps(value)


def value_at(text: str, path: str, *, legacy: bool = False) -> str | None:
    """JSON_VALUE: a scalar as text."""
    return scalar(_at(text, path, legacy=legacy))


def query(text: str, path: str, *, legacy: bool = False) -> str | None:
    """JSON_QUERY over STRING: SQL NULL for JSON null."""
    value = _at(text, path, legacy=legacy)
    return None if value is MISSING or value is None else spelled(value)


def query_json(text: str, path: str, *, legacy: bool = False) -> str | None:
    """JSON_QUERY over JSON: JSON null stays one."""
    value = _at(text, path, legacy=legacy)
    return None if value is MISSING else spelled(value)


def query_array(text: str, path: str, *, legacy: bool = False) -> list[str] | None:
    """JSON_QUERY_ARRAY."""
    value = _at(text, path, legacy=legacy)
    return [spelled(v) for v in value] if isinstance(value, list) else None


def value_array(text: str, path: str, *, legacy: bool = False) -> list[str | None] | None:
    """JSON_VALUE_ARRAY: NULL when an element is no scalar."""
    value = _at(text, path, legacy=legacy)
    if not isinstance(value, list) or any(isinstance(v, dict | list) for v in value):
        return None
    return [scalar(v) for v in value]


def field(text: str, name: str) -> str | None:
    """json.name and json['name']."""
    value = loads(text)
    return dumps(value[name]) if isinstance(value, dict) and name in value else None


def element(text: str, index: int) -> str | None:
    """json[i]."""
    value = loads(text)
    return dumps(value[index]) if isinstance(value, list) and 0 <= index < len(value) else None


def kind(text: str) -> str:
    """JSON_TYPE."""
    value = read(text)
    if value is None:
        return "null"
    return {bool: "boolean", Written: "number", str: "string", dict: "object", list: "array"}[type(value)]


def keys(text: str, depth: int, mode: str) -> list[str]:
    """JSON_KEYS down to a depth: every path to a key, sorted; arrays are entered in the lax modes only."""
    if depth < 1:
        raise ValueError("max_depth must be positive")
    if mode not in {"strict", "lax", "lax recursive"}:
        raise ValueError(f"Invalid JSON mode specified: {mode}; known: strict, lax, lax recursive")
    out: set[str] = set()

    def walk(value: Any, prefix: str, level: int, nested: bool) -> None:
        if isinstance(value, dict) and level < depth:
            for key, inner in value.items():
                name = key if re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key, ensure_ascii=False)
                path = f"{prefix}.{name}" if prefix else name
                out.add(path)
                walk(inner, path, level + 1, False)
        elif isinstance(value, list) and (mode == "lax recursive" or (mode == "lax" and not nested)):
            for inner in value:
                walk(inner, prefix, level, True)

    walk(loads(text), "", 0, False)
    return sorted(out)


def _legacy(function: Any) -> Any:
    return lambda text, path: function(text, path, legacy=True)


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "json_value": ("ss", "s", value_at),
    "json_value_legacy": ("ss", "s", _legacy(value_at)),
    "json_query": ("ss", "s", query),
    "json_query_legacy": ("ss", "s", _legacy(query)),
    "json_query_json": ("ss", "s", query_json),
    "json_query_json_legacy": ("ss", "s", _legacy(query_json)),
    "json_query_array": ("ss", "S", query_array),
    "json_query_array_legacy": ("ss", "S", _legacy(query_array)),
    "json_value_array": ("ss", "S", value_array),
    "json_value_array_legacy": ("ss", "S", _legacy(value_array)),
    "json_type": ("s", "s", kind),
    "json_field": ("ss", "s", field),
    "json_element": ("si", "s", element),
    "json_keys": ("sis", "S", keys),
}
