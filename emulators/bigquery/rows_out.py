"""Rows as the REST API writes them: {"f": [{"v": …}]}, every scalar as text.

Source: https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/list, …/v2/DataFormatOptions
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from emulators.bigquery.functions import calendar, numbers
from emulators.bigquery.sql import types as t

Encoder = Callable[[Any], Any]


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _timestamp_float(value: datetime) -> str:
    micros = calendar.micros(value)
    return f"{Decimal(micros).scaleb(-6).normalize():E}".replace("E+", "E") if micros else "0.0"


def _datetime(value: datetime) -> str:
    return value.isoformat()


def encoder(kind: t.Type, *, int_timestamps: bool = True) -> Encoder:
    """How a value of the type is written; NULL is null, a NULL array is empty."""
    if kind.kind == "ARRAY":
        inner = encoder(kind.of, int_timestamps=int_timestamps)
        return lambda value: [{"v": None if v is None else inner(v)} for v in value or ()]
    if kind.kind == "STRUCT":
        parts = [
            (name, encoder(k, int_timestamps=int_timestamps), k.kind == "ARRAY")
            for name, k in zip(kind.duck_names, kind.types, strict=True)
        ]
        return lambda value: {
            "f": [{"v": one(value[n]) if value[n] is not None or many else None} for n, one, many in parts]
        }
    scalars: dict[str, Encoder] = {
        "INT64": str,
        "FLOAT64": _float,
        "NUMERIC": numbers.numeric_text,
        "BOOL": lambda v: "true" if v else "false",
        "BYTES": lambda v: base64.b64encode(v).decode(),
        "DATE": lambda v: v.isoformat(),
        "DATETIME": _datetime,
        "TIME": lambda v: v.isoformat(),
        "TIMESTAMP": (lambda v: str(calendar.micros(v))) if int_timestamps else _timestamp_float,
    }
    return scalars.get(kind.kind, lambda v: v)


def encode(table: pa.Table, kinds: list[t.Type], *, int_timestamps: bool = True) -> list[dict[str, Any]]:
    """All rows of an Arrow table."""
    columns = []
    for column, kind in zip(table.columns, kinds, strict=True):
        one = encoder(kind, int_timestamps=int_timestamps)
        values = column.to_pylist()
        if kind.kind == "ARRAY":
            columns.append([{"v": one(v)} for v in values])
        else:
            columns.append([{"v": None if v is None else one(v)} for v in values])
    return [{"f": list(cells)} for cells in zip(*columns, strict=True)]
