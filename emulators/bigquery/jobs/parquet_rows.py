"""Read the rows of a Parquet file in BigQuery's types.

Source: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from emulators.bigquery import schemas
from emulators.bigquery.errors import invalid, not_implemented
from emulators.bigquery.sql import types as t

Path = tuple[str, ...]
_FAULT = "Error while reading data, error message:"
_TYPES = [
    (pa.types.is_boolean, t.BOOL),
    (pa.types.is_integer, t.INT64),
    (pa.types.is_floating, t.FLOAT64),
    (pa.types.is_date, t.DATE),
    (pa.types.is_string, t.STRING),
    (pa.types.is_large_string, t.STRING),
    (pa.types.is_binary, t.BYTES),
    (pa.types.is_large_binary, t.BYTES),
    (pa.types.is_time, t.TIME),
]


def read(
    media: bytes, given: schemas.Fields | None, known: schemas.Fields | None, config: dict[str, Any]
) -> tuple[pa.Table, schemas.Fields]:
    """Rows and their schema: that of the file, with the types and modes of `given` or of the table's fields (`known`).

    Columns that are given and not in the file are NULL. Raises invalid for a file that is none and for types that
    differ, notImplemented for types without a counterpart here.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(media))
        rows = file.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise invalid(f"{_FAULT} Input file is not in Parquet format. {type(error).__name__}") from error
    if not (config.get("parquetOptions") or {}).get("enableListInference"):
        paths = [tuple(file.schema.column(i).path.split(".")) for i in range(len(file.schema))]
        columns = [_with_lists(c, (n,), paths) for n, c in zip(rows.schema.names, rows.columns, strict=True)]
        rows = pa.table(columns, schema=pa.schema(
            [f.with_type(c.type) for f, c in zip(rows.schema, columns, strict=True)]
        ))  # fmt: skip
    named = [(f.name, _type(f.type, f.name)) for f in rows.schema]
    required = frozenset(f.name for f in rows.schema if not f.nullable)
    found = schemas.checked(schemas.fields_of(named, required))
    wanted = {f["name"].lower(): f for f in given or known or []}
    for index, (field, (name, kind)) in enumerate(zip(found, named, strict=True)):
        if name.lower() in wanted:
            found[index] = _agreed(wanted.pop(name.lower()), field, kind, rows.column(index))
        elif given is not None:
            raise not_implemented(f"a Parquet file with a column that the given schema has not: {name}")
    columns = [_as(c, f) for c, f in zip(rows.columns, found, strict=True)]
    for field in wanted.values() if given is not None else ():
        if field["mode"] == "REQUIRED":
            raise invalid(f"{_FAULT} Required column '{field['name']}' is missing in the file")
        found.append(field)
        columns.append(pa.nulls(rows.num_rows, schemas.arrow_type(schemas.type_of(field))))
    return pa.table(columns, schema=schemas.arrow_schema(found)), found


def _agreed(wanted: dict[str, Any], field: dict[str, Any], kind: t.Type, column: pa.ChunkedArray) -> dict[str, Any]:
    """The column as the schema has it, if the file's type is the same; DATETIME and TIMESTAMP are both instants."""
    name, stated = field["name"], schemas.type_of(wanted)
    if stated != kind and {kind.kind, stated.kind} != {"DATETIME", "TIMESTAMP"}:
        raise invalid(
            f"{_FAULT} Provided Schema does not match: field {name} has type {kind} in the file and {stated} in the "
            "schema"
        )
    if wanted["mode"] == "REQUIRED" and column.null_count:
        raise invalid(f"{_FAULT} Required column '{name}' has null values")
    return wanted | {"name": name}


def _type(kind: pa.DataType, name: str) -> t.Type:
    if pa.types.is_struct(kind):
        return t.struct_of([(f.name, _type(f.type, f.name)) for f in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        element = _type(kind.value_type, name)
        if element.kind == "ARRAY":
            raise invalid(f"{_FAULT} Column {name} is a list of lists, which no column can be")
        return t.array_of(element)
    if pa.types.is_timestamp(kind):
        return t.TIMESTAMP if kind.tz else t.DATETIME
    if pa.types.is_decimal(kind) and 0 <= kind.scale <= 9 and kind.precision - kind.scale <= 29:
        return t.NUMERIC
    for test, found in _TYPES:
        if test(kind):
            return found
    raise not_implemented(f"the Parquet column {name} of type {kind}")


def _with_lists(column: pa.ChunkedArray, path: Path, paths: list[Path]) -> pa.ChunkedArray:
    """Without list inference a LIST is what Parquet makes of it: a record `list` that repeats a record `element`."""
    chunks = [_unfolded(c, path, paths) for c in column.chunks]
    return pa.chunked_array(chunks, chunks[0].type) if chunks else column


def _unfolded(array: pa.Array, path: Path, paths: list[Path]) -> pa.Array:
    if pa.types.is_struct(array.type):
        parts = [_unfolded(array.field(i), (*path, f.name), paths) for i, f in enumerate(array.type)]
        names = [f.name for f in array.type]
        return pa.StructArray.from_arrays(parts, names=names, mask=array.is_null())
    if not pa.types.is_list(array.type):
        return array
    below = next(p for p in paths if p[: len(path)] == path)[len(path) :]
    repeated, element = below[0], below[1]
    inner = _unfolded(array.values, (*path, repeated, element), paths)
    repeats = pa.ListArray.from_arrays(array.offsets, pa.StructArray.from_arrays([inner], names=[element]))
    return pa.StructArray.from_arrays([repeats], names=[repeated], mask=array.is_null())


def _as(column: pa.ChunkedArray, field: dict[str, Any]) -> pa.ChunkedArray:
    """In the Arrow type that rows of the column are kept in; finer times than microseconds are cut off."""
    wanted = schemas.arrow_type(schemas.type_of(field))
    try:
        if pa.types.is_timestamp(column.type):
            return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(wanted)
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if isinstance(error, pa.ArrowNotImplementedError):
            raise not_implemented(f"the Parquet column {field['name']} of type {column.type}") from error
        raise invalid(f"{_FAULT} A value of column {field['name']} does not fit its type {field['type']}") from error
