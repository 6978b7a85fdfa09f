"""Open a SQLite file so that what was committed survives kill -9."""

import sqlite3
from pathlib import Path

from emulators import private


def open_database(path: Path, tables: str) -> sqlite3.Connection:
    """Open or create `path` with `tables` (CREATE … IF NOT EXISTS statements); transactions are explicit.

    In WAL mode with synchronous=NORMAL a commit survives the death of the process, not a power cut: the right
    price for a development stack (https://sqlite.org/pragma.html#pragma_synchronous).
    The file is its owner's alone (`private.database`).
    The connection may be handed to another thread, but used by one at a time.
    """
    private.database(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(tables)
    return connection
