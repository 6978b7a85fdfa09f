"""The running stack, for tests that only use it, and stacks of one's own, for tests that end them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.functions import FUNCTIONS, ROOT, Function
from local.stack import Options, Ready, Stack
from tests.e2e.client import polls

START_TIMEOUT_S = 90.0


@pytest.fixture(scope="session")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline templates of `stack`, a copy of ours: tests may add their own below `test/`."""
    return Path(shutil.copytree(ROOT / "configs", tmp_path_factory.mktemp("stack") / "configs"))


@pytest.fixture(scope="session")
def stack(configs: Path) -> Iterator[Ready]:
    """Everything up, with the sample billing export; one a worker. Tests keep apart by tenants of their own."""
    with Stack(Options(port=0, configs=configs)) as ready:
        yield ready


def only(*names: str) -> tuple[Function, ...]:
    """The functions of these names: each that a test does without is a process less."""
    found = {one.name: one for one in FUNCTIONS}
    return tuple(found[name] for name in names)


def eventually(holds: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """What `holds` returns, once that is true; polls. The limit is for what never comes, also on a busy machine."""
    for _ in polls(timeout_s):
        if value := holds():
            return value
    raise AssertionError(f"{holds} did not hold within {timeout_s} s")


class Up:
    """`python -m local up` in a process of its own."""

    def __init__(self, directory: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.ready_file = directory / "ready.json"
        self.errors = directory / "stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "up", "--port=0", f"--ready-file={self.ready_file}", *arguments],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def wait(self) -> dict[str, Any]:
        """The ready file, once it is there."""
        eventually(lambda: self.ready_file.exists() or self.process.poll() is not None, START_TIMEOUT_S)
        assert self.ready_file.exists(), self.errors.read_text()
        return self.ready

    @property
    def ready(self) -> dict[str, Any]:
        ready: dict[str, Any] = json.loads(self.ready_file.read_text())
        return ready

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end; the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=START_TIMEOUT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def children(self) -> list[int]:
        """The processes that the stack started; each leads a group that its own workers are in."""
        return [pid for pid, parent, _, _ in processes() if parent == self.process.pid]


def processes() -> list[tuple[int, int, int, str]]:
    """All processes of this machine: id, parent, group, state."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [(int(pid), int(parent), int(group), state) for pid, parent, group, state in map(str.split, listed)]


def are_gone(groups: list[int]) -> bool:
    """Whether no process of these groups runs any more; what only waits to be reaped does not run."""
    return not any(group in groups and not state.startswith("Z") for _, _, group, state in processes())


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts stacks; whatever still runs at the end of the test is ended."""
    started: list[Up] = []

    def start(*arguments: str, environment: dict[str, str] | None = None) -> Up:
        directory = tmp_path / f"up-{len(started)}"
        directory.mkdir()
        started.append(Up(directory, *arguments, environment=environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()
        elif one.process.stdout is not None:
            one.process.stdout.close()
