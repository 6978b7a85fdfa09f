"""SQL values to JSON and back.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_encodings
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from emulators.bigquery.functions import civil
from emulators.bigquery.functions.json_paths import scalar
from emulators.bigquery.functions.json_text import Written, canonical, dumps, loads, read, spelled

# Stands before text that DuckDB's to_json must not quote: a number, or JSON.
_MARK = "\ue000"
_WIDE = 2**53


def parse_json(text: str, mode: str) -> str:
    """PARSE_JSON; `mode` is exact or round."""
    if mode not in {"exact", "round"}:
        raise ValueError(f"Invalid wide_number_mode specified: {mode}; known: exact, round")
    return dumps(loads(text, exact=mode == "exact"))


def to_json(text: str, stringify: bool) -> str:
    """TO_JSON of DuckDB's JSON of a value whose parts the compiler prepared; wide numbers as text where asked."""
    return canonical(spelled(_unmarked(read(text), lambda number: _number(number, stringify))))


def to_json_string(text: str, pretty: bool) -> str:
    """TO_JSON_STRING, in the order of the fields; wide numbers are text."""
    return spelled(_unmarked(read(text), _quoted_number), step="  " if pretty else "")


def _unmarked(value: Any, number: Callable[[str], Any]) -> Any:
    if isinstance(value, dict):
        return {k: _unmarked(v, number) for k, v in value.items()}
    if isinstance(value, list):
        return [_unmarked(v, number) for v in value]
    if isinstance(value, str) and value.startswith(_MARK):
        body = value[1:]
        return read(body[1:]) if body.startswith("j") else number(body)
    return value


def _number(text: str, stringify: bool) -> Any:
    """An exact number for TO_JSON."""
    if text[0] == "f":
        return Written(text[1:])
    exact = Decimal(text[1:])
    if exact == exact.to_integral_value() and -(2**63) <= exact < 2**63 and text[0] == "i":
        return text[1:] if stringify and abs(exact) > _WIDE else Written(text[1:])
    if Decimal(repr(float(exact))) == exact:
        return Written(text[1:])
    if stringify:
        return text[1:]
    raise NotImplementedError("TO_JSON of a NUMERIC that FLOAT64 does not hold")


def _quoted_number(text: str) -> Any:
    """A number for TO_JSON_STRING: exact ones are plain when whole and within ±2^53."""
    if text[0] == "f":
        return Written(text[1:])
    exact = Decimal(text[1:])
    plain = abs(exact) <= _WIDE and exact == exact.to_integral_value()
    return Written(text[1:]) if plain else text[1:]


def json_float(value: float) -> str:
    """A FLOAT64, marked; NaN and infinities are text."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{_MARK}f{int(value) if value.is_integer() and abs(value) < 1e15 else repr(value)}"


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
    return scalar(loads(text))


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


def array_of(read_one: Callable[[str], Any], name: str) -> Callable[[str], list[Any]]:
    """INT64_ARRAY(json) and its kin."""

    def run(text: str) -> list[Any]:
        value = loads(text)
        if not isinstance(value, list):
            raise ValueError(f"The provided JSON input is not an array of {name}")
        return [read_one(dumps(v)) for v in value]

    return run


def lax_array_of(read_one: Callable[[str], Any]) -> Callable[[str], list[Any] | None]:
    """LAX_INT64_ARRAY(json) and its kin: NULL for what is no array."""

    def run(text: str) -> list[Any] | None:
        value = loads(text)
        return [read_one(dumps(v)) for v in value] if isinstance(value, list) else None

    return run


FUNCTIONS: dict[str, tuple[str, str, Any]] = {
    "parse_json": ("ss", "s", parse_json),
    "to_json": ("jb", "s", to_json),
    "to_json_string": ("jb", "s", to_json_string),
    "json_int": ("i", "s", lambda v: f"{_MARK}i{v}"),
    "json_float": ("f", "s", json_float),
    "json_number": ("s", "s", lambda v: f"{_MARK}n{v}"),
    "json_json": ("s", "s", lambda v: f"{_MARK}j{v}"),
    "json_date": ("d", "s", lambda v: v.isoformat()),
    "json_datetime": ("t", "s", lambda v: civil.datetime_text(v).replace(" ", "T")),
    "json_time": ("c", "s", civil.time_text),
    "json_timestamp": ("t", "s", lambda v: civil.datetime_text(v).replace(" ", "T") + "Z"),
    "json_int64": ("s", "i", json_int64),
    "json_float64": ("s", "f", json_float64),
    "json_bool": ("s", "b", json_bool),
    "json_string": ("s", "s", json_string),
    "lax_int64": ("s", "i", lax_int64),
    "lax_float64": ("s", "f", lax_float64),
    "lax_string": ("s", "s", lax_string),
    "lax_bool": ("s", "b", lax_bool),
    "json_int64_array": ("s", "I", array_of(json_int64, "integers")),
    "json_float64_array": ("s", "F", array_of(json_float64, "numbers")),
    "json_bool_array": ("s", "B", array_of(json_bool, "booleans")),
    "json_string_array": ("s", "S", array_of(json_string, "strings")),
    "lax_int64_array": ("s", "I", lax_array_of(lax_int64)),
    "lax_float64_array": ("s", "F", lax_array_of(lax_float64)),
    "lax_bool_array": ("s", "B", lax_array_of(lax_bool)),
    "lax_string_array": ("s", "S", lax_array_of(lax_string)),
}
