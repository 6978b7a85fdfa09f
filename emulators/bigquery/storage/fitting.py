"""Rows written under an older schema of their table as rows of the present one."""

from __future__ import annotations

import pyarrow as pa


def schemas_fit(rows: pa.Table, wanted: pa.Schema) -> pa.Table:
    """Rows written under an older schema as the present one: missing fields are NULL, dropped ones gone."""
    if rows.schema == wanted:
        return rows
    by_name = {name.lower(): i for i, name in enumerate(rows.schema.names)}
    columns = []
    for one in wanted:
        index = by_name.get(one.name.lower())
        if index is None:
            columns.append(pa.nulls(rows.num_rows, one.type))
        else:
            column = rows.column(index)
            if column.type != one.type:
                column = pa.chunked_array([_fit(c, one.type) for c in column.chunks], one.type)
            columns.append(column)
    return pa.table(columns, schema=wanted)


def _fit(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if array.type == wanted:
        return array
    if pa.types.is_list(wanted):
        values = _fit(array.values, wanted.value_type)
        return pa.ListArray.from_arrays(
            array.offsets, values, type=wanted, mask=array.is_null() if array.null_count else None
        )
    if pa.types.is_struct(wanted):
        by_name = {f.name.lower(): i for i, f in enumerate(array.type)}
        parts = []
        for one in wanted:
            index = by_name.get(one.name.lower())
            parts.append(pa.nulls(len(array), one.type) if index is None else _fit(array.field(index), one.type))
        return pa.StructArray.from_arrays(
            parts, fields=list(wanted), mask=array.is_null() if array.null_count else None
        )
    return array.cast(wanted)
