"""Another instance of a function beside a running stack, at a port of its own: as the cloud starts one under load."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.functions import ROOT, process_environment
from local.stack import Ready
from tests.e2e.conftest import eventually

API = ROOT / "functions" / "api" / "main.py"
FRAMEWORK = (sys.executable, "-m", "functions_framework")


@dataclass(frozen=True)
class Instance:
    """Where it answers; the process group that its workers are in; what it wrote to stdout and stderr."""

    url: str
    pid: int
    log: Path


@contextmanager
def instance(
    ready: Ready,
    directory: Path,
    *,
    source: Path = API,
    target: str = "api",
    framework: Sequence[str] = FRAMEWORK,
    **settings: str,
) -> Iterator[Instance]:
    """Serve a function with the settings of the stack's api, but for these; ended with the block.

    It runs in `directory`, and has its log there.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*framework, f"--source={source}", f"--target={target}"]
    log = directory / f"{target}-{port}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--signature-type=http", "--host=127.0.0.1", f"--port={port}"],
            cwd=directory,
            env=process_environment() | ready.environment | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            made = Instance(f"http://127.0.0.1:{port}", process.pid, log)
            eventually(lambda: process.poll() is not None or _answers(made.url), timeout_s=60)
            assert process.poll() is None, log.read_text()
            yield made
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        # Of functions-framework itself, or the api: a subscriber takes any other question for a message.
        return httpx.get(f"{url}/robots.txt", timeout=5).status_code == 404
    except httpx.TransportError:
        return False
