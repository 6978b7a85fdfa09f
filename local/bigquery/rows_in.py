"""Rows as load jobs, insertAll and query parameters give them, checked against a schema.

Source: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json#details_of_loading_json_data,
…/docs/streaming-data-into-bigquery
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from local.bigquery.functions import civil, numbers
from local.bigquery.schemas import Fields

_EPOCH = datetime(1970, 1, 1)
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


def _numeric(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(value)
    exact = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
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
    try:
        seconds = Decimal(str(value))
    except InvalidOperation:
        return civil.parse_timestamp(str(value))
    return _EPOCH + timedelta(microseconds=int((seconds * 1_000_000).to_integral_value()))


def _json(value: Any) -> str:
    # insertAll gives JSON columns as text, load jobs as values
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(value) from None
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


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
    readers: dict[str, tuple[str, Reader, bool]] = {}
    for field in fields:
        path = f"{prefix}{field['name']}"
        reader = _cell(field, path, ignore_unknown=ignore_unknown)
        readers[field["name"].lower()] = (field["name"], reader, field.get("mode") == "REQUIRED")
    blank: dict[str, Any] = {f["name"]: [] if f.get("mode") == "REPEATED" else None for f in fields}
    required = [(f["name"], f"{prefix}{f['name']}") for f in fields if f.get("mode") == "REQUIRED"]

    def read(row: Any) -> dict[str, Any]:
        if not isinstance(row, dict):
            raise BadValue("This field: " + (prefix.rstrip(".") or "row") + " is not a record.", prefix.rstrip("."))
        out = dict(blank)
        for key, value in row.items():
            found = readers.get(key.lower())
            if found is None:
                if ignore_unknown:
                    continue
                raise BadValue(f"no such field: {prefix}{key}.", f"{prefix}{key}")
            if value is not None:
                out[found[0]] = found[1](value)
        for name, path in required:
            if out[name] is None:
                raise BadValue(f"Missing required field: {path}.", path)
        return out

    return read


def _cell(field: dict[str, Any], path: str, *, ignore_unknown: bool) -> Reader:
    if field["type"] == "RECORD":
        one: Reader = _record(field["fields"], f"{path}.", ignore_unknown=ignore_unknown)
    else:
        convert, kind = _SCALARS[field["type"]], field["type"]

        def one(value: Any) -> Any:
            try:
                if kind not in {"JSON"} and isinstance(value, dict | list):
                    raise TypeError(value)
                return convert(value)
            except BadValue:
                raise
            except _ERRORS:
                raise BadValue(
                    f"Cannot convert value to {_WORDS.get(kind, kind.lower())} (bad value): {str(value)[:100]}", path
                ) from None

    if field.get("mode") != "REPEATED":
        if field["type"] == "JSON":
            return one

        def single(value: Any) -> Any:
            if isinstance(value, list):
                raise BadValue(f"Array specified for non-repeated field: {path}.", path)
            return one(value)

        return single

    def many(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise BadValue(f"Non-array specified for repeated field: {path}.", path)
        if any(v is None for v in value):
            raise BadValue(f"Only optional fields can be set to NULL. Field: {path}; Value: NULL", path)
        return [one(v) for v in value]

    return many


_WORDS = {"INTEGER": "integer", "FLOAT": "floating point", "BOOLEAN": "boolean"}
