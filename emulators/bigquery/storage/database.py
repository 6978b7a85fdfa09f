"""The one transactional store: SQLite in WAL mode.

A committed transaction survives kill -9 of the process, because the log (WAL) is written before the answer goes out;
only a crash of the machine may lose the last ones, never half of one: `synchronous=NORMAL` syncs at checkpoints,
https://www.sqlite.org/pragma.html#pragma_synchronous.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emulators import private

_SCHEMA = """
CREATE TABLE IF NOT EXISTS datasets (
  project TEXT NOT NULL, dataset TEXT NOT NULL, location TEXT NOT NULL, body TEXT NOT NULL, etag TEXT NOT NULL,
  created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, PRIMARY KEY (project, dataset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tables (
  uid INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, dataset TEXT NOT NULL, name TEXT NOT NULL,
  body TEXT NOT NULL, etag TEXT NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL,
  version INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, UNIQUE (project, dataset, name));
CREATE TABLE IF NOT EXISTS fragments (
  id INTEGER PRIMARY KEY AUTOINCREMENT, uid INTEGER NOT NULL, seq INTEGER NOT NULL, part TEXT NOT NULL,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL, leaves TEXT NOT NULL, streamed INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, data BLOB, file TEXT, additions TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS fragments_by_table ON fragments (uid, seq);
CREATE INDEX IF NOT EXISTS fragments_in_files ON fragments (file) WHERE file IS NOT NULL;
CREATE TABLE IF NOT EXISTS jobs (
  seq INTEGER PRIMARY KEY, project TEXT NOT NULL, location TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
  created_ms INTEGER NOT NULL, body TEXT NOT NULL, result BLOB, file TEXT, rows INTEGER,
  UNIQUE (project, id, location));
CREATE INDEX IF NOT EXISTS jobs_by_time ON jobs (project, created_ms DESC);
CREATE INDEX IF NOT EXISTS jobs_in_files ON jobs (file) WHERE file IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_unfinished ON jobs (state) WHERE state <> 'DONE';
"""


# Counts changes of the tables above; a directory of another layout is refused.
_LAYOUT = 3


class InUse(OSError):
    """Another process serves from the same directory."""


class Database:
    """A SQLite file; every use of the connection is under one lock, so keep transactions short.

    Raises InUse when another process has the directory open, OSError when another version wrote it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        private.folder(directory)
        self._held = os.fdopen(private.opener(str(directory / "lock"), os.O_CREAT | os.O_WRONLY), "w")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._held.close()
            raise InUse(f"{directory} is in use by another embedded BigQuery; choose another directory") from None
        self._lock = threading.RLock()
        private.database(directory / "bigquery.sqlite3")
        self._after: list[Callable[[], None]] = []
        self._undo: list[Callable[[], None]] = []
        self.on_rollback: list[Callable[[], None]] = []  # what was cached may be of the transaction that was undone
        self._connection = sqlite3.connect(
            directory / "bigquery.sqlite3", isolation_level=None, check_same_thread=False, cached_statements=256
        )
        # no other process reads the file, so its locks and the shared memory of the log need not be kept up
        self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA cache_size=-32000")
        self._check_layout()
        self._connection.executescript(_SCHEMA)

    def _check_layout(self) -> None:
        ((layout,),) = self._connection.execute("PRAGMA user_version").fetchall()
        if not layout and self._connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
            self._connection.execute(f"PRAGMA user_version={_LAYOUT}")
        elif layout != _LAYOUT:
            self._connection.close()
            self._held.close()
            raise OSError(f"another version of the embedded BigQuery wrote it (layout {layout}, not {_LAYOUT})")

    def close(self) -> None:
        """Close the file; nothing may be in use."""
        with self._lock:
            self._connection.close()
        self._held.close()

    def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, args).fetchall()

    def row(self, sql: str, *args: Any) -> tuple[Any, ...] | None:
        """The first row of a query."""
        with self._lock:
            found: tuple[Any, ...] | None = self._connection.execute(sql, args).fetchone()
            return found

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile."""
        with self._lock:
            yield

    def write(self, sql: str, *args: Any) -> None:
        """One statement as a transaction, or as a part of the one around it."""
        with self._lock:
            self._connection.execute(sql, args)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; another transaction waits."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection  # part of the one around it
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            after, self._after = self._after, []
            self._undo.clear()
        for act in after:
            act()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # SQLite itself has rolled back when the disk was full
            self._connection.execute("ROLLBACK")
        undo, self._undo = self._undo, []
        self._after.clear()
        for act in (*self.on_rollback, *undo):
            act()

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something once the transaction around the caller is committed; never if it is rolled back."""
        self._after.append(act)

    def after_rollback(self, act: Callable[[], None]) -> None:
        """Do something if the transaction around the caller is rolled back; never once it is committed."""
        self._undo.append(act)
