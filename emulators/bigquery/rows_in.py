"""Rows as load jobs, insertAll and query parameters give them, checked against a schema.

Source: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json#details_of_loading_json_data,
…/docs/streaming-data-into-bigquery
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from emulators.bigquery import column_limits
from emulators.bigquery.functions import civil, json_text, numbers
from emulators.bigquery.schemas import Fields

_EPOCH = datetime(1970, 1, 1)
_CANONICAL = len("2024-01-15T12:00:00Z")
Reader = Callable[[Any], Any]


class BadValue(ValueError):
    """A value that does not fit its column: what is wrong and in which field."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


def _int(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError(value)
        value = int(value)
    number = value if isinstance(value, int) else numbers.parse_int(str(value))
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(value)
    return float(value) if isinstance(value, int | float) else numbers.parse_float(str(value))


def _exact(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(value)
    exact = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    numbers.to_numeric(exact)
    return exact


def _numeric(value: Any) -> Decimal:
    exact = _exact(value)
    rounded = numbers.to_numeric(exact)
    if rounded != exact:
        raise ValueError(value)  # loads refuse to round, unlike CAST
    return rounded


def _bignumeric(value: Any) -> str:
    return numbers.to_bignumeric(Decimal(repr(value) if isinstance(value, float) else str(value).strip()))


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in {"true", "t", "yes", "y", "1"}:
        return True
    if word in {"false", "f", "no", "n", "0"}:
        return False
    raise ValueError(value)


def _string(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return numbers.float_text(value)
    return str(value)


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error:
        raise ValueError(value) from None


def _date(value: Any) -> date:
    if not isinstance(value, str):
        raise TypeError(value)
    return civil.parse_date(value)


def _datetime(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError(value)
    return civil.parse_datetime(value)


def _time(value: Any) -> time:
    if not isinstance(value, str):
        raise TypeError(value)
    return civil.parse_time(value)


def _timestamp(value: Any) -> datetime:
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, int | float):
        return _EPOCH + timedelta(microseconds=int((Decimal(repr(value)) * 1_000_000).to_integral_value()))
    if len(value) == _CANONICAL and value[4] == value[7] == "-" and value[10] in "T " and value[-1] == "Z":
        return datetime.fromisoformat(value[:-1])  # 2024-01-15T12:00:00Z: what exports are full of
    try:
        seconds = Decimal(str(value))
    except InvalidOperation:
        return civil.parse_timestamp(str(value))
    return _EPOCH + timedelta(microseconds=int((seconds * 1_000_000).to_integral_value()))


def _json(value: Any) -> str:
    # insertAll gives JSON columns as text, load jobs as values
    if isinstance(value, str):
        try:
            return json_text.canonical(value)
        except ValueError:
            raise ValueError(value) from None
    return json_text.dumps(value)


_SCALARS: dict[str, Reader] = {
    "INTEGER": _int, "FLOAT": _float, "NUMERIC": _numeric, "BIGNUMERIC": _bignumeric, "BOOLEAN": _bool,
    "STRING": _string, "BYTES": _bytes, "DATE": _date, "DATETIME": _datetime, "TIME": _time, "TIMESTAMP": _timestamp,
    "JSON": _json,
}  # fmt: skip
_ERRORS = (ValueError, TypeError, ArithmeticError)


def scalar(kind: str, value: Any) -> Any:
    """One scalar of a REST type; raises ValueError, TypeError or ArithmeticError."""
    return _SCALARS[kind](value)


def row_reader(fields: Fields, *, ignore_unknown: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function from a JSON row to a checked row with every column; raises BadValue naming field and fault."""
    return _record(fields, "", ignore_unknown=ignore_unknown)


def _record(fields: Fields, prefix: str, *, ignore_unknown: bool) -> Callable[[Any], dict[str, Any]]:
    # name, how to read, and the Python type whose values need no reading: a load is mostly strings and floats
    readers: dict[str, tuple[str, Reader, type | None]] = {}
    for field in fields:
        path = f"{prefix}{field['name']}"
        reader = _cell(field, path, ignore_unknown=ignore_unknown)
        plain = None if field.get("mode") == "REPEATED" or column_limits.limit(field) else _PLAIN.get(field["type"])
        readers[field["name"]] = readers[field["name"].lower()] = (field["name"], reader, plain)
    singles: dict[str, Any] = {f["name"]: None for f in fields}
    repeated = [f["name"] for f in fields if f.get("mode") == "REPEATED"]
    required = [(f["name"], f"{prefix}{f['name']}") for f in fields if f.get("mode") == "REQUIRED"]

    def read(row: Any) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise BadValue("This field: " + (prefix.rstrip(".") or "row") + " is not a record.", prefix.rstrip("."))
        out = singles.copy()
        for name in repeated:
            out[name] = []
        for key, value in row.items():
            found = readers.get(key) or readers.get(key.lower())
            if found is None:
                if ignore_unknown:
                    continue
                raise BadValue(f"no such field: {prefix}{key}.", f"{prefix}{key}")
            if value is not None:
                out[found[0]] = value if type(value) is found[2] else found[1](value)
        for name, path in required:
            if out[name] is None:
                raise BadValue(f"Missing required field: {path}.", path)
        return out

    return read


def _cell(field: dict[str, Any], path: str, *, ignore_unknown: bool) -> Reader:
    one = _one(field, path, ignore_unknown=ignore_unknown)
    if field.get("mode") != "REPEATED":
        return one

    def many(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise BadValue(f"Non-array specified for repeated field: {path}.", path)
        if None in value:
            raise BadValue(f"Only optional fields can be set to NULL. Field: {path}; Value: NULL", path)
        return [one(v) for v in value]

    return many


def _one(field: dict[str, Any], path: str, *, ignore_unknown: bool) -> Reader:
    """How a single value of the field is read, an element if it is repeated."""
    if field["type"] == "RECORD":
        record = _record(field["fields"], f"{path}.", ignore_unknown=ignore_unknown)

        def single(value: Any) -> Any:
            if isinstance(value, list):
                raise BadValue(f"Array specified for non-repeated field: {path}.", path)
            return record(value)

        return single
    convert, kind, limit = _SCALARS[field["type"]], field["type"], column_limits.limit(field)
    if limit is not None and kind == "NUMERIC":
        convert = _exact  # rounded by the limit

    def scalar_value(value: Any) -> Any:
        if kind != "JSON" and isinstance(value, dict | list):
            if isinstance(value, list):
                raise BadValue(f"Array specified for non-repeated field: {path}.", path)
            raise BadValue(f"This field: {path} is not a record.", path)
        try:
            converted = convert(value)
        except _ERRORS:
            word = _WORDS.get(kind, kind.lower())
            raise BadValue(f"Cannot convert value to {word} (bad value): {str(value)[:100]}", path) from None
        try:
            return converted if limit is None else limit(converted)
        except ValueError as error:
            raise BadValue(f"{error} in field {path}.", path) from None

    return scalar_value


_PLAIN: dict[str, type] = {"STRING": str, "FLOAT": float, "BOOLEAN": bool}
_WORDS = {"INTEGER": "integer", "FLOAT": "floating point", "BOOLEAN": "boolean"}
