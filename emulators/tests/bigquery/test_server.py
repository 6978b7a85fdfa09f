"""The embedded BigQuery as a server: many clients at once, long queries beside short ones, the host out of reach.

How fast it is, `make bench.bigquery` says; nothing here depends on the clock.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from emulators.bigquery import create_app, schemas
from emulators.bigquery.clock import utc_now
from emulators.bigquery.service import Service
from emulators.bigquery.storage import fragments
from emulators.bigquery.storage.contents import Change
from emulators.tests.bigquery.database import CALL, Database, connect, parameter

THREADS = 16
ROUNDS = 12
# Runs for minutes if nobody ends it.
LONG = "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 300000)) AS a, UNNEST(GENERATE_ARRAY(1, 300000)) AS b WHERE a < b"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with contextlib.closing(Service(tmp_path, utc_now)) as opened:
        yield opened


# -- several clients at once -----------------------------------------------------------------------------


def test_sixteen_clients_query_load_stream_and_read_at_once(db: Database) -> None:
    fields = [bigquery.SchemaField("a", "INT64"), bigquery.SchemaField("b", "STRING")]
    read, loaded, streamed, inserted = (
        db.table(name, "a INT64, b STRING") for name in ("read", "loaded", "streamed", "inserted")
    )
    db.load("read", [{"a": i, "b": f"row {i}"} for i in range(500)])
    start = threading.Barrier(THREADS)

    def query(client: bigquery.Client, number: int) -> None:
        config = bigquery.QueryJobConfig(query_parameters=[parameter("v", "INT64", number)])
        job = client.query(f"SELECT a, b FROM {read} WHERE a = @v", job_config=config, job_retry=None, **CALL)
        assert [tuple(r.values()) for r in job.result()] == [(number, f"row {number}")]

    def load(client: bigquery.Client, number: int) -> None:
        config = bigquery.LoadJobConfig(schema=fields)
        client.load_table_from_json([{"a": number, "b": "x"}] * 3, loaded, job_config=config, timeout=30).result()

    def stream(client: bigquery.Client, number: int) -> None:
        assert client.insert_rows_json(streamed, [{"a": number, "b": "y"}], **CALL) == []

    def insert(client: bigquery.Client, number: int) -> None:
        client.query_and_wait(f"INSERT {inserted} VALUES ({number}, 'z')")

    def page(client: bigquery.Client, _number: int) -> None:
        assert len(list(client.list_rows(read, max_results=50, **CALL))) == 50

    acts = [query, load, stream, insert, page, query, query, query]

    def work(index: int) -> None:
        with contextlib.closing(connect(db.url, db.project)) as client:
            start.wait()
            for round_ in range(ROUNDS):
                acts[index % len(acts)](client, index * ROUNDS + round_)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))  # raises what any of them raised
    for table, copies, name in ((loaded, 3, "load"), (streamed, 1, "stream"), (inserted, 1, "insert")):
        workers = [i for i in range(THREADS) if acts[i % len(acts)].__name__ == name]
        wanted = sorted([i * ROUNDS + r for i in workers for r in range(ROUNDS)] * copies)
        assert sorted(a for (a,) in db.rows(f"SELECT a FROM {table}")) == wanted


def test_clients_that_change_one_row_at_once_lose_no_change(db: Database) -> None:
    counter = db.table("counter", "n INT64", [{"n": 0}])

    def work(_index: int) -> None:
        with contextlib.closing(connect(db.url, db.project)) as client:
            for _ in range(4):
                client.query_and_wait(f"UPDATE {counter} SET n = n + 1 WHERE TRUE")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert db.rows(f"SELECT n FROM {counter}") == [(16,)]


def test_a_reader_sees_all_rows_of_a_load_or_none(db: Database) -> None:
    table = db.table("t", "a INT64")
    over = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        with contextlib.closing(connect(db.url, db.project)) as client:
            while not over.is_set():
                (row,) = client.query_and_wait(f"SELECT COUNT(*) FROM {table}")
                seen.append(row[0])

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            for _ in range(8):
                db.load("t", [{"a": i} for i in range(100)])
        finally:
            over.set()
        watching.result()
    assert all(count % 100 == 0 for count in seen)
    assert seen == sorted(seen)


# -- a long query beside short calls -----------------------------------------------------------------------


@contextlib.contextmanager
def long_query(db: Database, count: int = 1) -> Iterator[list[bigquery.QueryJob]]:
    with ThreadPoolExecutor(count) as pool:  # at once: the answer to each comes after a moment that it may end in
        jobs = list(pool.map(lambda _: db.client.query(LONG, job_retry=None, **CALL), range(count)))
        try:
            yield jobs
        finally:
            list(pool.map(lambda job: job.cancel(**CALL), jobs))


def test_other_calls_are_answered_while_a_query_runs(db: Database) -> None:
    with long_query(db) as (job,):
        table = db.table("t", "a INT64", [{"a": 1}])
        assert db.client.insert_rows_json(table, [{"a": 2}], **CALL) == []
        assert sorted(db.rows(f"SELECT a FROM {table}")) == [(1,), (2,)]
        assert db.stored("t") == [(1,)]
        db.run(f"INSERT {table} VALUES (3)")
        assert [t.table_id for t in db.client.list_tables(db.path, **CALL)] == ["t"]
        assert db.client.get_job(job.job_id, location="US", **CALL).state == "RUNNING"


def test_more_long_queries_than_clients_leave_room_for_a_short_one(db: Database) -> None:
    with long_query(db, 20) as jobs:
        assert db.one("1 + 1") == 2
        states = {db.client.get_job(job.job_id, location="US", **CALL).state for job in jobs}
        assert states == {"RUNNING"}


def test_a_cancelled_query_ends(db: Database) -> None:
    with long_query(db) as (job,):
        job.cancel(**CALL)
        with pytest.raises(GoogleAPICallError, match="cancelled"):
            job.result(timeout=30, job_retry=None)


# -- what is kept ------------------------------------------------------------------------------------------


def test_a_table_fed_row_by_row_stays_in_few_pieces(service: Service, feed: Callable[..., int]) -> None:
    uid = feed(1000)
    manifest = service.catalog.manifest(uid)
    assert sum(rows for _, _, rows, _, _ in manifest) == 1000
    assert len(manifest) <= 72


def test_who_looks_again_and_again_while_rows_stream_in_sees_each_once(db: Database) -> None:
    db.run("CREATE TABLE {d}.streamed (id INT64, day DATE) PARTITION BY day")
    written, looks = 0, [1, 7, 63, 64, 65, 90, 127, 128, 130, 191, 200, 256, 300]
    for count in looks:
        for number in range(written, count):
            row = {"id": number, "day": f"2025-11-{15 + number % 2}"}
            assert db.client.insert_rows_json(f"{db.path}.streamed", [row]) == []
        written = count
        (seen,) = db.rows("SELECT COUNT(*), COUNT(DISTINCT id), MAX(id) FROM {d}.streamed")
        assert tuple(seen) == (count, count, count - 1)


def test_a_table_that_is_replaced_often_does_not_grow_on_disk(service: Service, feed: Callable[..., int]) -> None:
    feed(50, replace="all")
    before = disk(service)
    feed(500, replace="all")
    assert disk(service) <= before + 1024 * 1024


def disk(service: Service) -> int:
    """Bytes of the database, its log brought in."""
    service.database.row("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(p.stat().st_size for p in service.database.directory.rglob("*") if p.is_file())


@pytest.fixture
def feed(service: Service) -> Callable[..., int]:
    """Put one row at a time into a table, or instead of its content; its uid."""
    fields = schemas.checked({"fields": [{"name": "a", "type": "STRING"}]})
    service.catalog.create_dataset("p", "d", "US", {})
    table = service.catalog.create_table(("p", "d", "t"), {"schema": fields})

    def put(count: int, replace: str | None = None) -> int:
        for number in range(count):
            rows = pa.table({"a": [f"row {number} " * 20]}, schema=table.arrow)
            piece = fragments.write(service.catalog.files, rows, table.columns, "")
            service.catalog.change(Change(table.uid, [piece], replace))
        return table.uid

    return put


def test_a_directory_of_another_version_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "bigquery.sqlite3")) as old:
        old.execute("CREATE TABLE jobs (id TEXT)")
    with pytest.raises(OSError, match="another version"):
        Service(tmp_path, utc_now)


# -- the host's files --------------------------------------------------------------------------------------

# {secret} is a file that exists, {out} one that does not.
SQL_ATTEMPTS = [
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM parquet_scan('{secret}')",
    "SELECT * FROM glob('{secret}*')",
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM `{secret}`",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "SELECT read_text('{secret}')",
    "SELECT getenv('HOME')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM 'https://example.com/x.csv'",
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    "COPY (SELECT 1) TO '{out}'",
    "COPY t FROM '{secret}'",
    "EXPORT DATABASE '{out}'",
    "EXPORT DATA OPTIONS (uri='{out}') AS SELECT 1",
    "LOAD DATA INTO d.t FROM FILES (format='CSV', uris=['{secret}'])",
    "IMPORT DATABASE '{secret}'",
    "ATTACH '{out}' AS x",
    "ATTACH DATABASE '{out}'",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "PRAGMA enable_external_access",
    "PRAGMA database_list",
    "PRAGMA enable_profiling",
    "SET profiling_output = '{out}'",
    "CALL pragma_version()",
    "CREATE SECRET s (TYPE s3)",
    "CREATE EXTERNAL TABLE d.t OPTIONS (format='CSV', uris=['{secret}'])",
    "CHECKPOINT",
    "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "SELECT * FROM UNNEST([1]) AS x WHERE EXISTS (SELECT 1 FROM read_csv('{secret}'))",
]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\nthe secret\n")
    return {"secret": str(secret), "out": str(tmp_path / "out")}


@pytest.mark.parametrize("sql", SQL_ATTEMPTS)
def test_sql_reaches_no_file_of_the_host(db: Database, sql: str, places: dict[str, str], tmp_path: Path) -> None:
    refused = db.refused(sql.format(**places))
    assert refused.status in {400, 403, 404, 501}
    assert "the secret" not in refused.message
    assert [p.name for p in tmp_path.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize("text", ["{secret}", "' || content FROM read_text('{secret}') --", "file://{secret}"])
def test_a_path_as_a_value_is_only_text(db: Database, text: str, places: dict[str, str]) -> None:
    value = text.format(**places)
    assert db.one("@p", parameter("p", "STRING", value)) == value


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM glob('{secret}*')",
        "SELECT * FROM '{secret}'",
        "COPY (SELECT 1) TO '{out}'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET profiling_output = '{out}'",
        "SELECT * FROM 'https://example.com/x.csv'",
    ],
)
def test_duckdb_itself_would_refuse_it_too(service: Service, sql: str, places: dict[str, str], tmp_path: Path) -> None:
    """Were the compiler ever deceived, the engine below it still has no way out."""
    with pytest.raises(Exception, match=r"(?i)disabled|not exist|locked|permission|configuration|cannot|not found"):
        service.engine.run(sql.format(**places), {})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"sourceUris": ["{secret}"]},
        {"sourceUris": ["file://{secret}"]},
        {"sourceUris": ["gs://bucket/x.csv"]},
    ],
)
def test_load_jobs_read_no_file_of_the_host(db: Database, options: dict[str, Any], places: dict[str, str]) -> None:
    db.table("t", "a STRING")
    table = {"projectId": db.project, "datasetId": db.dataset, "tableId": "t"}
    uris = [u.format(**places) for u in options["sourceUris"]]
    load = {"destinationTable": table, "sourceUris": uris, "sourceFormat": "CSV"}
    status, answer = db.call("POST", "jobs", {"configuration": {"load": load}})
    assert status == 501
    assert answer["error"]["errors"][0]["reason"] == "notImplemented"


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/../../b"])
def test_names_lead_to_no_path(db: Database, name: str) -> None:
    body = {"tableReference": {"projectId": db.project, "datasetId": db.dataset, "tableId": name}}
    status, _ = db.call("POST", f"datasets/{db.dataset}/tables", body)
    assert status in {400, 501}


def test_closing_and_opening_again_keeps_everything(tmp_path: Path) -> None:
    app = create_app(tmp_path)
    app.service.catalog.create_dataset("p", "d", "US", {})
    app.close()
    assert app.service.catalog.dataset("p", "d").location == "US"
    app.close()
