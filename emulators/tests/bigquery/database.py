"""The embedded BigQuery under test: a server in a thread, driven by Google's client, its clock in the tests' hands."""

import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.oauth2.credentials import Credentials

from emulators.bigquery import create_app

CALL: dict[str, Any] = {"timeout": 30.0, "retry": None}

# The name of the fixture that gives a `Database` of another BigQuery, where the embedded one is not asked.
OTHER_DATABASE = pytest.StashKey[str]()


class Clock:
    """The server's clock: that of the machine plus what tests add."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead  # noqa: TID251 - the base of the clock under test

    @contextlib.contextmanager
    def later(self, **delta: float) -> Iterator[None]:
        self.ahead += timedelta(**delta)
        try:
            yield
        finally:
            self.ahead -= timedelta(**delta)


@contextlib.contextmanager
def serve(data_dir: Path, clock: Callable[[], datetime], permissions: Path | None = None) -> Iterator[str]:
    """A server in a thread of this process; yields its URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(data_dir, clock=clock, permissions=permissions),
            log_level="warning",
            timeout_graceful_shutdown=1,
            # A busy machine pauses for longer than uvicorn's five seconds: a call then met a connection just closed.
            timeout_keep_alive=120,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        give_up = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < give_up
            thread.join(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def connect(url: str, project: str, token: str | None = None) -> bigquery.Client:
    """Google's client; with a token, as the account whose it is."""
    credentials = AnonymousCredentials() if token is None else Credentials(token)  # type: ignore[no-untyped-call]
    return bigquery.Client(project=project, credentials=credentials, client_options=ClientOptions(api_endpoint=url))


@dataclass
class Refusal:
    """How a call was refused."""

    status: int
    reason: str
    message: str


class Database:
    """A dataset of this test's own, and short ways to ask for what tests ask."""

    def __init__(self, client: bigquery.Client, url: str, clock: Clock, dataset: str) -> None:
        self.client, self.url, self.clock = client, url, clock
        self.project = client.project
        self.dataset = dataset
        self.path = f"{self.project}.{self.dataset}"
        client.create_dataset(self.path, **CALL)

    def table(self, name: str, columns: str, rows: Sequence[Mapping[str, Any]] = (), **properties: Any) -> str:
        """Create a table of `name TYPE [MODE], …`, load rows; its path."""
        fields = [field(text) for text in columns.split(",")] if isinstance(columns, str) else columns
        made = bigquery.Table(f"{self.path}.{name}", schema=fields)
        for key, value in properties.items():
            setattr(made, key, value)
        self.client.create_table(made, **CALL)
        if rows:
            self.load(name, rows, fields)
        return f"{self.path}.{name}"

    def load(
        self, name: str, rows: Sequence[Mapping[str, Any]], schema: Any = None, **options: Any
    ) -> bigquery.LoadJob:
        config = bigquery.LoadJobConfig(schema=schema or self.client.get_table(f"{self.path}.{name}").schema, **options)
        job = self.client.load_table_from_json(
            [dict(row) for row in rows], f"{self.path}.{name}", job_config=config, timeout=30
        )
        job.result(timeout=30)
        return job

    def run(self, sql: str, *parameters: Any, job_id: str | None = None, **options: Any) -> bigquery.QueryJob:
        """A finished query job; `@` in the text before a name stands for the dataset."""
        config = bigquery.QueryJobConfig(query_parameters=list(parameters), **options)
        text = sql.replace("{d}", self.path)
        job = self.client.query(text, job_config=config, job_id=job_id, job_retry=None, **CALL)
        if not options.get("dry_run"):
            job.result(job_retry=None, timeout=30)
        return job

    def rows(self, sql: str, *parameters: Any, **options: Any) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.run(sql, *parameters, **options).result(timeout=30)]

    def one(self, expression: str, *parameters: Any) -> Any:
        """The value of one expression."""
        ((value,),) = self.rows(f"SELECT {expression}", *parameters)
        return value

    def refused(self, sql: str, *parameters: Any, **options: Any) -> Refusal:
        return refusal(lambda: self.run(sql, *parameters, **options))

    def stored(self, name: str) -> list[tuple[Any, ...]]:
        """Rows as tabledata.list gives them."""
        return [tuple(row.values()) for row in self.client.list_rows(f"{self.path}.{name}", **CALL)]

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """A request without Google's client; status and JSON."""
        return request(method, f"{self.url}/bigquery/v2/projects/{self.project}/{path}", body, headers)

    def emulator(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request to the embedded service itself."""
        return request(method, f"{self.url}/emulator/{path}", body)


def request(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Status and JSON of a request."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(
        url, method=method, data=data, headers={"content-type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def refusal(act: Callable[[], Any]) -> Refusal:
    """How Google's client reports that `act` was refused."""
    try:
        act()
    except GoogleAPICallError as error:
        first = (error.errors or [{}])[0]
        return Refusal(int(error.code or 0), first.get("reason", ""), first.get("message", error.message))
    pytest.fail("it was not refused")


def field(text: str) -> bigquery.SchemaField:
    name, kind, *mode = text.split()
    return bigquery.SchemaField(name, kind, mode=mode[0] if mode else "NULLABLE")


def parameter(name: str | None, kind: str, value: Any) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, kind, value)
