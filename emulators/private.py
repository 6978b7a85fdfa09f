"""Folders and files that their owner alone can read, whatever the umask and whoever made them.

What the embedded services keep is tenants' rows, keys and mails: other users of the machine have no business there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_FOLDER, _FILE = 0o700, 0o600
# What SQLite writes beside a database; it takes the mode of the database.
_BESIDE = ("-wal", "-shm", "-journal")


def folder(path: Path) -> None:
    """Make a folder, or take a folder that is there, and close it to everybody else.

    A folder that many share (sticky, as /tmp is) is left as it is. Raises OSError when it belongs to somebody else.
    """
    path.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
    mode = path.stat().st_mode
    if stat.S_IMODE(mode) != _FOLDER and not mode & stat.S_ISVTX:
        path.chmod(_FOLDER)


def opener(path: str, flags: int) -> int:
    """For `open(path, …, opener=opener)`: the file is the owner's alone, also one that was there."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, _FILE)
    os.fchmod(descriptor, _FILE)
    return descriptor


def database(path: Path) -> None:
    """Close a SQLite database and what lies beside it to everybody else; makes it, empty, where there is none."""
    os.close(opener(str(path), os.O_CREAT | os.O_RDWR))
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.chmod(_FILE)
