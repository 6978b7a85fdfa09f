"""Snapshots of tables in DuckDB, by (table, epoch): filled as fragments come, dropped when memory is short."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from emulators.bigquery import partitions
from emulators.bigquery.locks import TableLocks
from emulators.bigquery.sql import types as t
from emulators.bigquery.sql.tables import table_name
from emulators.bigquery.storage.catalog import Catalog
from emulators.bigquery.storage.records import TableRecord

# Snapshots beyond this many bytes, or this many of them, are dropped, the least recently used first.
_CACHE_BYTES = 1024 * 1024 * 1024
_CACHE_TABLES = 2_000
SEQUENCE = " seq"  # no BigQuery column can have such a name
PARTITION_TIME = "_PARTITIONTIME"


@dataclass
class _Snapshot:
    """One DuckDB table: all fragments of a table's epoch up to `seq`."""

    name: str
    seq: int
    size: int
    pins: int = 0


class StaleTable(Exception):
    """A table changed its schema, or went away, between analysis and execution: analyse again."""


class Snapshots:
    """What DuckDB holds of the catalog's tables. Every method may be called from any thread.

    `cursor` gives the connection of the calling thread.
    """

    def __init__(self, catalog: Catalog, cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._catalog = catalog
        self._cursor = cursor
        self._lock = threading.Lock()
        self._snapshots: OrderedDict[tuple[int, int], _Snapshot] = OrderedDict()
        self._size = 0
        self._loading = TableLocks()

    @contextlib.contextmanager
    def sources(self, tables: list[TableRecord], *, row_ids: int | None = None) -> Iterator[str]:
        """The WITH items that bind compiled table names to the tables' content as it is now.

        `row_ids` names the table whose rows also get "_bq_row", which says which row it is.
        """
        pinned: list[_Snapshot] = []
        items = []
        try:
            for compiled in tables:
                table, snapshot = self._pin_current(compiled)
                seq = table.seq
                pinned.append(snapshot)
                extra = ', rowid AS "_bq_row"' if table.uid == row_ids else ""
                where = "" if snapshot.seq == seq else f' WHERE "{SEQUENCE}" <= {seq}'
                columns = [t.quote(name) for name, _ in table.columns]
                if table.info.ingestion_time:
                    columns.append(t.quote(PARTITION_TIME))
                listed = ", ".join(columns) + extra
                items.append(
                    f"{table_name(table.uid)} AS NOT MATERIALIZED (SELECT {listed} FROM {snapshot.name}{where})"
                )
            yield ", ".join(items)
        finally:
            with self._lock:
                for snapshot in pinned:
                    snapshot.pins -= 1
                self._shrink()

    def _pin_current(self, compiled: TableRecord) -> tuple[TableRecord, _Snapshot]:
        """The table as it is now, its content loaded; raises StaleTable when its schema has changed."""
        while True:
            table = self._catalog.table(compiled.key)
            if (table.uid, table.version) != (compiled.uid, compiled.version):
                raise StaleTable(compiled.path)
            snapshot = self._pin(table)
            now = self._catalog.find_table(compiled.key)
            if now is not None and (now.uid, now.epoch) == (table.uid, table.epoch):
                return table, snapshot
            with self._lock:  # replaced while it was being loaded: what was read may be of two epochs
                snapshot.pins -= 1
                if not snapshot.pins:
                    self._drop((table.uid, table.epoch))

    def _pin(self, table: TableRecord) -> _Snapshot:
        key = table.uid, table.epoch
        with self._loading.holding(table.uid):
            with self._lock:
                found = self._snapshots.get(key)
                if found is not None and found.seq >= table.seq:
                    found.pins += 1
                    self._snapshots.move_to_end(key)
                    return found
            if found is None:
                found = self._create(table)
            self._load(table, found)
            with self._lock:
                found.pins += 1
                self._snapshots[key] = found
                self._snapshots.move_to_end(key)
                for other in [k for k in self._snapshots if k[0] == table.uid and k[1] < table.epoch]:
                    if not self._snapshots[other].pins:
                        self._drop(other)
            return found

    def _create(self, table: TableRecord) -> _Snapshot:
        name = f"d_{table.uid}_{table.epoch}"
        columns = [f"{t.quote(n)} {k.duck}" for n, k in table.columns]
        if table.info.ingestion_time:
            columns.append(f"{t.quote(PARTITION_TIME)} TIMESTAMP")
        columns.append(f'"{SEQUENCE}" BIGINT')
        self._cursor().execute(f"CREATE OR REPLACE TABLE {name} ({', '.join(columns)})")
        return _Snapshot(name, 0, 0)

    def _load(self, table: TableRecord, snapshot: _Snapshot) -> None:
        parts = []
        for seq, part, content in self._catalog.additions(table, after=snapshot.seq):
            rows = content.num_rows
            if table.info.ingestion_time:
                begins = pa.array([partitions.start_of(part)] * rows, pa.timestamp("us"))
                content = content.append_column(PARTITION_TIME, begins)  # noqa: PLW2901 - the same rows, with more in them
            parts.append(content.append_column(SEQUENCE, pa.array([seq] * rows, pa.int64())))
        if parts:
            incoming, cursor = pa.concat_tables(parts), self._cursor()
            cursor.register("bq_incoming", incoming)
            try:
                cursor.execute(f"INSERT INTO {snapshot.name} SELECT * FROM bq_incoming")
            finally:
                cursor.unregister("bq_incoming")
            snapshot.size += incoming.nbytes
            with self._lock:
                self._size += incoming.nbytes
        snapshot.seq = max(snapshot.seq, table.seq)

    def _drop(self, key: tuple[int, int]) -> None:
        snapshot = self._snapshots.pop(key)
        self._size -= snapshot.size
        self._cursor().execute(f"DROP TABLE IF EXISTS {snapshot.name}")

    def _shrink(self) -> None:
        if self._size <= _CACHE_BYTES and len(self._snapshots) <= _CACHE_TABLES:
            return
        for key in list(self._snapshots):
            if not self._snapshots[key].pins:
                self._drop(key)
            if self._size <= _CACHE_BYTES and len(self._snapshots) <= _CACHE_TABLES:
                return
