"""Measure the embedded BigQuery with Google's client in this process: make bench.bigquery.

Small query jobs a second in sixteen threads, alone and among loads, streamed rows and reads, each beside a server that
answers the same bytes each time: what the client alone can do. Then tenants, start, delays, memory. Other work on the
machine shows in all of it, so each rate is taken several times: best and median.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from google.cloud import bigquery

from bench import bigquery_clients as clients

_TENANTS_AT_ONCE = 4
_TABLES = 6
# Work for DuckDB on one core: about as long for each of the second array's values.
_TRIED = 100
_LONG = "SELECT SUM(MOD(a * b, 7)) FROM UNNEST(GENERATE_ARRAY(1, 30000)) AS a, UNNEST(GENERATE_ARRAY(1, {})) AS b"


class Server:
    """A server in a process of its own; `start_s` is how long it took until it said where it listens."""

    def __init__(self, *command: str) -> None:
        begun = time.perf_counter()
        arguments = [sys.executable, "-m", *command]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own modules
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.start_s = time.perf_counter() - begun
        if not self.url:
            raise SystemExit(f"{command[0]} did not start")

    def memory_mib(self) -> float:
        """Resident memory; 0 where the system has no /proc."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return next((int(x.split()[1]) / 1024 for x in lines if x.startswith("VmRSS")), 0.0)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def _served(*command: str) -> Iterator[Server]:
    server = Server(*command)
    try:
        yield server
    finally:
        server.kill()


def _embedded(directory: str) -> tuple[str, ...]:
    return "emulators.bigquery", "--port", "0", "--data-dir", directory


def _row(what: str, figure: str, beside: str = "", ratio: str = "") -> None:
    sys.stdout.write(f"{what:<46} {figure:>22} {beside:>22} {ratio:>7}\n")
    sys.stdout.flush()


def _fail(errors: list[str]) -> None:
    if errors:
        raise SystemExit(f"{len(errors)} calls failed; the first: {errors[0]}")


def rates(seconds: float, times: int) -> None:
    """Query jobs a second, beside the canned server's, in turns."""
    with (
        tempfile.TemporaryDirectory() as directory,
        _served(*_embedded(directory)) as server,
        _served("bench.canned") as canned,
        contextlib.closing(clients.connect(server.url)) as client,
    ):
        clients.prepare(client)
        written: Counter[str] = Counter()
        works: list[tuple[str, list[clients.Act]]] = [
            ("query().result(), jobs/s", [clients.insert_job] * clients.THREADS),
            ("query_and_wait(), jobs/s", [clients.query_call] * clients.THREADS),
            ("10 of 16 query, others load, stream, read: jobs/s", clients.MIXED),
        ]
        for name, acts in works:
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(times):
                for url, fixed, into in ((server.url, None, ours), (canned.url, 7, theirs)):
                    done, errors = clients.run(url, acts, seconds, fixed)
                    _fail(errors)
                    into.append((done["insert_job"] + done["query_call"]) / seconds)
                    written += done if fixed is None else Counter()
            _row(name, _best(ours), _best(theirs), f"{statistics.median(ours) / statistics.median(theirs):.2f}")
        _row("rows written and not found again", str(clients.lost_rows(client, written)))


def _best(rates: list[float]) -> str:
    return f"{max(rates):.0f} ({statistics.median(rates):.0f})"


def tenants(count: int) -> None:
    """Datasets of six tables each; then how the server starts and answers with them."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as used:
        server = Server(*_embedded(directory))
        _row("start with nothing, s", f"{server.start_s:.2f}")
        begun = time.perf_counter()
        local = threading.local()

        def create(number: int) -> None:
            if not hasattr(local, "client"):
                local.client = used.enter_context(contextlib.closing(clients.connect(server.url)))
            local.client.create_dataset(f"tenant_{number}", retry=None)
            for table in range(_TABLES):
                made = bigquery.Table(f"bench.tenant_{number}.t{table}", schema=clients.SCHEMA)
                local.client.create_table(made, retry=None)

        with concurrent.futures.ThreadPoolExecutor(_TENANTS_AT_ONCE) as pool:
            list(pool.map(create, range(count)))
        _row(f"{count:,} tenants of {_TABLES} tables, s", f"{time.perf_counter() - begun:.1f}")
        server.kill()
        with _served(*_embedded(directory)) as server, contextlib.closing(clients.connect(server.url)) as client:
            _row("start after kill -9 with them, s", f"{server.start_s:.2f}")
            waits = [
                _timed(client, f"SELECT COUNT(*) FROM tenant_{n}.t1") for n in range(0, count, max(count // 50, 1))
            ]
            _row("first query of a tenant, ms", f"{max(waits):.0f} ({statistics.median(waits):.1f})")


def _timed(client: bigquery.Client, sql: str) -> float:
    begun = time.perf_counter()
    list(client.query_and_wait(sql))
    return (time.perf_counter() - begun) * 1000


def delays(small_queries: int, long_s: float) -> None:
    """Small queries one after the other: so many alone, then during a query of about so many seconds."""
    with (
        tempfile.TemporaryDirectory() as directory,
        _served(*_embedded(directory)) as server,
        contextlib.closing(clients.connect(server.url)) as client,
    ):
        clients.prepare(client)
        small = "SELECT a FROM d.q WHERE a = 7"
        alone = [_timed(client, small) for _ in range(small_queries)]
        begun = time.perf_counter()
        list(client.query_and_wait(_LONG.format(_TRIED)))
        length = int(_TRIED * long_s / (time.perf_counter() - begun)) + 1
        job = client.query(_LONG.format(length), job_retry=None)
        begun = time.perf_counter()
        beside: list[float] = []
        while not (beside and job.done()):
            beside += [_timed(client, small) for _ in range(20)]
        _row("length of the long query, s", f"{time.perf_counter() - begun:.1f}")
        _row("a small query beside it, ms: median", *(f"{statistics.median(x):.1f}" for x in (beside, alone)))
        _row("  of 100, the slowest but one", *(f"{statistics.quantiles(x, n=100)[98]:.1f}" for x in (beside, alone)))


def memory(jobs: int) -> None:
    """Resident memory after the first tenth of the jobs and after all of them."""
    with tempfile.TemporaryDirectory() as directory, _served(*_embedded(directory)) as server:
        with contextlib.closing(clients.connect(server.url)) as client:
            clients.prepare(client)
        seen = []
        for share in (jobs // 10, jobs - jobs // 10):
            left = itertools.repeat(None, share)
            with concurrent.futures.ThreadPoolExecutor(clients.THREADS) as pool:
                list(pool.map(lambda mine: _jobs(server.url, mine), [left] * clients.THREADS))
            seen.append(server.memory_mib())
        _row(f"memory after {jobs // 10:,} and {jobs:,} jobs, MiB", f"{seen[1]:.0f}", f"{seen[0]:.0f}",
             f"{seen[1] / max(seen[0], 1):.2f}")  # fmt: skip


def _jobs(url: str, left: Iterator[None]) -> None:
    client = clients.connect(url)
    for number, _ in enumerate(left):
        clients.query_call(client, number % 1000)
    client.close()  # type: ignore[no-untyped-call]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print. Without arguments, those of the command line."""
    parser = argparse.ArgumentParser(prog="bench.bigquery", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of each run (default 3)")
    parser.add_argument("--times", type=int, default=3, help="runs of each rate (default 3)")
    parser.add_argument("--tenants", type=int, default=1_000, help="default 1,000; the promise is of 10,000")
    parser.add_argument("--jobs", type=int, default=10_000, help="small jobs before memory is looked at (10,000)")
    parser.add_argument("--only", choices=("rates", "tenants", "delays", "memory"))
    parser.add_argument("--queries", type=int, default=300, help="small queries alone, whose delay is told (300)")
    parser.add_argument("--long", type=float, default=8, help="seconds of the query beside which they are slower (8)")
    options = parser.parse_args(arguments)
    _row("best (median)", "embedded", "canned, before, alone", "ratio")
    parts: dict[str, Callable[[], None]] = {
        "rates": lambda: rates(options.seconds, options.times),
        "tenants": lambda: tenants(options.tenants),
        "delays": lambda: delays(options.queries, options.long),
        "memory": lambda: memory(options.jobs),
    }
    for name, measure in parts.items():
        if options.only in {None, name}:
            measure()


if __name__ == "__main__":
    main()
