"""JSON text in two readings: as a value of type JSON, and as a STRING that happens to hold JSON.

A JSON value has sorted keys, the first of repeated ones, and numbers that are INT64, UINT64 or FLOAT64; JSON functions
over a STRING keep order and numbers as written. Source:
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type, …/json_functions#parse_json
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


class Written(str):
    """A number as it was written."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid literal {name}")


def _exact(text: str) -> float:
    number = float(text)
    if Decimal(text) != Decimal(repr(number)):
        raise OverflowError(f"Input number: {text} cannot round-trip through string representation")
    return number


def _integer(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**64 else _exact(text)


def _rounded(text: str) -> int | float:
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(text)


def loads(text: str, *, exact: bool = True) -> Any:
    """A JSON value; ValueError as BigQuery words it, also for numbers that lose digits where `exact`."""
    try:
        return json.loads(
            text, parse_constant=_no_constant, object_pairs_hook=_object,
            parse_int=_integer if exact else _rounded, parse_float=_exact if exact else float,
        )  # fmt: skip
    except OverflowError as error:
        raise ValueError(f"Invalid input to PARSE_JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"syntax error while parsing value - {error}") from None


def read(text: str) -> Any:
    """JSON in a STRING, numbers as `Written`; ValueError when it is none."""
    try:
        return json.loads(
            text, parse_constant=_no_constant, object_pairs_hook=_object, parse_int=Written, parse_float=Written
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"syntax error while parsing value - {error}") from None


def dumps(value: Any) -> str:
    """Canonical text of a JSON value.

    >>> dumps(loads('{"b": 1.50, "a": [1, null], "a": 2}'))
    '{"a":[1,null],"b":1.5}'
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def spelled(value: Any, indent: str = "", step: str = "") -> str:
    """Text of what `read` gave, in its order; with `step` one element a line.

    >>> spelled(read('{"b": 1.50, "a": []}'))
    '{"b":1.50,"a":[]}'
    """
    if isinstance(value, Written):
        return str(value)
    inner = indent + step
    if isinstance(value, dict) and value:
        colon = ": " if step else ":"
        parts = [f"{json.dumps(k, ensure_ascii=False)}{colon}{spelled(v, inner, step)}" for k, v in value.items()]
    elif isinstance(value, list) and value:
        parts = [spelled(v, inner, step) for v in value]
    else:
        return json.dumps(value, ensure_ascii=False)
    around = "{}" if isinstance(value, dict) else "[]"
    if not step:
        return around[0] + ",".join(parts) + around[1]
    lines = f",\n{inner}".join(parts)
    return f"{around[0]}\n{inner}{lines}\n{indent}{around[1]}"


def canonical(text: str) -> str:
    """PARSE_JSON with wide_number_mode 'exact', its default."""
    return dumps(loads(text))
