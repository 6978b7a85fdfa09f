"""Functions that build and change JSON values.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions
"""

from __future__ import annotations

import itertools
from typing import Any

from emulators.bigquery.functions.json_paths import MISSING, look, steps
from emulators.bigquery.functions.json_text import dumps, loads

Path = tuple[str | int, ...]


def insert(text: str, path: str, new: str, each: bool) -> str:
    """JSON_ARRAY_INSERT of a value, or of each element of an array; a path to no array changes nothing."""
    value, found = loads(text), steps(path)
    if not found or not isinstance(found[-1], int):
        raise ValueError(f"JSONPath must end in an array index: {path}")
    index, holder = found[-1], look(value, found[:-1])
    if holder is None:
        holder = []
        value = _put(value, found[:-1], holder)
    if isinstance(holder, list):
        holder += [None] * (index - len(holder))
        holder[index:index] = _elements(new, each)
    return dumps(value)


def append(text: str, path: str, new: str, each: bool) -> str:
    """JSON_ARRAY_APPEND of a value, or of each element of an array."""
    value, found = loads(text), steps(path)
    target = look(value, found)
    if isinstance(target, list) or target is None:
        value = _put(value, found, [*(target or []), *_elements(new, each)])
    return dumps(value)


def _elements(new: str, each: bool) -> list[Any]:
    value = loads(new)
    return value if each and isinstance(value, list) else [value]


def _put(value: Any, path: Path, new: Any) -> Any:
    """The value with `new` at a path that exists."""
    if not path:
        return new
    holder: Any = look(value, path[:-1])
    holder[path[-1]] = new
    return value


def replace(text: str, path: str, new: str, create: bool) -> str:
    """JSON_SET of a value, creating what is missing where `create`; a path through a scalar changes nothing."""
    value, found = loads(text), steps(path)
    if not create and look(value, found) is MISSING:
        return dumps(value)
    root = [value]  # so that the value itself has a holder too
    holder: Any = root
    for step, following in itertools.pairwise((0, *found)):
        if isinstance(step, int) and isinstance(holder, list):
            holder += [None] * (step + 1 - len(holder))
        elif isinstance(step, str) and isinstance(holder, dict):
            holder.setdefault(step, None)
        else:
            return dumps(value)
        if holder[step] is None:
            holder[step] = [] if isinstance(following, int) else {}
        holder = holder[step]
    last = found[-1] if found else 0
    if isinstance(last, int) and isinstance(holder, list):
        holder += [None] * (last + 1 - len(holder))
        holder[last] = loads(new)
    elif isinstance(last, str) and isinstance(holder, dict):
        holder[last] = loads(new)
    else:
        return dumps(loads(text))
    return dumps(root[0])


def remove(text: str, path: str) -> str:
    """JSON_REMOVE of one path; a path to nothing changes nothing."""
    value, found = loads(text), steps(path)
    if not found:
        raise ValueError("The JSONPath cannot be '$'")
    holder, last = look(value, found[:-1]), found[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        holder.pop(last, None)
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        del holder[last]
    return dumps(value)


def strip_nulls(text: str, path: str, arrays: bool, empty: bool) -> str:
    """JSON_STRIP_NULLS below a path: nulls (in arrays where `arrays`), empty containers where `empty`."""
    value, found = loads(text), steps(path)
    target = look(value, found)
    if target is MISSING:
        return dumps(value)

    def gone(inner: Any, in_array: bool) -> bool:
        if inner is None:
            return arrays or not in_array
        return empty and inner in ({}, []) and (arrays or not in_array)

    def strip(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {k: v for k, v in ((k, strip(v)) for k, v in inner.items()) if not gone(v, False)}
        if isinstance(inner, list):
            return [v for v in map(strip, inner) if not gone(v, True)]
        return inner

    return dumps(_put(value, found, strip(target)))


def build_object(keys: list[str | None], values: list[str]) -> str:
    """JSON_OBJECT; of repeated keys the first counts."""
    found: dict[str, Any] = {}
    if len(keys) != len(values):
        raise ValueError("The number of keys and values must match")
    for key, value in zip(keys, values, strict=True):
        if key is None:
            raise ValueError("JSON object key cannot be NULL")
        found.setdefault(key, loads(value))
    return dumps(found)


def build_array(values: list[str]) -> str:
    """JSON_ARRAY."""
    return dumps([loads(v) for v in values])


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "json_array_insert": ("sssb", "s", insert),
    "json_array_append": ("sssb", "s", append),
    "json_set": ("sssb", "s", replace),
    "json_remove": ("ss", "s", remove),
    "json_strip_nulls": ("ssbb", "s", strip_nulls),
    "json_object": ("SS", "s", build_object),
    "json_array": ("S", "s", build_array),
}
