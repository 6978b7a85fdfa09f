"""Datasets and tables: their records and how they change; what tables hold comes from `contents`."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from emulators.bigquery.errors import ApiError, duplicate, not_found
from emulators.bigquery.schemas import Fields
from emulators.bigquery.storage.contents import Contents
from emulators.bigquery.storage.database import Database
from emulators.bigquery.storage.expiry import Expiry
from emulators.bigquery.storage.records import DatasetRecord, Key, TableRecord, dataset_of, etag, table_of


def _nobody_asks(uid: int, old: Fields, new: Fields) -> None:
    """Nothing is done for a new schema."""
    del uid, old, new


# Records kept in memory, of each kind.
_CACHED = 20_000


class Catalog(Contents):
    """All datasets and tables. Reads may come from any thread; a record read is never changed."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        super().__init__(database, clock_ms)
        self._expiry = Expiry(database)
        self.on_new_schema: Callable[[int, Fields, Fields], None] = _nobody_asks
        self._tables: OrderedDict[Key, TableRecord] = OrderedDict()
        self._datasets: OrderedDict[tuple[str, str], DatasetRecord] = OrderedDict()
        database.on_rollback += [self._tables.clear, self._datasets.clear]

    def changed(self, old: TableRecord, table: TableRecord) -> None:
        """Remember the record with its new content."""
        self._remember(self._tables, table.key, table)
        self._new_schema(table.uid, old.fields, table.fields)

    def _new_schema(self, uid: int, old: Fields, new: Fields) -> None:
        """Tell whoever asked, once the change is committed."""
        if old and new != old:
            self.database.after_commit(lambda: self.on_new_schema(uid, old, new))

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
                found = dataset_of(row)
                self._remember(self._datasets, key, found)
        return found

    def access_of(self, project: str, dataset: str) -> list[dict[str, Any]]:
        """The entries of `access` of a dataset; none for one that there is not."""
        try:
            found: list[dict[str, Any]] = self.dataset(project, dataset).body.get("access") or []
        except ApiError:
            return []
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
        return [dataset_of(r) for r in rows]

    # -- tables ----------------------------------------------------------------------------------------

    def find_table(self, key: Key) -> TableRecord | None:
        """A table, or None; what has expired of it is gone before anybody sees it."""
        found = self._tables.get(key)
        if found is None:
            with self.database.alone():
                row = self.database.row("SELECT * FROM tables WHERE project = ? AND dataset = ? AND name = ?", *key)
                if row is None:
                    return None
                found = table_of(row)
                self._remember(self._tables, key, found)
        return self._without_expired(found)

    def _without_expired(self, table: TableRecord) -> TableRecord:
        gone = self._expiry.expired(table, self.clock_ms())
        return self.drop_partitions(table, gone) if gone else table

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
            self._new_schema(old.uid, old.fields, body.get("schema", []))
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
        return [self._without_expired(table_of(r)) for r in rows]

    def table_names(self, project: str, dataset: str) -> list[str]:
        """All names in a dataset."""
        return [n for (n,) in self.database.rows(
            "SELECT name FROM tables WHERE project = ? AND dataset = ? ORDER BY name", project, dataset
        )]  # fmt: skip

    def _remember(self, cache: OrderedDict[Any, Any], key: Any, record: Any) -> None:
        cache[key] = record
        while len(cache) > _CACHED:
            cache.popitem(last=False)
