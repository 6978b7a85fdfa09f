"""JSON functions over canonical JSON text.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import itertools
import json
import math
import re
from decimal import Decimal
from typing import Any

_STEP = re.compile(
    r"""\.([A-Za-z_][\w-]*|"(?:[^"\\]|\\.)*")|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]|\.(\w+)"""
)
_MISSING = object()


def dumps(value: Any) -> str:
    """Canonical text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Any:
    """The value of JSON text; ValueError as BigQuery words it."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"syntax error while parsing value - {error}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid literal {name}")


def parse_json(text: str) -> str:
    """PARSE_JSON."""
    return dumps(loads(text))


def _steps(path: str, *, legacy: bool) -> list[str | int]:
    if not path.startswith("$"):
        raise ValueError("JSONPath must start with '$'")
    steps: list[str | int] = []
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
            steps.append(int(index))
        else:
            text = next(x for x in (name, single, double, bare) if x is not None)
            steps.append(json.loads(text) if text.startswith('"') else text.replace("\\'", "'"))
        at = match.end()
    return steps


def _at(text: str, path: str, *, legacy: bool = False, strict: bool = False) -> Any:
    steps = _steps(path, legacy=legacy)
    try:
        value = loads(text)
    except ValueError:
        if strict:
            raise
        return _MISSING  # functions over STRING answer NULL for malformed JSON
    for step in steps:
        if isinstance(step, int) and isinstance(value, list):
            if step >= len(value):
                return _MISSING
            value = value[step]
        elif isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        else:
            return _MISSING
    return value


def _scalar(value: Any) -> str | None:
    if value is _MISSING or value is None or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else dumps(value)


def json_value(text: str, path: str) -> str | None:
    """JSON_VALUE: a scalar as text."""
    return _scalar(_at(text, path))


def json_value_legacy(text: str, path: str) -> str | None:
    """JSON_EXTRACT_SCALAR."""
    return _scalar(_at(text, path, legacy=True))


def json_query(text: str, path: str) -> str | None:
    """JSON_QUERY over STRING: SQL NULL for JSON null."""
    value = _at(text, path)
    return None if value is _MISSING or value is None else dumps(value)


def json_query_legacy(text: str, path: str) -> str | None:
    """JSON_EXTRACT over STRING."""
    value = _at(text, path, legacy=True)
    return None if value is _MISSING or value is None else dumps(value)


def json_query_json(text: str, path: str) -> str | None:
    """JSON_QUERY over JSON: JSON null stays one."""
    value = _at(text, path)
    return None if value is _MISSING else dumps(value)


def json_query_json_legacy(text: str, path: str) -> str | None:
    """JSON_EXTRACT over JSON."""
    value = _at(text, path, legacy=True)
    return None if value is _MISSING else dumps(value)


def json_query_array(text: str, path: str) -> list[str] | None:
    """JSON_QUERY_ARRAY."""
    value = _at(text, path)
    return [dumps(v) for v in value] if isinstance(value, list) else None


def json_query_array_legacy(text: str, path: str) -> list[str] | None:
    """JSON_EXTRACT_ARRAY."""
    value = _at(text, path, legacy=True)
    return [dumps(v) for v in value] if isinstance(value, list) else None


def json_value_array(text: str, path: str) -> list[str | None] | None:
    """JSON_VALUE_ARRAY: NULL when an element is no scalar."""
    value = _at(text, path)
    if not isinstance(value, list) or any(isinstance(v, dict | list) for v in value):
        return None
    return [_scalar(v) for v in value]


def json_type(text: str) -> str:
    """JSON_TYPE."""
    value = loads(text)
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}[type(value)]


def json_field(text: str, name: str) -> str | None:
    """json.name and json['name']."""
    value = loads(text)
    return dumps(value[name]) if isinstance(value, dict) and name in value else None


def json_element(text: str, index: int) -> str | None:
    """json[i]."""
    value = loads(text)
    return dumps(value[index]) if isinstance(value, list) and 0 <= index < len(value) else None


def _parent(value: Any, steps: list[str | int]) -> Any:
    """The container that holds the last step; _MISSING when the way there does not exist."""
    for step in steps[:-1]:
        inside = step < len(value) if isinstance(step, int) and isinstance(value, list) else False
        if isinstance(step, str) and isinstance(value, dict):
            inside = step in value
        if not inside:
            return _MISSING
        value = value[step]
    return value


def json_array_insert(text: str, path: str, new: str) -> str:
    """JSON_ARRAY_INSERT of one value (as JSON text); a path to no array changes nothing."""
    value, steps = loads(text), _steps(path, legacy=False)
    if not steps or not isinstance(steps[-1], int):
        raise ValueError(f"JSONPath must end in an array index: {path}")
    holder, index = _parent(value, steps), steps[-1]
    if isinstance(holder, list):
        holder += [None] * (index - len(holder))
        holder.insert(index, loads(new))
    elif holder is None:
        raise NotImplementedError("JSON_ARRAY_INSERT into a JSON null")
    return dumps(value)


def json_array_append(text: str, path: str, new: str) -> str:
    """JSON_ARRAY_APPEND of one value (as JSON text)."""
    value, steps = loads(text), _steps(path, legacy=False)
    target: Any = value if not steps else _at(text, path)
    if not isinstance(target, list):
        if target is None:
            raise NotImplementedError("JSON_ARRAY_APPEND to a JSON null")
        return dumps(value)
    grown = [*target, loads(new)]
    if not steps:
        return dumps(grown)
    holder = _parent(value, steps)
    holder[steps[-1]] = grown
    return dumps(value)


def json_set(text: str, path: str, new: str) -> str:
    """JSON_SET of one value (as JSON text), creating what is missing."""
    value, steps = loads(text), _steps(path, legacy=False)
    if not steps:
        return dumps(loads(new))
    holder = value
    for step, following in itertools.pairwise(steps):
        if isinstance(step, str) and isinstance(holder, dict):
            if holder.get(step) is None:
                holder[step] = [] if isinstance(following, int) else {}
            holder = holder[step]
        elif isinstance(step, int) and isinstance(holder, list) and step < len(holder):
            holder = holder[step]
        else:
            return dumps(value)
    last = steps[-1]
    if isinstance(last, str) and isinstance(holder, dict):
        holder[last] = loads(new)
    elif isinstance(last, int) and isinstance(holder, list):
        holder += [None] * (last + 1 - len(holder))
        holder[last] = loads(new)
    return dumps(value)


def json_remove(text: str, path: str) -> str:
    """JSON_REMOVE of one path; a path to nothing changes nothing."""
    value, steps = loads(text), _steps(path, legacy=False)
    if not steps:
        raise ValueError("The JSONPath cannot be '$'")
    holder, last = _parent(value, steps), steps[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        holder.pop(last, None)
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        del holder[last]
    return dumps(value)


def json_strip_nulls(text: str) -> str:
    """JSON_STRIP_NULLS with its defaults: nulls in objects and arrays go, empty containers stay."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if v is not None}
        if isinstance(value, list):
            return [strip(v) for v in value if v is not None]
        return value

    return dumps(strip(loads(text)))


def json_keys(text: str) -> list[str]:
    """JSON_KEYS: every path to a key, sorted, arrays not entered."""
    out: set[str] = set()

    def walk(value: Any, prefix: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                name = key if re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key, ensure_ascii=False)
                path = f"{prefix}.{name}" if prefix else name
                out.add(path)
                walk(inner, path)

    walk(loads(text), "")
    return sorted(out)


def json_object(keys: list[str | None], values: list[str]) -> str:
    """JSON_OBJECT; of repeated keys the first counts."""
    found: dict[str, Any] = {}
    for key, value in zip(keys, values, strict=True):
        if key is None:
            raise ValueError("JSON object key cannot be NULL")
        found.setdefault(key, loads(value))
    return dumps(found)


def json_array(values: list[str]) -> str:
    """JSON_ARRAY."""
    return dumps([loads(v) for v in values])


def json_text(text: str, pretty: bool) -> str:
    """TO_JSON_STRING's spelling."""
    value = json.loads(text)
    return json.dumps(value, indent=2, ensure_ascii=False) if pretty else dumps(value)


def to_json(text: str) -> str:
    """DuckDB's JSON of a value whose parts the compiler prepared, with markers undone."""
    value = json.loads(text)
    return dumps(_unmarked(value))


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _unmarked(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unmarked(v) for v in value]
    if isinstance(value, str) and value.startswith("\ue000"):
        return json.loads(value[1:])
    return value


def json_int(value: int) -> str:
    """An INT64 in JSON: a number, or text beyond 2^53, marked for `to_json`."""
    return "\ue000" + (str(value) if abs(value) <= 2**53 else f'"{value}"')


def json_float(value: float) -> str:
    """A FLOAT64 in JSON, marked."""
    if math.isnan(value):
        return '\ue000"NaN"'
    if math.isinf(value):
        return '\ue000"Infinity"' if value > 0 else '\ue000"-Infinity"'
    return "\ue000" + (str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value))


def json_number(value: str) -> str:
    """A NUMERIC in JSON, marked: a number when a double holds it, else text."""
    exact = Decimal(value)
    return "\ue000" + (
        value if Decimal(float(exact)) == exact or Decimal(repr(float(exact))) == exact else f'"{value}"'
    )


def _kind(text: str, wanted: type | tuple[type, ...], name: str) -> Any:
    value = loads(text)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ValueError(f"The provided JSON input is not {name}")
    return value


def json_int64(text: str) -> int:
    """INT64(json)."""
    value = _kind(text, (int, float), "an integer")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("The provided JSON number cannot be converted to an int64 without loss of precision")
    return int(value)


def json_float64(text: str) -> float:
    """FLOAT64(json)."""
    return float(_kind(text, (int, float), "a number"))


def json_bool(text: str) -> bool:
    """BOOL(json)."""
    return bool(_kind(text, bool, "a boolean"))


def json_string(text: str) -> str:
    """STRING(json)."""
    return str(_kind(text, str, "a string"))


def lax_int64(text: str) -> int | None:
    """LAX_INT64."""
    value = loads(text)
    try:
        number = int(value) if isinstance(value, bool | int) else float(value)
        rounded = int(number) if isinstance(number, int) else math.floor(abs(number) + 0.5) * (1 if number >= 0 else -1)
    except (TypeError, ValueError, OverflowError):
        return None
    return rounded if -(2**63) <= rounded < 2**63 else None


def lax_float64(text: str) -> float | None:
    """LAX_FLOAT64."""
    value = loads(text)
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def lax_string(text: str) -> str | None:
    """LAX_STRING."""
    return _scalar(loads(text))


def lax_bool(text: str) -> bool | None:
    """LAX_BOOL."""
    value = loads(text)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value != 0
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return None
