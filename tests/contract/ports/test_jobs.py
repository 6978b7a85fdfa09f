"""Jobs: the caller's id says what is the same job; how a job ended is an answer, not an exception."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from shared.adapters import bigquery
from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import Column, TableRef
from shared.errors import NotFound, NotOurs, QueryFailed, RowOutsidePartition, Unavailable
from shared.once import permanent, run_once
from shared.ports import Job, JobError, JobExists, QueryJob
from shared.tenants.key_ring import rotation
from tests.builders import RUN, TENANT, schema, table_schema
from tests.contract.ports.cloud import Cloud, Warehouse
from tests.fakes import Answer

SHAPE = table_schema("day DATE", "cost FLOAT64", partition_field="day")
DAY = (Parameter("day", "DATE", "2025-11-15"),)
TWO = "SELECT @day AS day, cost FROM UNNEST([1.5, 2.5]) AS cost"
NONE = f"{TWO} WHERE cost > 3"
BAD = "SELECT no_such_column"
LABELS = {"convergence_tenant": TENANT, "convergence_run": RUN}


def rows(day: str, *costs: float) -> list[dict[str, Any]]:
    return [{"day": date.fromisoformat(day), "cost": cost} for cost in costs]


def teach(warehouse: Warehouse) -> None:
    columns = (Column(name="day", type="DATE"), Column(name="cost", type="FLOAT64"))
    warehouse.answer(TWO, Answer(rows("2025-11-15", 1.5, 2.5), columns))
    warehouse.answer(NONE, Answer([], columns))
    warehouse.answer(BAD, Answer(error=JobError("invalidQuery", "Unrecognized name: no_such_column at [1:8]", False)))


def ended(warehouse: Warehouse, job: QueryJob, job_id: str | None = None) -> Job:
    job_id = job_id or warehouse.job_id()
    warehouse.jobs.insert(job_id, job)
    return warehouse.jobs.wait(job_id, timeout_s=20)


def to(table: TableRef, text: str = TWO, **given: Any) -> QueryJob:
    return QueryJob(Sql(text, DAY), destination=table, labels=LABELS, **given)


def stored(warehouse: Warehouse, table: TableRef) -> list[tuple[str, float]]:
    found = warehouse.rows.stored(table, SHAPE, limit=100) or []
    return sorted((row["day"].isoformat(), row["cost"]) for row in found)


# ── the id ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_used_id_is_refused_and_nothing_runs(warehouse: Warehouse) -> None:
    teach(warehouse)
    table, job_id = warehouse.make_table(SHAPE), warehouse.job_id()
    ended(warehouse, to(table, write="WRITE_APPEND"), job_id)
    with pytest.raises(JobExists):
        warehouse.jobs.insert(job_id, to(table, write="WRITE_APPEND"))
    assert stored(warehouse, table) == [("2025-11-15", 1.5), ("2025-11-15", 2.5)]


def test_the_id_of_a_job_that_failed_is_used_too(warehouse: Warehouse) -> None:
    teach(warehouse)
    job_id = warehouse.job_id()
    ended(warehouse, QueryJob(Sql(BAD)), job_id)
    with pytest.raises(JobExists):
        warehouse.jobs.insert(job_id, QueryJob(Sql(BAD)))


def test_labels_destination_and_partition_come_back(warehouse: Warehouse) -> None:
    teach(warehouse)
    table, job_id = warehouse.make_table(SHAPE), warehouse.job_id()
    done = ended(warehouse, to(table, partition="20251115"), job_id)
    assert (done.labels, done.destination, done.partition) == (LABELS, table, "20251115")
    assert warehouse.jobs.get(job_id) == done


def test_a_job_without_a_destination_of_its_own_has_none(warehouse: Warehouse) -> None:
    teach(warehouse)
    done = ended(warehouse, QueryJob(Sql(TWO, DAY), labels=LABELS))
    assert (done.destination, done.partition, done.rows) == (None, None, 2)


def test_a_job_that_is_not_there(warehouse: Warehouse) -> None:
    for ask in (warehouse.jobs.get, lambda job_id: warehouse.jobs.wait(job_id, timeout_s=1)):
        with pytest.raises(NotFound):
            ask(warehouse.job_id())


def test_whether_a_job_is_running_is_asked_without_its_results(warehouse: Warehouse) -> None:
    teach(warehouse)
    for text in (TWO, BAD):
        job_id = warehouse.job_id()
        ended(warehouse, QueryJob(Sql(text, DAY)), job_id)
        assert not warehouse.jobs.is_running(job_id)
    with pytest.raises(NotFound):
        warehouse.jobs.is_running(warehouse.job_id())


def test_a_job_is_running_until_it_ends(cloud_warehouse: Warehouse) -> None:
    job_id = cloud_warehouse.job_id()
    cloud_warehouse.jobs.insert(job_id, QueryJob(Sql(SLOW)))
    assert cloud_warehouse.jobs.is_running(job_id)
    cloud_warehouse.jobs.cancel(job_id)


def test_whether_a_job_is_running_is_one_request(cloud: Cloud) -> None:
    # Its results may be another account's, who alone may read them.
    google = bigquery.client(cloud.project, cloud.location, cloud.bigquery)
    jobs, job_id, asked = bigquery.BigQueryJobs(google), cloud.warehouse().job_id(), list[str]()
    jobs.insert(job_id, QueryJob(Sql("SELECT 1")))
    jobs.wait(job_id, timeout_s=20)
    google._http.hooks["response"].append(lambda response, **_: asked.append(urlsplit(response.url).path))
    assert not jobs.is_running(job_id)
    assert [path.partition("/projects/")[2] for path in asked] == [f"{cloud.project}/jobs/{job_id}"]
    google.close()  # type: ignore[no-untyped-call]  # it has no types


@pytest.mark.parametrize("timeout_s", [0, 0.0, -1.0])
def test_to_wait_for_no_time_is_to_look(warehouse: Warehouse, timeout_s: float) -> None:
    teach(warehouse)
    job_id = warehouse.job_id()
    warehouse.jobs.insert(job_id, QueryJob(Sql(TWO, DAY)))
    assert warehouse.jobs.wait(job_id, timeout_s=timeout_s).job_id == job_id


def test_a_job_is_run_once_and_found_again(warehouse: Warehouse) -> None:
    teach(warehouse)
    table, ids = warehouse.make_table(SHAPE), (TENANT, warehouse.job_id(), "extract", "write")
    first, second = (run_once(warehouse.jobs, to(table, write="WRITE_APPEND"), ids=ids, timeout_s=20) for _ in range(2))
    assert first == second
    assert len(stored(warehouse, table)) == 2


@pytest.mark.not_on_google("nobody can make Google hide a job")
def test_a_job_that_is_refused_as_used_and_not_yet_shown_is_asked_for_again(cloud: Cloud) -> None:
    warehouse = cloud.warehouse()
    table, ids = warehouse.make_table(SHAPE), (TENANT, warehouse.job_id(), "extract", "write")
    first = run_once(warehouse.jobs, to(table, write="WRITE_APPEND"), ids=ids, timeout_s=20)
    with hidden_after_conflict(cloud.bigquery, calls=2):
        assert run_once(warehouse.jobs, to(table, write="WRITE_APPEND"), ids=ids, timeout_s=20) == first
    assert len(stored(warehouse, table)) == 2


@pytest.mark.not_on_google("nobody can make Google hide a job")
def test_a_job_that_is_not_shown_in_time_is_left_to_a_redelivery(cloud: Cloud) -> None:
    warehouse = cloud.warehouse()
    table, ids = warehouse.make_table(SHAPE), (TENANT, warehouse.job_id(), "extract", "write")
    run_once(warehouse.jobs, to(table, write="WRITE_APPEND"), ids=ids, timeout_s=20)
    with (
        hidden_after_conflict(cloud.bigquery, calls=3),
        pytest.raises(Unavailable, match="does not show the job yet"),
    ):
        run_once(warehouse.jobs, to(table, write="WRITE_APPEND"), ids=ids, timeout_s=0.1)
    assert run_once(warehouse.jobs, to(table, write="WRITE_APPEND"), ids=ids, timeout_s=20).done
    assert len(stored(warehouse, table)) == 2


@contextmanager
def hidden_after_conflict(url: str, *, calls: int) -> Iterator[None]:
    """The embedded BigQuery answers jobs.get with 404 so often after it has refused a job's id as used."""

    def change(span: dict[str, int] | None) -> None:
        body = {"job_not_found_after_conflict": span}
        httpx.post(f"{url}/emulator/faults", json=body, timeout=10).raise_for_status()

    change({"calls": calls})
    try:
        yield
    finally:
        change(None)


def test_a_job_of_somebody_else_is_not_adopted(warehouse: Warehouse) -> None:
    teach(warehouse)
    table, ids = warehouse.make_table(SHAPE), (TENANT, warehouse.job_id(), "extract", "write")
    run_once(warehouse.jobs, to(table), ids=ids, timeout_s=20)
    for other in (replace(to(table), labels={}), to(table, partition="20251115")):
        with pytest.raises(NotOurs):
            run_once(warehouse.jobs, other, ids=ids, timeout_s=20)


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_finished_job_says_rows_and_bytes(warehouse: Warehouse) -> None:
    teach(warehouse)
    done = ended(warehouse, to(warehouse.make_table(SHAPE), partition="20251115"))
    assert (done.done, done.error, done.rows) == (True, None, 2)
    assert done.bytes_billed is not None


def test_a_partition_is_replaced_and_the_others_stay(warehouse: Warehouse) -> None:
    teach(warehouse)
    table = warehouse.make_table(SHAPE)
    old = [{"day": day, "cost": 9.0} for day in ("2025-11-14", "2025-11-15")]
    warehouse.rows.replace(table, SHAPE, old, job_id=warehouse.job_id())
    for _ in range(2):
        ended(warehouse, to(table, partition="20251115"))
    assert stored(warehouse, table) == [("2025-11-14", 9.0), ("2025-11-15", 1.5), ("2025-11-15", 2.5)]


def test_a_query_without_rows_is_done_and_empties_its_partition(warehouse: Warehouse) -> None:
    teach(warehouse)
    table = warehouse.make_table(SHAPE)
    ended(warehouse, to(table, partition="20251115"))
    done = ended(warehouse, to(table, NONE, partition="20251115"))
    assert (done.done, done.rows, stored(warehouse, table)) == (True, 0, [])


def test_append_adds_and_truncate_takes_the_place_of_all(warehouse: Warehouse) -> None:
    teach(warehouse)
    table = warehouse.make_table(SHAPE)
    ended(warehouse, to(table, write="WRITE_APPEND"))
    # What this job wrote; its results are the whole table.
    assert ended(warehouse, to(table, write="WRITE_APPEND")).rows == 2
    assert len(stored(warehouse, table)) == 4
    ended(warehouse, to(table, write="WRITE_TRUNCATE"))
    assert len(stored(warehouse, table)) == 2


def test_a_row_of_another_day_fails_the_job_and_writes_nothing(warehouse: Warehouse) -> None:
    teach(warehouse)
    table = warehouse.make_table(SHAPE)
    failed = ended(warehouse, to(table, partition="20251116"))
    assert failed.error is not None
    assert type(permanent(failed.error)) is RowOutsidePartition
    assert stored(warehouse, table) == []


def test_a_destination_that_is_not_there_fails_the_job_and_is_not_made(warehouse: Warehouse) -> None:
    teach(warehouse)
    warehouse.make_dataset()
    table = warehouse.dataset.table("costs")
    failed = ended(warehouse, to(table, partition="20251115"))
    assert failed.error is not None
    assert (failed.error.reason, failed.error.transient) == ("notFound", False)
    assert warehouse.catalog.get_schema(table) is None


# ── what fails ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_that_failed_is_an_answer_with_bigquerys_reason(warehouse: Warehouse) -> None:
    teach(warehouse)
    job_id = warehouse.job_id()
    failed = ended(warehouse, QueryJob(Sql(BAD), labels=LABELS), job_id)
    assert failed.error is not None
    assert (failed.done, failed.error.reason, failed.error.transient) == (True, "invalidQuery", False)
    assert "no_such_column" in failed.error.message
    assert warehouse.jobs.get(job_id) == failed


def test_a_dry_run_of_a_wrong_query_says_why(warehouse: Warehouse) -> None:
    teach(warehouse)
    with pytest.raises(QueryFailed) as caught:
        warehouse.jobs.dry_run(Sql(BAD))
    assert caught.value.reason == "invalidQuery"


def test_a_dry_run_runs_nothing_and_names_tables_and_columns(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    text = f"SELECT day, cost FROM `{table}` WHERE day = @day"
    warehouse.answer(text, Answer(columns=SHAPE.fields, reads=frozenset({table})))
    seen = warehouse.jobs.dry_run(Sql(text, DAY))
    assert seen.tables == {table}
    assert [(column.name, column.type_name) for column in seen.columns] == [("day", "DATE"), ("cost", "FLOAT64")]


def test_a_query_that_would_bill_more_than_it_may_fails(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    text = f"SELECT cost FROM `{table}`"
    warehouse.answer(text, Answer(bytes_billed=20 * 1024**2))
    done = ended(warehouse, QueryJob(Sql(text), maximum_bytes_billed=10 * 1024**2))
    assert done.error is None or done.error.reason == "bytesBilledLimitExceeded"


# ── small queries ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_small_query_gives_its_rows(warehouse: Warehouse) -> None:
    teach(warehouse)
    found = warehouse.jobs.select(Sql(TWO, DAY))
    assert sorted(row["cost"] for row in found) == [1.5, 2.5]
    assert len(warehouse.jobs.select(Sql(TWO, DAY), max_rows=1)) == 1


def test_the_registrys_row_is_inserted_once_and_listed(warehouse: Warehouse) -> None:
    shape = schema("x_meta_tenants")
    table = warehouse.make_table(shape, "x_meta_tenants")
    parameters = (
        Parameter("tenant_id", "STRING", TENANT),
        Parameter("enabled_templates", "STRING", ("a/b/c",), array=True),
        Parameter("onboarded_at", "TIMESTAMP", "2025-11-20T08:00:00+00:00"),
    )
    names = [each.name for each in parameters]
    sql = Sql(f"INSERT INTO `{table}` ({', '.join(names)}) VALUES (@{', @'.join(names)})", parameters)
    ids = (TENANT, warehouse.job_id(), "registry", "insert")
    for _ in range(2):
        done = run_once(warehouse.jobs, QueryJob(sql, labels=LABELS), ids=ids, timeout_s=20)
        assert done.rows == 1
    (row,) = warehouse.rows.stored(table, shape, limit=10) or []
    assert (row["tenant_id"], list(row["enabled_templates"]), row["status"]) == (TENANT, ["a/b/c"], None)
    assert (
        warehouse.jobs.select(
            Sql(f"SELECT tenant_id FROM `{table}` WHERE tenant_id = @tenant_id LIMIT 1", parameters[:1])
        )[0]["tenant_id"]
        == TENANT
    )


# ── what the platform changes by DML ────────────────────────────────────────────────────────────────────────────────

KEYS = schema("x_meta_api_keys")
EARLY, LATE = "2025-11-20T08:00:00+00:00", "2025-11-21T08:00:00+00:00"


def change(warehouse: Warehouse, text: str, *parameters: Parameter) -> int:
    job = QueryJob(Sql(text, parameters), labels=LABELS)
    done = run_once(warehouse.jobs, job, ids=(TENANT, warehouse.job_id(), "keys", "change"), timeout_s=20)
    assert done.rows is not None
    return done.rows


def add(warehouse: Warehouse, table: TableRef, key_id: str, expires_at: str | None = None) -> None:
    parameters = (
        Parameter("key_id", "STRING", key_id),
        Parameter("key_ciphertext", "BYTES", b"\x00\xff"),
        Parameter("expires_at", "TIMESTAMP", expires_at),
    )
    names = [each.name for each in parameters]
    sql = f"INSERT INTO `{table}` ({', '.join(names)}) VALUES (@{', @'.join(names)})"
    assert change(warehouse, sql, *parameters) == 1


def expiries(warehouse: Warehouse, table: TableRef) -> dict[str, str | None]:
    found = warehouse.rows.stored(table, KEYS, limit=10) or []
    return {row["key_id"]: row["expires_at"] and row["expires_at"].isoformat() for row in found}


def test_bytes_and_nothing_are_inserted_as_such(warehouse: Warehouse) -> None:
    table = warehouse.make_table(KEYS, "x_meta_api_keys")
    add(warehouse, table, "a")
    (row,) = warehouse.rows.stored(table, KEYS, limit=10) or []
    assert (row["key_ciphertext"], row["expires_at"], row["revoked_at"]) == (b"\x00\xff", None, None)


def test_an_update_changes_the_rows_that_it_names_and_counts_them(warehouse: Warehouse) -> None:
    table = warehouse.make_table(KEYS, "x_meta_api_keys")
    for key_id in "ab":
        add(warehouse, table, key_id)
    text = f"UPDATE `{table}` SET expires_at = @late WHERE key_id = @key_id AND expires_at IS NULL"
    parameters = Parameter("late", "TIMESTAMP", LATE), Parameter("key_id", "STRING", "a")
    assert [change(warehouse, text, *parameters) for _ in range(2)] == [1, 0]
    assert expiries(warehouse, table) == {"a": LATE, "b": None}
    text = f"UPDATE `{table}` SET expires_at = @early WHERE key_id = @key_id AND expires_at = @seen"
    seen = (*parameters[1:], Parameter("early", "TIMESTAMP", EARLY), Parameter("seen", "TIMESTAMP", LATE))
    assert [change(warehouse, text, *seen) for _ in range(2)] == [1, 0]


def test_a_delete_takes_out_the_rows_that_it_names(warehouse: Warehouse) -> None:
    table = warehouse.make_table(KEYS, "x_meta_api_keys")
    for key_id in "ab":
        add(warehouse, table, key_id)
    text, parameter = f"DELETE FROM `{table}` WHERE key_id = @key_id", Parameter("key_id", "STRING", "a")
    assert [change(warehouse, text, parameter) for _ in range(2)] == [1, 0]
    assert expiries(warehouse, table) == {"b": None}


def test_a_rotation_inserts_a_key_and_forgets_or_ends_the_others_in_one_go_or_changes_nothing(
    warehouse: Warehouse,
) -> None:
    table = warehouse.make_table(KEYS, "x_meta_api_keys")
    for key_id, expires_at in (("gone", EARLY), ("sooner", EARLY), ("later", "2025-11-22T08:00:00+00:00"), ("a", None)):
        add(warehouse, table, key_id, expires_at)
    given = {"key_id": Parameter("key_id", "STRING", "new"), "until": Parameter("until", "TIMESTAMP", LATE)}
    given["now"] = Parameter("now", "TIMESTAMP", EARLY)
    given["forgotten"] = Parameter("forgotten", "STRING", ("gone",), array=True)

    def rotate(most: int) -> int:
        sql = rotation(table, ["key_id"], (*given.values(), Parameter("most", "INT64", most)))
        return change(warehouse, sql.text, *sql.parameters)

    before = expiries(warehouse, table)
    assert rotate(2) == 0  # two are good, `later` and `a`
    assert expiries(warehouse, table) == before
    assert rotate(3) == 4
    assert expiries(warehouse, table) == {"sooner": EARLY, "later": LATE, "a": LATE, "new": None}
    given["forgotten"] = Parameter("forgotten", "STRING", (), array=True)
    assert rotate(4) == 0


def test_a_merge_updates_what_is_there_already(warehouse: Warehouse) -> None:
    table = warehouse.make_table(KEYS, "x_meta_api_keys")
    text = f"""MERGE `{table}` AS k USING (SELECT @key_id AS key_id) AS made ON k.key_id = made.key_id
        WHEN MATCHED THEN UPDATE SET expires_at = @late
        WHEN NOT MATCHED BY TARGET THEN INSERT (key_id) VALUES (@key_id)"""
    parameters = Parameter("key_id", "STRING", "a"), Parameter("late", "TIMESTAMP", LATE)
    assert [change(warehouse, text, *parameters) for _ in range(2)] == [1, 1]
    assert expiries(warehouse, table) == {"a": LATE}


# ── cancelling ──────────────────────────────────────────────────────────────────────────────────────────────────────

SLOW = "SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS a, UNNEST(GENERATE_ARRAY(1, 1000000)) AS b"


def test_a_cancelled_job_ends_as_stopped(warehouse: Warehouse) -> None:
    warehouse.answer(SLOW, Answer())
    job_id = warehouse.job_id()
    warehouse.jobs.insert(job_id, QueryJob(Sql(SLOW)))
    warehouse.jobs.cancel(job_id)
    job = warehouse.jobs.wait(job_id, timeout_s=20)
    assert job.error is not None
    assert (job.done, job.error.reason, job.error.transient) == (True, "stopped", False)


def test_waiting_lasts_no_longer_than_one_poll_more_than_asked(warehouse: Warehouse) -> None:
    warehouse.answer(SLOW, Answer())
    job_id = warehouse.job_id()
    warehouse.jobs.insert(job_id, QueryJob(Sql(SLOW)))
    began = time.monotonic()
    warehouse.jobs.wait(job_id, timeout_s=0.5)
    # jobs.getQueryResults holds a call for ten seconds; a client that tried again would go on for a minute.
    assert time.monotonic() - began < 20
    warehouse.jobs.cancel(job_id)


def test_cancelling_what_has_ended_or_is_not_there_changes_nothing(warehouse: Warehouse) -> None:
    teach(warehouse)
    job_id = warehouse.job_id()
    ended(warehouse, QueryJob(Sql(TWO, DAY)), job_id)
    warehouse.jobs.cancel(job_id)
    warehouse.jobs.cancel(warehouse.job_id())
    assert warehouse.jobs.get(job_id).error is None
