"""Where the real adapters find Google's services while their contracts are tested, and a dataset to use there."""

import socket
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest
from google.cloud.bigquery import Client
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from emulators.bigquery import create_app
from emulators.bigquery.api.server import serving
from emulators.kms import KeyManagement
from emulators.pubsub import Broker, handlers
from emulators.secret_manager import SecretManager
from emulators.tests.loop_thread import LoopThread
from shared.adapters import bigquery
from shared.contracts.tables import DatasetRef, TableRef, TableSchema
from shared.ports import Catalog, Jobs, Rows

# The name of the fixture that makes the cloud, where that is not the embedded one.
CLOUD = pytest.StashKey[str]()


class Warehouse:
    """BigQuery by its three ports, with a dataset of this test's own."""

    def __init__(
        self,
        catalog: Catalog,
        rows: Rows,
        jobs: Jobs,
        dataset: DatasetRef,
        *,
        location: str = "US",
        answer: Callable[..., None] = lambda *_: None,
    ) -> None:
        self.catalog, self.rows, self.jobs = catalog, rows, jobs
        self.dataset, self.project, self.location = dataset, dataset.project, location
        self.answer = answer
        """Tells the fake what a query gives; a real service knows by itself."""

    def make_dataset(self, **labels: str) -> DatasetRef:
        assert self.catalog.create_dataset(self.dataset, location=self.location, labels=labels, description="of a test")
        return self.dataset

    def make_table(self, schema: TableSchema, name: str = "costs") -> TableRef:
        if self.catalog.get_dataset(self.dataset) is None:
            self.make_dataset()
        assert self.catalog.create_table(self.dataset.table(name), schema, labels={})
        return self.dataset.table(name)

    def job_id(self) -> str:
        return f"cv-test-{uuid.uuid4().hex}"


class Cloud(Protocol):
    """A project, and the endpoints of its services as the adapters' `client` functions take them: '' is Google's own.

    `location` is that of datasets, `region` that of keys.
    """

    project: str
    location: str
    region: str

    @property
    def bigquery(self) -> str: ...
    @property
    def pubsub(self) -> str: ...
    @property
    def kms(self) -> str: ...
    @property
    def secret_manager(self) -> str: ...

    def name(self) -> str:
        """A tenant id that nobody has; whatever is made bears it, or begins with it."""
        ...

    def warehouse(self) -> Warehouse:
        """The adapters on this BigQuery, with a dataset that is not there yet."""
        ...


class EmbeddedCloud:
    """The embedded services; each is started when it is first asked for."""

    project, location, region = "test-project", "US", "us"

    def __init__(self, directory: Path, loop_thread: LoopThread) -> None:
        self._directory, self._loop = directory, loop_thread
        self._cleanup = ExitStack()

    def __enter__(self) -> "EmbeddedCloud":
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @cached_property
    def bigquery(self) -> str:
        """By the server of `make up`, which is not the ASGI one that its own contract is tested on."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server = serving(create_app(self._directory / "bigquery"), listening)
        self._loop.run(server.__aenter__())
        self._cleanup.callback(lambda: self._loop.run(server.__aexit__(None, None, None)))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    @cached_property
    def pubsub(self) -> str:
        broker = self._loop.call(lambda: Broker(self._directory / "pubsub.sqlite"))
        self._cleanup.callback(lambda: self._loop.run(broker.close()))
        return self._cleanup.enter_context(self._loop.serving(handlers(broker)))

    @cached_property
    def kms(self) -> str:
        return self._grpc(lambda: KeyManagement(self._directory / "kms.sqlite"))

    @cached_property
    def secret_manager(self) -> str:
        return self._grpc(lambda: SecretManager(self._directory / "secrets.sqlite"))

    def name(self) -> str:
        return f"acmeinc_{uuid.uuid4().hex[:8]}"

    def warehouse(self) -> Warehouse:
        dataset = DatasetRef(self.project, f"{self.name()}_silver")
        google = self._client
        return Warehouse(
            bigquery.BigQueryCatalog(google), bigquery.BigQueryRows(google), bigquery.BigQueryJobs(google), dataset
        )

    @cached_property
    def _client(self) -> Client:
        made = bigquery.client(self.project, self.location, self.bigquery)
        self._cleanup.callback(made.close)
        return made

    def _grpc(self, make: Callable[[], Any]) -> str:
        service = self._loop.call(make)
        self._cleanup.callback(lambda: self._loop.call(service.close))
        return self._cleanup.enter_context(self._loop.serving([service.handler()]))


def subscriber(endpoint: str) -> SubscriberClient:
    """Google's client for pulling; with an endpoint, of something that speaks Pub/Sub. The product has none."""
    if endpoint:
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(endpoint)))
    return SubscriberClient()
