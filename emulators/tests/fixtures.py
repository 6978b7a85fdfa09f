"""Fixtures for suites of gRPC services: a loop to serve them on, and Google's own Pub/Sub emulator."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from emulators.tests.loop_thread import LoopThread


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    loop_thread = LoopThread()
    yield loop_thread
    loop_thread.close()


@pytest.fixture(scope="session")
def google_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of Google's own Pub/Sub emulator, where it is installed; one for all suites."""
    jar, java = _emulator_jar(), shutil.which("java")
    if jar is None or java is None:
        pytest.skip("Google's Pub/Sub emulator is not installed (gcloud components install pubsub-emulator, java)")
    with _running(java, jar, tmp_path_factory.mktemp("emulator") / "log") as address:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        yield address


def _emulator_jar() -> Path | None:
    """The jar as gcloud installs it, or as PUBSUB_EMULATOR_JAR names it."""
    if named := os.environ.get("PUBSUB_EMULATOR_JAR"):
        return Path(named)
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    sdk = Path(gcloud).resolve().parent.parent
    return next(iter(sorted(sdk.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"))), None)


@contextmanager
def _running(java: str, jar: Path, log: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [java, "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"], stdout=output, stderr=output
        )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
