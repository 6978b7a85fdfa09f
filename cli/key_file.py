"""Keep API keys as they come, so that a stopped run loses none: a CSV of keys, and a journal of who was asked for."""

import csv
import fcntl
import os
import stat
from pathlib import Path

from shared.errors import PermanentError, SettingsInvalid

HEADER = "tenant_id,api_key"
JOURNAL_SUFFIX = ".asked"
_ASKED, _SETTLED = "asked", "settled"


class KeyFile:
    """The keys of one API, a line each; where a tenant has several lines, the last one is its key.

    What is added is on the disk when the call returns; PermanentError where it cannot be written. The file is its
    owner's alone (mode 0600), and one process at a time has it. Beside it, in a journal, stands whose key was asked for
    and not received: `unsettled`; of these one cannot know whether they have been onboarded. Keys are written, never
    read back: `held` are the tenants that have one.
    """

    def __init__(self, path: Path, *, api: str) -> None:
        """Open or make both files. Raises SettingsInvalid for files that are another's or another API's, or in use."""
        self.path = path
        self._keys = _Lines(path, HEADER, alone=True)
        # Where the journal is another API's, so are the keys.
        self._journal = _Lines(path.with_name(path.name + JOURNAL_SUFFIX), f"api,{api}", alone=False)
        self.held = {row[0] for row in csv.reader(self._keys.found) if len(row) == 2 and row[1]}
        self.unsettled: set[str] = set()
        for tenant_id, state in (row for row in csv.reader(self._journal.found) if len(row) == 2):
            (self.unsettled.add if state == _ASKED else self.unsettled.discard)(tenant_id)
        self.unsettled -= self.held

    def ask(self, tenant_id: str) -> None:
        """Note that a key is about to be asked for."""
        if tenant_id not in self.unsettled:
            self._journal.append(f"{tenant_id},{_ASKED}")
            self.unsettled.add(tenant_id)

    def settle(self, tenant_id: str) -> None:
        """Note that there is certainly no key of the tenant's that nobody has seen."""
        if tenant_id in self.unsettled:
            self._journal.append(f"{tenant_id},{_SETTLED}")
            self.unsettled.discard(tenant_id)

    def add(self, tenant_id: str, api_key: str) -> None:
        """Keep a key."""
        self._keys.append(f"{tenant_id},{api_key}")
        self.held.add(tenant_id)
        self.unsettled.discard(tenant_id)

    def close(self) -> None:
        """Close both files; another process can have them."""
        self._keys.close()
        self._journal.close()


class _Lines:
    """A file of lines that is only ever added to. `found` are those below its first one, as they were at the start."""

    def __init__(self, path: Path, first: str, *, alone: bool) -> None:
        self._path = path
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise SettingsInvalid(f"cannot write {path}: {error.strerror}; name another --keys-file") from error
        try:
            self.found = self._checked(first, alone=alone)
        except BaseException:
            self.close()
            raise

    def _checked(self, first: str, *, alone: bool) -> list[str]:
        about = os.fstat(self._file)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            raise SettingsInvalid(f"{self._path} is no file of yours; name another --keys-file")
        if about.st_mode & 0o077:
            raise SettingsInvalid(
                f"{self._path} is open to others; chmod 600 {self._path}, or name another --keys-file"
            )
        if alone:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsInvalid(f"{self._path} is in use by another run; wait for its end") from None
        with os.fdopen(os.dup(self._file), "rb") as copy:
            data = copy.read()
        # A line without its end was cut off, by a full disk or a crash: it holds nothing whole.
        whole = data[: data.rfind(b"\n") + 1]
        header, *found = whole.decode(errors="replace").splitlines() or [""]
        if (whole and header != first) or (data and not whole and not first.encode().startswith(data)):
            raise SettingsInvalid(
                f"{self._path} does not begin with {first!r}: it is of another program or API; name another --keys-file"
            )
        if len(whole) < len(data):
            os.ftruncate(self._file, len(whole))
        if not whole:
            self.append(first)
            self._keep_name()
        return found

    def append(self, line: str) -> None:
        """Add a line; it is on the disk when this returns."""
        data = f"{line}\n".encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            raise PermanentError(f"cannot write {self._path}: {error.strerror}") from error

    def _keep_name(self) -> None:
        """A new file is only there for good when its folder is on the disk too."""
        folder = os.open(self._path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        os.close(self._file)
