"""Tell an error of a full disk from all others: it passes, so clients are to try again."""

from __future__ import annotations

import errno
import sqlite3

# No space on the device, above the quota, above the limit of the process.
_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# SQLite has its own codes: full, and a write or sync that failed (https://www.sqlite.org/rescode.html). The lower
# byte of an extended code is the primary one.
_PRIMARY = 0xFF

MESSAGE = "The disk of the embedded service is full. Nothing was written; try again when there is space."


def is_full(error: BaseException) -> bool:
    """Whether the error says that there was no space to write.

    >>> is_full(OSError(errno.ENOSPC, "No space left on device")), is_full(OSError(errno.ENOENT, "gone"))
    (True, False)
    """
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        return code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
    return isinstance(error, OSError) and error.errno in _NUMBERS
