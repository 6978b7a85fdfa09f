"""Google's client in sixteen threads of this process: what it gets done in some seconds, and whether it is right."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

THREADS = 16
SCHEMA = [bigquery.SchemaField("a", "INT64"), bigquery.SchemaField("b", "STRING")]
_SQL = "SELECT a, b FROM bench.d.q WHERE a = @v"
_LOADED = 5  # rows of one load job
Act = Callable[[bigquery.Client, int], None]


def connect(url: str) -> bigquery.Client:
    """A client without credentials."""
    return bigquery.Client("bench", AnonymousCredentials(), client_options=ClientOptions(api_endpoint=url))


def prepare(client: bigquery.Client) -> None:
    """The dataset and tables that the work below reads and writes."""
    client.create_dataset("d")
    for name in ("q", "l", "s"):
        client.create_table(bigquery.Table(f"bench.d.{name}", schema=SCHEMA))
    rows = [{"a": i, "b": str(i)} for i in range(1000)]
    client.load_table_from_json(rows, "bench.d.q", job_config=bigquery.LoadJobConfig(schema=SCHEMA)).result()


def _config(value: int) -> bigquery.QueryJobConfig:
    return bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("v", "INT64", value)])


def _check(rows: Any, value: int) -> None:
    if [tuple(r.values()) for r in rows] != [(value, str(value))]:
        raise AssertionError(f"wrong rows for {value}")


def insert_job(client: bigquery.Client, number: int) -> None:
    """A small query by jobs.insert and jobs.getQueryResults."""
    _check(client.query(_SQL, _config(number)).result(), number)


def query_call(client: bigquery.Client, number: int) -> None:
    """A small query by jobs.query."""
    _check(client.query_and_wait(_SQL, job_config=_config(number)), number)


def load(client: bigquery.Client, number: int) -> None:
    """A load job of some rows of JSON."""
    rows = [{"a": number, "b": "x"}] * _LOADED
    client.load_table_from_json(rows, "bench.d.l", job_config=bigquery.LoadJobConfig(schema=SCHEMA)).result()


def stream(client: bigquery.Client, number: int) -> None:
    """One streamed row."""
    if client.insert_rows_json("bench.d.s", [{"a": number, "b": "y"}]):
        raise AssertionError("a streamed row was refused")


def read(client: bigquery.Client, _number: int) -> None:
    """A page of stored rows."""
    list(client.list_rows("bench.d.q", selected_fields=SCHEMA, max_results=50))


MIXED: list[Act] = [*[insert_job] * 10, load, load, stream, stream, read, read]


def run(url: str, acts: list[Act], seconds: float, fixed: int | None = None) -> tuple[Counter[str], list[str]]:
    """One thread and client for each act, repeating it; how often each was done, and every error.

    `fixed` is the value all queries ask for; without it each asks for another one.
    """
    counts: Counter[str] = Counter()
    errors: list[str] = []
    guard = threading.Lock()
    ready = threading.Barrier(len(acts))

    def work(index: int, act: Act) -> None:
        client = connect(url)
        ready.wait()
        end = time.monotonic() + seconds
        done = 0
        while time.monotonic() < end:
            try:
                act(client, fixed if fixed is not None else (done * 7 + index) % 1000)
            except Exception as error:  # noqa: BLE001 - any error is a result of the measurement
                errors.append(f"{act.__name__}: {error!r}")
            done += 1
        with guard:
            counts[act.__name__] += done
        client.close()  # type: ignore[no-untyped-call]

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts, errors


def lost_rows(client: bigquery.Client, counts: Counter[str]) -> int:
    """Rows loaded and streamed that a query does not find; 0 is right."""
    (row,) = client.query_and_wait("SELECT (SELECT COUNT(*) FROM d.l), (SELECT COUNT(*) FROM d.s)")
    return abs(counts["load"] * _LOADED - int(row[0])) + abs(counts["stream"] - int(row[1]))
