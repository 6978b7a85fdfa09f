"""Each port as its fake and as its real adapter on the embedded service: whatever a test asks, both answer alike."""

import importlib.util
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
import uvicorn

from tests.contract.pubsub import conftest as emulator


@contextmanager
def http_server(app: Any) -> Iterator[str]:
    """The URL of an ASGI app that is served on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def bigquery_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded BigQuery for all tests: each makes datasets of its own."""
    if importlib.util.find_spec("local.bigquery.__init__") is None:
        pytest.skip("the embedded BigQuery is not there yet")
    from local.bigquery import create_app

    with http_server(create_app(tmp_path_factory.mktemp("bigquery"))) as url:
        yield url


@pytest.fixture(scope="session")
def google_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Google's own Pub/Sub emulator, where it is installed."""
    jar, java = emulator._emulator_jar(), shutil.which("java")
    if jar is None or java is None:
        pytest.skip("Google's Pub/Sub emulator is not installed (gcloud components install pubsub-emulator, java)")
    with emulator._running(java, jar, tmp_path_factory.mktemp("google") / "log") as address:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        yield address
