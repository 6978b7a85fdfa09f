"""Datasets and tables: their records, their manifests of fragments, and how both change."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from local.bigquery import schemas
from local.bigquery.errors import ApiError, duplicate, not_found
from local.bigquery.sql import types as t
from local.bigquery.sql.analysis import TableInfo
from local.bigquery.storage import fragments
from local.bigquery.storage.database import Database

# Streamed rows become ordinary ones after this; DML page, "recently streamed rows".
STREAMING_MS = 30 * 60 * 1000
_CACHED = 20_000
# Small fragments of a table are merged when there are more than this.
_MERGE_AT = 64
# A file that no manifest names any more is deleted after this; what is left at the end goes at the next start.
_LINGER_S = 60.0

Key = tuple[str, str, str]


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset; `body` holds what the caller may set."""

    project: str
    dataset: str
    location: str
    body: dict[str, Any]
    etag: str
    created_ms: int
    modified_ms: int


@dataclass(frozen=True)
class TableRecord:
    """A table or view; `body` holds what the caller may set, `body["schema"]` its fields.

    `version` counts changes of the record, `epoch` replacements of content, `seq` additions to it.
    """

    uid: int
    project: str
    dataset: str
    name: str
    body: dict[str, Any]
    etag: str
    created_ms: int
    modified_ms: int
    version: int
    epoch: int
    seq: int

    @property
    def key(self) -> Key:
        """Project, dataset, table."""
        return self.project, self.dataset, self.name

    @property
    def path(self) -> str:
        """As messages name it."""
        return f"{self.project}:{self.dataset}.{self.name}"

    @property
    def fields(self) -> schemas.Fields:
        """The REST schema."""
        found: schemas.Fields = self.body.get("schema", [])
        return found

    @property
    def is_view(self) -> bool:
        """Whether it is a logical view."""
        return "view" in self.body

    @cached_property
    def columns(self) -> tuple[tuple[str, t.Type], ...]:
        """Names and types."""
        return schemas.columns(self.fields)

    @cached_property
    def arrow(self) -> pa.Schema:
        """How its rows are kept."""
        return schemas.arrow_schema(self.fields)

    @cached_property
    def info(self) -> TableInfo:
        """What the analyzer sees."""
        time, ranged = self.body.get("timePartitioning"), self.body.get("rangePartitioning")
        return TableInfo(
            self.uid, self.project, self.dataset, self.name, self.columns,
            frozenset(f["name"] for f in self.fields if f["mode"] == "REQUIRED"),
            self.body["view"]["query"] if self.is_view else None,
            (time or {}).get("field") or (ranged or {}).get("field"),
            time["type"] if time else "RANGE" if ranged else None,
            bool(self.body.get("requirePartitionFilter") or (time or {}).get("requirePartitionFilter")),
        )  # fmt: skip


@dataclass
class Change:
    """New content for a table: which fragments go, which come.

    `replace` is None (append), 'all', or a partition id; `fields` the new schema if it changes.
    """

    uid: int
    add: list[fragments.Fragment] = field(default_factory=list)
    replace: str | None = None
    fields: schemas.Fields | None = None
    streamed: bool = False
    keep_streamed: bool = False


def etag(*parts: Any) -> str:
    """An opaque tag that changes with its parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:22] + "=="


class Catalog:
    """All datasets and tables. Reads may come from any thread; a record read is never changed."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self.database = database
        self.clock_ms = clock_ms
        self.files = database.directory / "fragments"
        self._tables: OrderedDict[Key, TableRecord] = OrderedDict()
        self._datasets: OrderedDict[tuple[str, str], DatasetRecord] = OrderedDict()
        self._garbage: deque[tuple[float, str]] = deque()
        database.on_rollback += [self._tables.clear, self._datasets.clear]

    def remove_orphans(self) -> None:
        """Delete files that no manifest names: a process died between writing and committing them."""
        if not self.files.is_dir():
            return
        known = {name for (name,) in self.database.rows("SELECT file FROM fragments WHERE file IS NOT NULL")}
        known |= {name for (name,) in self.database.rows("SELECT file FROM jobs WHERE file IS NOT NULL")}
        for path in self.files.iterdir():
            if path.name not in known:
                path.unlink()

    # -- datasets --------------------------------------------------------------------------------------

    def dataset(self, project: str, dataset: str) -> DatasetRecord:
        """A dataset; raises notFound."""
        key = project, dataset
        found = self._datasets.get(key)
        if found is None:
            with self.database.alone():  # what is remembered must not be older than what is committed
                row = self.database.row("SELECT * FROM datasets WHERE project = ? AND dataset = ?", *key)
                if row is None:
                    raise not_found(f"Not found: Dataset {project}:{dataset}")
                found = _dataset(row)
                self._remember(self._datasets, key, found)
        return found

    def create_dataset(self, project: str, dataset: str, location: str, body: dict[str, Any]) -> DatasetRecord:
        """A new dataset; raises duplicate."""
        now = self.clock_ms()
        record = DatasetRecord(project, dataset, location, body, etag(project, dataset, now, body), now, now)
        with self.database.transaction() as db:
            taken = db.execute(
                "SELECT 1 FROM datasets WHERE project = ? AND dataset = ?", (project, dataset)
            ).fetchone()
            if taken:
                raise duplicate(f"Already Exists: Dataset {project}:{dataset}")
            db.execute(
                "INSERT INTO datasets VALUES (?,?,?,?,?,?,?)",
                (project, dataset, location, json.dumps(body), record.etag, now, now),
            )
        return record

    def update_dataset(self, old: DatasetRecord, body: dict[str, Any]) -> DatasetRecord:
        """Replace what the caller may set."""
        now = self.clock_ms()
        new = DatasetRecord(
            old.project, old.dataset, old.location, body, etag(old.etag, now, body), old.created_ms, now
        )
        with self.database.transaction() as db:
            cursor = db.execute(
                "UPDATE datasets SET body = ?, etag = ?, modified_ms = ? WHERE project = ? AND dataset = ?",
                (json.dumps(body), new.etag, now, old.project, old.dataset),
            )
            if not cursor.rowcount:
                raise not_found(f"Not found: Dataset {old.project}:{old.dataset}")
        self._datasets.pop((old.project, old.dataset), None)
        return new

    def delete_dataset(self, project: str, dataset: str, *, contents: bool) -> None:
        """Delete a dataset; raises resourceInUse when it holds tables and `contents` is not given."""
        with self.database.transaction() as db:
            self.dataset(project, dataset)
            tables = self.table_names(project, dataset)
            if tables and not contents:
                raise ApiError(400, "resourceInUse", f"Dataset {project}:{dataset} is still in use")
            for name in tables:
                self.delete_table((project, dataset, name))
            db.execute("DELETE FROM datasets WHERE project = ? AND dataset = ?", (project, dataset))
        self._datasets.pop((project, dataset), None)

    def datasets(self, project: str, after: str, limit: int) -> list[DatasetRecord]:
        """Datasets in order of their names, after one."""
        rows = self.database.rows(
            "SELECT * FROM datasets WHERE project = ? AND dataset > ? ORDER BY dataset LIMIT ?", project, after, limit
        )
        return [_dataset(r) for r in rows]

    # -- tables ----------------------------------------------------------------------------------------

    def find_table(self, key: Key) -> TableRecord | None:
        """A table, or None."""
        found = self._tables.get(key)
        if found is None:
            with self.database.alone():
                row = self.database.row("SELECT * FROM tables WHERE project = ? AND dataset = ? AND name = ?", *key)
                if row is None:
                    return None
                found = _table(row)
                self._remember(self._tables, key, found)
        return found

    def table(self, key: Key) -> TableRecord:
        """A table; raises notFound for it or its dataset."""
        found = self.find_table(key)
        if found is None:
            self.dataset(key[0], key[1])
            raise not_found(f"Not found: Table {key[0]}:{key[1]}.{key[2]}")
        return found

    def create_table(self, key: Key, body: dict[str, Any]) -> TableRecord:
        """A new table; raises duplicate, or notFound for its dataset."""
        now = self.clock_ms()
        with self.database.transaction() as db:
            self.dataset(key[0], key[1])
            if db.execute("SELECT 1 FROM tables WHERE project = ? AND dataset = ? AND name = ?", key).fetchone():
                raise duplicate(f"Already Exists: Table {key[0]}:{key[1]}.{key[2]}")
            tag = etag(key, now, body)
            cursor = db.execute(
                "INSERT INTO tables (project, dataset, name, body, etag, created_ms, modified_ms, version, epoch, seq)"
                " VALUES (?,?,?,?,?,?,?,1,1,0)",
                (*key, json.dumps(body), tag, now, now),
            )
            uid = int(cursor.lastrowid or 0)
        self._tables.pop(key, None)
        return TableRecord(uid, *key, body, tag, now, now, 1, 1, 0)

    def update_table(self, old: TableRecord, body: dict[str, Any], *, name: str | None = None) -> TableRecord:
        """Replace what the caller may set; `name` renames; raises conditionNotMet if `old` is not the latest."""
        now = self.clock_ms()
        with self.database.transaction() as db:
            if name is not None and self.find_table((old.project, old.dataset, name)) is not None:
                raise duplicate(f"Already Exists: Table {old.project}:{old.dataset}.{name}")
            cursor = db.execute(
                "UPDATE tables SET body = ?, etag = ?, modified_ms = ?, version = version + 1, "
                "epoch = epoch + 1, name = ?"
                " WHERE uid = ? AND version = ?",
                (json.dumps(body), etag(old.etag, now, body), now, name or old.name, old.uid, old.version),
            )
            if not cursor.rowcount:
                raise ApiError(412, "conditionNotMet", f"Precondition check failed: {old.path} has changed.")
        self._tables.pop(old.key, None)
        return self.table((old.project, old.dataset, name or old.name))

    def delete_table(self, key: Key) -> None:
        """Delete a table with its rows; raises notFound."""
        with self.database.transaction() as db:
            old = self.table(key)
            files = db.execute("SELECT file FROM fragments WHERE uid = ? AND file IS NOT NULL", (old.uid,)).fetchall()
            db.execute("DELETE FROM fragments WHERE uid = ?", (old.uid,))
            db.execute("DELETE FROM tables WHERE uid = ?", (old.uid,))
            self._discard(files)
        self._tables.pop(key, None)

    def tables(self, project: str, dataset: str, after: str, limit: int) -> list[TableRecord]:
        """Tables in order of their names, after one."""
        rows = self.database.rows(
            "SELECT * FROM tables WHERE project = ? AND dataset = ? AND name > ? ORDER BY name LIMIT ?",
            project, dataset, after, limit,
        )  # fmt: skip
        return [_table(r) for r in rows]

    def table_names(self, project: str, dataset: str) -> list[str]:
        """All names in a dataset."""
        return [n for (n,) in self.database.rows(
            "SELECT name FROM tables WHERE project = ? AND dataset = ? ORDER BY name", project, dataset
        )]  # fmt: skip

    def statistics(self, uid: int) -> dict[str, int]:
        """Rows and bytes stored, and those still in the streaming buffer."""
        young = self.clock_ms() - STREAMING_MS
        row = self.database.row(
            "SELECT SUM(CASE WHEN buffered THEN 0 ELSE rows END), SUM(CASE WHEN buffered THEN 0 ELSE bytes END),"
            " SUM(CASE WHEN buffered THEN rows ELSE 0 END), SUM(CASE WHEN buffered THEN bytes ELSE 0 END),"
            " MIN(CASE WHEN buffered THEN created_ms END) FROM"
            " (SELECT rows, bytes, created_ms, streamed AND created_ms > ? AS buffered FROM fragments WHERE uid = ?)",
            young, uid,
        )  # fmt: skip
        assert row is not None
        names = ("rows", "bytes", "streamed_rows", "streamed_bytes", "oldest_ms")
        return {name: int(value or 0) for name, value in zip(names, row, strict=True)}

    # -- content ---------------------------------------------------------------------------------------

    def change(self, change: Change, *, check: Callable[[TableRecord], None] | None = None) -> TableRecord:
        """Put new content in place, all at once; `check` sees the table within the transaction and may raise.

        Within `database.transaction()` it becomes part of that.
        """
        now = self.clock_ms()
        with self.database.transaction() as db:
            row = db.execute("SELECT * FROM tables WHERE uid = ?", (change.uid,)).fetchone()
            if row is None:
                raise not_found("Not found: the table was deleted while the job was running")
            old = _table(row)
            if check is not None:
                check(old)
            gone: list[tuple[str]] = []
            if change.replace is not None:
                where = "uid = ?"
                args: list[Any] = [change.uid]
                if change.replace != "all":
                    where, args = "uid = ? AND part = ?", [change.uid, change.replace]
                if change.keep_streamed:
                    where += f" AND NOT (streamed AND created_ms > {now - STREAMING_MS})"
                gone = db.execute(f"SELECT file FROM fragments WHERE {where} AND file IS NOT NULL", args).fetchall()
                db.execute(f"DELETE FROM fragments WHERE {where}", args)
            seq = old.seq
            for piece in change.add:
                seq += 1
                db.execute(
                    "INSERT INTO fragments (uid, seq, part, rows, bytes, leaves, streamed, created_ms, data, file)"
                    " VALUES (?,?,?,?,?,?,?,?,?,?)",
                    (
                        change.uid,
                        seq,
                        piece.part,
                        piece.rows,
                        piece.size,
                        piece.leaves,
                        change.streamed,
                        now,
                        piece.data,
                        piece.file,
                    ),
                )
            epoch = old.epoch + (1 if change.replace is not None or change.fields is not None else 0)
            body = old.body if change.fields is None else old.body | {"schema": change.fields}
            db.execute(
                "UPDATE tables SET body = ?, etag = ?, modified_ms = ?, version = version + ?, "
                "epoch = ?, seq = ? WHERE uid = ?",
                (
                    json.dumps(body),
                    etag(old.etag, now, seq),
                    now,
                    int(change.fields is not None),
                    epoch,
                    seq,
                    change.uid,
                ),
            )
            if change.replace is None:
                gone += self._merge_small(old, seq)
            self._discard(gone)
        self._tables.pop(old.key, None)
        return self.table(old.key)

    def _merge_small(self, table: TableRecord, seq: int) -> list[tuple[str]]:
        """Merge many small fragments into one, so that a table fed row by row stays quick to read."""
        if seq % _MERGE_AT:
            return []
        db = self.database
        with db.transaction() as connection:
            groups = connection.execute(
                "SELECT part, streamed, COUNT(*) FROM fragments WHERE uid = ? AND data IS NOT NULL "
                "GROUP BY part, streamed"
                " HAVING COUNT(*) > 8",
                (table.uid,),
            ).fetchall()
            for part, streamed, _ in groups:
                rows = connection.execute(
                    "SELECT id, data, seq, created_ms FROM fragments WHERE uid = ? AND part = ? "
                    "AND streamed = ? AND data IS"
                    " NOT NULL ORDER BY seq",
                    (table.uid, part, streamed),
                ).fetchall()
                pieces = [schemas_fit(fragments.decode(r[1]), table.arrow) for r in rows]
                whole = fragments.write(self.files, pa.concat_tables(pieces), table.columns, part)
                marks = ",".join("?" * len(rows))
                connection.execute(f"DELETE FROM fragments WHERE id IN ({marks})", [r[0] for r in rows])
                connection.execute(
                    "INSERT INTO fragments (uid, seq, part, rows, bytes, leaves, streamed, created_ms, data, file)"
                    " VALUES (?,?,?,?,?,?,?,?,?,?)",
                    (
                        table.uid,
                        rows[0][2],
                        part,
                        whole.rows,
                        whole.size,
                        whole.leaves,
                        streamed,
                        rows[-1][3],
                        whole.data,
                        whole.file,
                    ),
                )
            if groups:
                connection.execute("UPDATE tables SET epoch = epoch + 1 WHERE uid = ?", (table.uid,))
        return []

    def manifest(self, uid: int, *, after: int = 0, stored_only: bool = False) -> list[tuple[Any, ...]]:
        """(seq, part, rows, data, file) of a table's fragments in order; `stored_only` leaves out streamed rows."""
        young = self.clock_ms() - STREAMING_MS
        condition = "AND NOT (streamed AND created_ms > ?)" if stored_only else "AND ? IS NOT NULL"
        return self.database.rows(
            f"SELECT seq, part, rows, data, file FROM fragments WHERE uid = ? AND seq > ? {condition} ORDER BY seq, id",
            uid, after, young,
        )  # fmt: skip

    def leaves(self, uid: int) -> list[tuple[str, str]]:
        """(partition, leaf sizes as JSON) of every fragment."""
        return self.database.rows("SELECT part, leaves FROM fragments WHERE uid = ?", uid)

    def partitions(self, uid: int) -> list[tuple[str, int, int, int]]:
        """(partition, rows, bytes, last change) by partition."""
        return self.database.rows(
            "SELECT part, SUM(rows), SUM(bytes), MAX(created_ms) FROM fragments WHERE uid = ? "
            "GROUP BY part ORDER BY part",
            uid,
        )

    def has_young_streamed_rows(self, uid: int) -> bool:
        """Whether rows are in the streaming buffer."""
        return (
            self.database.row(
                "SELECT 1 FROM fragments WHERE uid = ? AND streamed AND created_ms > ?",
                uid,
                self.clock_ms() - STREAMING_MS,
            )
            is not None
        )

    def read(self, table: TableRecord, data: bytes | None, file: str | None) -> pa.Table:
        """Rows of a fragment in the table's present schema."""
        return schemas_fit(fragments.read(self.files, data, file), table.arrow)

    def _discard(self, files: list[tuple[str]]) -> None:
        """Delete files of a manifest when the change is committed and whoever still reads them has had time to."""
        if not files:
            return

        def later() -> None:
            now = time.monotonic()
            self._garbage.extend((now, name) for (name,) in files)
            while self._garbage and self._garbage[0][0] < now - _LINGER_S:
                (self.files / self._garbage.popleft()[1]).unlink(missing_ok=True)

        self.database.after_commit(later)

    def _remember(self, cache: OrderedDict[Any, Any], key: Any, record: Any) -> None:
        cache[key] = record
        while len(cache) > _CACHED:
            cache.popitem(last=False)


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


def _dataset(row: tuple[Any, ...]) -> DatasetRecord:
    return DatasetRecord(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5], row[6])


def _table(row: tuple[Any, ...]) -> TableRecord:
    return TableRecord(row[0], row[1], row[2], row[3], json.loads(row[4]), *row[5:])
