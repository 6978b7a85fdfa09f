"""The directory that holds the state of a stack: one stack at a time, its keys made once."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

# After kill -9 of a stack its processes still hold the lock for a moment.
_ORPHANS_WAIT_S = 5.0


class StackError(Exception):
    """The stack cannot run; the message is one clear line."""


@dataclass(frozen=True)
class Keys:
    """Secrets of a data directory."""

    admin_key: str
    sendgrid_key: str


def read_keys(directory: Path) -> Keys:
    """The keys of a data directory, made on the first call."""
    path = directory / "keys.json"
    if not path.exists():
        fresh = Keys(admin_key=secrets.token_urlsafe(24), sendgrid_key=f"SG.{secrets.token_urlsafe(24)}")
        write_atomically(path, json.dumps(asdict(fresh)))
    return Keys(**json.loads(path.read_text()))


class DataDir:
    """A locked data directory; without a path, a temporary one that is removed at the end.

    The lock lives as long as any process that inherits it: processes of a killed stack must be gone before the next
    one may touch their files.
    """

    def __init__(self, path: Path | None) -> None:
        self._temporary = path is None
        try:
            self.path = Path(tempfile.mkdtemp(prefix="convergence-")) if path is None else path.expanduser().absolute()
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.logs.mkdir(exist_ok=True)
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise StackError(f"cannot use the data directory {path}: {error.strerror}") from None

    @property
    def logs(self) -> Path:
        """Where the processes' logs are."""
        return self.path / "logs"

    @property
    def lock_fd(self) -> int:
        """The lock, to be inherited by processes that use the files."""
        return self._lock.fileno()

    def __enter__(self) -> Self:
        try:
            _wait_for_lock(self._lock, self.path)
        except BaseException:
            self._lock.close()
            raise
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new one, whole; only its owner may read it."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        raise StackError(f"cannot write {path}: {error.strerror}") from None


def make_folder(path: Path) -> None:
    """Make a folder that only its owner may read, if there is none."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StackError(f"cannot make the folder {path}: {error.strerror}") from None


def remove_file(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StackError(f"cannot remove {path}: {error.strerror}") from None


def _wait_for_lock(lock: IO[str], path: Path) -> None:
    deadline = time.monotonic() + _ORPHANS_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            if (owner.isdecimal() and _is_running(int(owner))) or time.monotonic() > deadline:
                raise StackError(f"another stack (process {owner}) uses the data directory {path}") from None
            time.sleep(0.05)
        else:
            return


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
