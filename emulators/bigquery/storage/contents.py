"""What tables hold: manifests of immutable fragments, and how they change, all at once."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from emulators import private
from emulators.bigquery import schemas
from emulators.bigquery.errors import not_found
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.database import Database
from emulators.bigquery.storage.fitting import schemas_fit
from emulators.bigquery.storage.records import TableRecord, etag, table_of

# Streamed rows become ordinary ones after this; DML page, "recently streamed rows".
STREAMING_MS = 30 * 60 * 1000
# Small fragments of a table are looked at each time so many came, and merged if a partition has more than some.
_MERGE_AT = 64
_FEW = 8
# A file that no manifest names any more is deleted after this; what is left at the end goes at the next start.
_LINGER_S = 60.0
_INSERT = (
    "INSERT INTO fragments (uid, seq, part, rows, bytes, leaves, streamed, created_ms, data, file, additions)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)


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


class Contents:
    """The fragments of all tables. Reads may come from any thread."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self.database = database
        self.clock_ms = clock_ms
        self.files = database.directory / "fragments"
        self._garbage: deque[tuple[float, str]] = deque()

    def changed(self, old: TableRecord, table: TableRecord) -> None:
        """Called within the transaction that gave a table new content."""

    def remove_orphans(self) -> None:
        """Delete files that no manifest names: a process died between writing and committing them.

        The others are closed to other users of the machine.
        """
        if not self.files.is_dir():
            return
        # from indexes over what is in files alone: a scan would read every row that is kept in the database
        known = {name for (name,) in self.database.rows("SELECT file FROM fragments WHERE file IS NOT NULL")}
        known |= {name for (name,) in self.database.rows("SELECT file FROM jobs WHERE file IS NOT NULL")}
        private.folder(self.files)
        for path in self.files.iterdir():
            if path.name not in known:
                path.unlink()
            elif path.stat().st_mode & 0o077:  # of a version that left it to the umask
                path.chmod(0o600)

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

    def change(self, change: Change, *, check: Callable[[TableRecord], None] | None = None) -> TableRecord:
        """Put new content in place, all at once; `check` sees the table within the transaction and may raise.

        Within `database.transaction()` it becomes part of that.
        """
        now = self.clock_ms()
        with self.database.transaction() as db:
            self.database.after_rollback(lambda: fragments.remove(self.files, [piece.file for piece in change.add]))
            row = db.execute("SELECT * FROM tables WHERE uid = ?", (change.uid,)).fetchone()
            if row is None:
                raise not_found("Not found: the table was deleted while the job was running")
            old = table_of(row)
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
                    _INSERT,
                    (change.uid, seq, piece.part, piece.rows, piece.size, piece.leaves, change.streamed, now,
                     piece.data, piece.file, json.dumps([[seq, piece.rows]])),
                )  # fmt: skip
            if change.replace is None:
                self._merge_small(old, seq)
            renewed = change.replace is not None or change.fields is not None
            new = dataclasses.replace(
                old,
                body=old.body if change.fields is None else old.body | {"schema": change.fields},
                etag=etag(old.etag, now, seq),
                modified_ms=now,
                version=old.version + int(change.fields is not None),
                epoch=old.epoch + int(renewed),
                seq=seq,
            )
            db.execute(
                "UPDATE tables SET body = ?, etag = ?, modified_ms = ?, version = ?, epoch = ?, seq = ? WHERE uid = ?",
                (json.dumps(new.body), new.etag, now, new.version, new.epoch, seq, change.uid),
            )
            self._discard(gone)
            self.changed(old, new)
        return new

    def drop_partitions(self, table: TableRecord, parts: list[str]) -> TableRecord:
        """The table without the rows of partitions; nobody has changed it, so its etag and times stay."""
        with self.database.transaction() as db:
            row = db.execute("SELECT * FROM tables WHERE uid = ?", (table.uid,)).fetchone()
            if row is None:
                return table
            old = table_of(row)
            for part in parts:
                named = (table.uid, part)
                where = "uid = ? AND part = ?"
                self._discard(
                    db.execute(f"SELECT file FROM fragments WHERE {where} AND file IS NOT NULL", named).fetchall()
                )
                db.execute(f"DELETE FROM fragments WHERE {where}", named)
            new = dataclasses.replace(old, epoch=old.epoch + 1)
            db.execute("UPDATE tables SET epoch = ? WHERE uid = ?", (new.epoch, new.uid))
            self.changed(old, new)
        return new

    def _merge_small(self, table: TableRecord, seq: int) -> None:
        """Merge many small fragments into one, so that a table fed row by row stays quick to read.

        The content stays the same, and the merged fragment still says which of its rows came with which addition:
        whoever has read up to one of them goes on from there.
        """
        if seq % _MERGE_AT:
            return
        with self.database.transaction() as db:
            small = "uid = ? AND data IS NOT NULL"
            groups = db.execute(
                f"SELECT part, streamed FROM fragments WHERE {small} GROUP BY part, streamed HAVING COUNT(*) > {_FEW}",
                (table.uid,),
            ).fetchall()
            for part, streamed in groups:
                rows = db.execute(
                    "SELECT id, data, seq, created_ms, additions FROM fragments"
                    f" WHERE {small} AND part = ? AND streamed = ? ORDER BY seq",
                    (table.uid, part, streamed),
                ).fetchall()
                pieces = [schemas_fit(fragments.decode(r[1]), table.arrow) for r in rows]
                whole = fragments.write(self.files, pa.concat_tables(pieces), table.columns, part)
                self.database.after_rollback(lambda name=whole.file: fragments.remove(self.files, [name]))  # type: ignore[misc]
                additions = [addition for r in rows for addition in json.loads(r[4])]
                db.executemany("DELETE FROM fragments WHERE id = ?", [(r[0],) for r in rows])
                db.execute(
                    _INSERT,
                    (table.uid, rows[-1][2], part, whole.rows, whole.size, whole.leaves, streamed, rows[-1][3],
                     whole.data, whole.file, json.dumps(additions)),
                )  # fmt: skip

    def additions(self, table: TableRecord, *, after: int) -> Iterator[tuple[int, str, pa.Table]]:
        """(seq, partition, rows) of each addition to the table after one, up to what its record knows of."""
        found = self.database.rows(
            "SELECT part, data, file, additions FROM fragments WHERE uid = ? AND seq > ? ORDER BY seq, id",
            table.uid, after,
        )  # fmt: skip
        for part, data, file, listed in found:
            content, start = None, 0
            for seq, rows in json.loads(listed):
                if after < seq <= table.seq:
                    content = content or self.read(table, data, file)
                    yield seq, part, content.slice(start, rows)
                start += rows

    def manifest(self, uid: int, *, stored_only: bool = False) -> list[tuple[Any, ...]]:
        """(seq, part, rows, data, file) of a table's fragments in order; `stored_only` leaves out streamed rows."""
        young = self.clock_ms() - STREAMING_MS
        condition = "AND NOT (streamed AND created_ms > ?)" if stored_only else "AND ? IS NOT NULL"
        return self.database.rows(
            f"SELECT seq, part, rows, data, file FROM fragments WHERE uid = ? {condition} ORDER BY seq, id", uid, young
        )

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
