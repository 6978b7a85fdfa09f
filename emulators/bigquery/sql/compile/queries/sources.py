"""What FROM makes visible: the columns of a table, and the fields of a source whose rows are single values.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#from_clause,
…/docs/querying-partitioned-tables#query_an_ingestion-time_partitioned_table
"""

from __future__ import annotations

from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.compile.scans import NO_SCANS, Scans
from emulators.bigquery.sql.compile.scope import Column, Source
from emulators.bigquery.sql.tables import TableInfo


def table_columns(table: TableInfo, alias: str, scans: Scans = NO_SCANS) -> list[Column]:
    """The columns of a table, with the pseudo columns of ingestion-time partitioning."""
    field = (table.partition_field or "").lower()
    columns = [
        Column(
            n, k, f"{alias}.{t.quote(n)}", frozenset({(table.uid, n)}),
            partitions=scans if n.lower() == field else NO_SCANS,
        )
        for n, k in table.columns
    ]  # fmt: skip
    if table.ingestion_time:
        reads = frozenset({(table.uid, "_PARTITIONTIME")})
        sql = f'{alias}."_PARTITIONTIME"'
        columns.append(Column("_PARTITIONTIME", t.TIMESTAMP, sql, reads, hidden=True, partitions=scans))
        if table.partition_type == "DAY":
            sql = f"CAST({sql} AS DATE)"
            columns.append(Column("_PARTITIONDATE", t.DATE, sql, reads, hidden=True, partitions=scans))
    return columns


def value_source(alias: str | None, column: Column) -> Source:
    """A source whose rows are single values; the fields of structs are its columns."""
    if column.type.kind != "STRUCT":
        return Source(
            alias, [column] if alias else [Column("f0_", column.type, column.sql, column.reads)], value=column
        )
    fields = [
        Column(name, kind, f"struct_extract({column.sql}, {t.text(duck)})", column.reads)
        for (name, kind), duck in zip(column.type.fields, column.type.duck_names, strict=True)
    ]
    return Source(alias, fields, value=column)
