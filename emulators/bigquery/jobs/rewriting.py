"""Give stored rows the columns that ALTER TABLE leaves: rows know their columns by name, so they are written again.

Source: https://cloud.google.com/bigquery/docs/managing-table-schemas
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from emulators.bigquery import schemas
from emulators.bigquery.errors import not_implemented
from emulators.bigquery.functions import numbers
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.contents import Change
from emulators.bigquery.storage.records import TableRecord


def alter_table(
    catalog: Catalog, old: TableRecord, body: dict[str, Any], origins: list[str | None], name: str | None
) -> None:
    """Put the new record in place, and the rows if a column went, or has another name or type; in a transaction.

    `origins` are the old names of the new columns, None for one that is added. Raises conditionNotMet if `old` is not
    the latest, notImplemented for rows that are still in the streaming buffer.
    """
    new = catalog.update_table(old, body, name=name)
    kept = [n for n in origins if n is not None]
    before = {n: schemas.arrow_type(kind) for n, kind in old.columns}
    same = all(
        n is None or (n == field.name and before[n] == field.type) for n, field in zip(origins, new.arrow, strict=True)
    )
    if same and len(kept) == len(old.columns):
        return
    if catalog.has_young_streamed_rows(old.uid):
        raise not_implemented("dropping, renaming or retyping columns of a table with rows in the streaming buffer")

    def rewritten() -> Iterator[tuple[str, pa.Table]]:
        for _, part, _, data, file in catalog.manifest(old.uid):
            rows = catalog.read(old, data, file)
            columns = [
                pa.nulls(rows.num_rows, field.type) if n is None else _retyped(rows.column(n), field.type)
                for n, field in zip(origins, new.arrow, strict=True)
            ]
            yield part, pa.table(columns, schema=new.arrow)

    catalog.change(Change(new.uid, fragments.write_parts(catalog.files, rewritten(), new.columns), "all"))


def _retyped(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Values of a type that may become another one: INT64 and NUMERIC as NUMERIC, FLOAT64 or BIGNUMERIC's text."""
    if column.type == wanted:
        return column
    if pa.types.is_string(wanted):
        texts = [None if v is None else numbers.to_bignumeric(Decimal(v)) for v in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, wanted)])
    return column.cast(wanted, safe=False)
