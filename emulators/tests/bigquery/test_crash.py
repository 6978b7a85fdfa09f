"""kill -9 in the middle of writes: after a restart a destination holds the old or the new rows, and history agrees.

`BIGQUERY_KILLS` says how often; `make test.long FORMS=bigquery-kills` does it a hundred times.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.cloud import bigquery

from emulators.bigquery import create_app
from emulators.tests.bigquery.database import connect

KILLS = int(os.environ.get("BIGQUERY_KILLS", "4"))
ROWS = 20_000
CALL: dict[str, Any] = {"timeout": 20.0, "retry": None}


class Server:
    """The server as a process of its own, so that it can be killed."""

    def __init__(self, data_dir: Path) -> None:
        ready = data_dir / "ready"
        ready.unlink(missing_ok=True)
        self.started = time.monotonic()
        arguments = ["--port", "0", "--data-dir", str(data_dir), "--ready-file", str(ready)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulators.bigquery", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not ready.exists():
            assert self.process.poll() is None
            assert time.monotonic() < self.started + 60
            time.sleep(0.01)
        self.start_s = time.monotonic() - self.started
        self.url = ready.read_text()

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait(20)


@contextlib.contextmanager
def served(data_dir: Path) -> Iterator[Server]:
    server = Server(data_dir)
    try:
        yield server
    finally:
        server.end(signal.SIGKILL)


def write(client: bigquery.Client, generation: int) -> None:
    config = bigquery.QueryJobConfig(destination="crash.d.t$20250101", write_disposition="WRITE_TRUNCATE")
    sql = f"SELECT {generation} AS g, DATE '2025-01-01' AS d, x FROM UNNEST(GENERATE_ARRAY(1, {ROWS})) AS x"
    client.query(sql, config, job_id=f"write-{generation}", job_retry=None, **CALL).result(
        retry=None, job_retry=None, timeout=20
    )


@pytest.mark.timeout(60 + KILLS * 10)
def test_kill_9_leaves_old_or_new_rows_and_an_honest_history(tmp_path: Path) -> None:
    chance = random.Random(7)
    with served(tmp_path) as server, contextlib.closing(connect(server.url, "crash")) as client:
        client.create_dataset("crash.d")
        schema = [bigquery.SchemaField(n, k) for n, k in (("g", "INT64"), ("d", "DATE"), ("x", "INT64"))]
        table = bigquery.Table("crash.d.t", schema=schema)
        table.time_partitioning = bigquery.TimePartitioning(field="d")
        client.create_table(table)
        write(client, 0)
    generation = 0
    for kill in range(KILLS + 1):
        with served(tmp_path) as server, contextlib.closing(connect(server.url, "crash")) as client:
            # What the kill before this one has left.
            (row,) = client.query_and_wait("SELECT MIN(g), MAX(g), COUNT(*), SUM(x) FROM crash.d.t")
            low, high, count, total = row.values()
            assert (count, total) == (ROWS, ROWS * (ROWS + 1) // 2)
            assert low == high
            for each in range(low, generation + 1):  # those before may have been cut off in an earlier round
                assert_history_agrees(client, each, written=each == low)
            if kill == KILLS:
                break
            killer = threading.Timer(chance.uniform(0.01, 0.35), server.end, [signal.SIGKILL])
            killer.start()
            with contextlib.suppress(GoogleAPIError, OSError, TimeoutError):
                while True:
                    generation += 1
                    write(client, generation)
            killer.join()


def assert_history_agrees(client: bigquery.Client, generation: int, *, written: bool) -> None:
    """A job whose rows are there is DONE without error; one whose rows are not is absent or failed."""
    try:
        job = client.get_job(f"write-{generation}", **CALL)
    except NotFound:
        assert not written
        return
    assert job.state == "DONE"
    if written:
        assert job.error_result is None
    else:
        assert job.error_result is not None
        assert job.error_result["reason"] == "backendError"


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with served(tmp_path) as server, contextlib.closing(connect(server.url, "crash")) as client:
        client.create_dataset("crash.d")
        client.query_and_wait("CREATE TABLE crash.d.t AS SELECT 1 AS a, [STRUCT('k' AS key)] AS labels")
        client.create_table(bigquery.Table("crash.d.s", schema=[bigquery.SchemaField("a", "INT64")]))
        assert client.insert_rows_json("crash.d.s", [{"a": 5}]) == []
        job = client.query("SELECT 7 AS seven", job_id="kept", job_retry=None)
        assert [r.seven for r in job.result()] == [7]
    with served(tmp_path) as server, contextlib.closing(connect(server.url, "crash")) as client:
        assert [tuple(r.values()) for r in client.list_rows("crash.d.t")] == [(1, [{"key": "k"}])]
        assert [r.a for r in client.query_and_wait("SELECT a FROM crash.d.s")] == [5]
        kept = client.get_job("kept")
        assert isinstance(kept, bigquery.QueryJob)
        assert [r.seven for r in kept.result()] == [7]
        with pytest.raises(GoogleAPIError, match="Already Exists: Job"):
            client.query("SELECT 1", job_id="kept", job_retry=None)


def test_sigterm_ends_it_within_seconds(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.process.terminate()
        assert server.process.wait(10) == 0 or server.process.returncode == -signal.SIGTERM


def test_no_file_of_the_host_can_be_read_or_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nsecret\n")
    app = create_app(tmp_path / "data")
    try:
        engine = app.service.engine
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"SELECT * FROM '{secret}'",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/x.duckdb'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
        ):
            with pytest.raises(Exception, match=r"(?i)disabled|not exist|locked|permission|configuration|cannot"):
                engine.run(sql, {})
    finally:
        app.close()
    assert not (tmp_path / "out.csv").exists()
