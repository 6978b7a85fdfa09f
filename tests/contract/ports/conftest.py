"""Each port as its fake and as its real adapter on the embedded service: whatever a test asks, both answer alike."""

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
import uvicorn

from local.bigquery import create_app
from shared.adapters import bigquery
from shared.contracts.tables import DatasetRef, TableRef, TableSchema
from shared.ports import Catalog, Jobs, Rows
from tests.contract.pubsub import conftest as emulator
from tests.fakes import FakeBigQuery, FakeCatalog, FakeJobs, FakeRows


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


class Warehouse:
    """BigQuery by its three ports, with a dataset of this test's own."""

    def __init__(self, catalog: Catalog, rows: Rows, jobs: Jobs, answer: Callable[..., None]) -> None:
        self.catalog, self.rows, self.jobs = catalog, rows, jobs
        self.project = "test-project"
        self.dataset = DatasetRef(self.project, f"acmeinc_{uuid.uuid4().hex[:8]}_silver")
        self.answer = answer
        """Tells the fake what a query gives; a real service knows by itself."""

    def make_dataset(self, **labels: str) -> DatasetRef:
        assert self.catalog.create_dataset(self.dataset, location="US", labels=labels, description="of a test")
        return self.dataset

    def make_table(self, schema: TableSchema, name: str = "costs") -> TableRef:
        if self.catalog.get_dataset(self.dataset) is None:
            self.make_dataset()
        assert self.catalog.create_table(self.dataset.table(name), schema, labels={})
        return self.dataset.table(name)

    def job_id(self) -> str:
        return f"cv-test-{uuid.uuid4().hex}"


@pytest.fixture(params=["fake", "embedded"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """What the fake and the adapter must answer alike."""
    if request.param == "embedded":
        found: Warehouse = request.getfixturevalue("embedded_warehouse")
        return found
    world = FakeBigQuery()
    jobs = FakeJobs(world)
    return Warehouse(FakeCatalog(world), FakeRows(world), jobs, jobs.answer)


@pytest.fixture
def embedded_warehouse(bigquery_url: str) -> Iterator[Warehouse]:
    google = bigquery.client("test-project", "US", bigquery_url)
    yield Warehouse(
        bigquery.BigQueryCatalog(google),
        bigquery.BigQueryRows(google),
        bigquery.BigQueryJobs(google),
        lambda *_: None,
    )
    google.close()  # type: ignore[no-untyped-call]  # it has no types
