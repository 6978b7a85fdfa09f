"""Hold the values of columns to the parameters of their types, such as STRING(L) and NUMERIC(P, S)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from emulators.bigquery.errors import invalid_query
from emulators.bigquery.functions import limits

_LIMITS: dict[str, Callable[..., Any]] = {
    "STRING": limits.text, "BYTES": limits.octets, "NUMERIC": limits.numeric, "BIGNUMERIC": limits.bignumeric,
}  # fmt: skip


def limit(field: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What holds one value of a scalar column to its parameters (ValueError, or the value, rounded); None without."""
    length, precision = field.get("maxLength"), field.get("precision")
    check = _LIMITS.get(field["type"])
    if check is None or not (length or precision):
        return None
    numbers = (int(length),) if length else (int(str(precision)), int(field.get("scale", 0)))
    return lambda value: check(value, *numbers)


def enforced(rows: pa.Table, fields: list[dict[str, Any]]) -> pa.Table:
    """The rows as a table of these fields takes them; raises invalidQuery for a value that does not fit."""
    for index, field in enumerate(fields):
        hold = _holder(field)
        if hold is None:
            continue
        column = rows.column(index)
        try:
            held = pa.array([hold(value) for value in column.to_pylist()], column.type)
        except ValueError as error:
            raise invalid_query(f"{error} in column {field['name']}") from None
        rows = rows.set_column(index, rows.schema.field(index), held)
    return rows


def _holder(field: dict[str, Any]) -> Callable[[Any], Any] | None:
    """What holds one cell to its column's parameters, inside arrays and records too; None where there are none."""
    one = limit(field)
    if field["type"] == "RECORD":
        inner = {f["name"]: hold for f in field["fields"] if (hold := _holder(f)) is not None}
        if inner:

            def record(value: dict[str, Any]) -> dict[str, Any]:
                return value | {name: hold(value[name]) for name, hold in inner.items()}

            one = record
    if one is None:
        return None
    single = one
    if field.get("mode") == "REPEATED":
        return lambda cell: None if cell is None else [None if value is None else single(value) for value in cell]
    return lambda cell: None if cell is None else single(cell)
