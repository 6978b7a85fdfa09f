"""Partitions that are older than the table says are gone.

Pages: docs/managing-partitioned-tables#partition-expiration, docs/reference/rest/v2/tables#TimePartitioning (of
https://cloud.google.com/bigquery): a partition expires at its time, in UTC, plus expirationMs.
"""

import datetime as dt
from typing import Any

import pytest
from google.cloud import bigquery

from emulators.tests.bigquery.database import CALL, Database, refusal

DAY_MS = 24 * 3600 * 1000


def day(db: Database, back: int) -> str:
    """The date so many days ago, by the server's clock."""
    return (db.clock().date() - dt.timedelta(days=back)).isoformat()


def kept(days: float, kind: str = "DAY", field: str | None = "d") -> bigquery.TimePartitioning:
    return bigquery.TimePartitioning(type_=kind, field=field, expiration_ms=int(days * DAY_MS))


def table_of_days(db: Database, partitioning: bigquery.TimePartitioning, *backs: int) -> str:
    path = db.table("t", "d DATE, a INT64", time_partitioning=partitioning)
    for back in backs:
        db.run(f"INSERT INTO {{d}}.t VALUES ('{day(db, back)}', {back})")
    return path


def days(db: Database) -> list[int]:
    return [a for (a,) in db.rows("SELECT a FROM {d}.t WHERE d > '2000-01-01' OR d IS NULL ORDER BY a")]


def test_the_expiration_is_kept_and_shown(db: Database) -> None:
    path = table_of_days(db, kept(3))

    assert db.client.get_table(path, **CALL).time_partitioning.expiration_ms == 3 * DAY_MS
    assert db.call("GET", f"datasets/{db.dataset}/tables/t")[1]["timePartitioning"] == {
        "type": "DAY", "field": "d", "expirationMs": str(3 * DAY_MS)
    }  # fmt: skip
    assert db.rows(
        "SELECT option_type, option_value FROM {d}.INFORMATION_SCHEMA.TABLE_OPTIONS "
        "WHERE option_name = 'partition_expiration_days'"
    ) == [("FLOAT64", "3.0")]


def test_older_partitions_are_gone_for_every_reader(db: Database) -> None:
    path = table_of_days(db, kept(3), 0, 1, 2)
    assert days(db) == [0, 1, 2]

    with db.clock.later(days=2):
        assert days(db) == [0]
        assert [a for _, a in db.stored("t")] == [0]
        assert db.client.get_table(path, **CALL).num_rows == 1
        assert db.rows("SELECT SUM(total_rows) FROM {d}.INFORMATION_SCHEMA.PARTITIONS") == [(1,)]
        assert db.run("SELECT a FROM {d}.t", dry_run=True).total_bytes_processed == 8


def test_what_is_gone_does_not_come_back(db: Database) -> None:
    table_of_days(db, kept(3), 0, 1, 2)
    with db.clock.later(days=2):
        assert days(db) == [0]

    assert days(db) == [0]


def test_rows_written_into_an_expired_partition_are_gone_at_once(db: Database) -> None:
    path = table_of_days(db, kept(3), 0, 10)
    db.client.insert_rows_json(path, [{"d": day(db, 11), "a": 11}, {"d": day(db, 1), "a": 1}], **CALL)
    db.load("t", [{"d": day(db, 12), "a": 12}])

    assert days(db) == [0, 1]


def test_rows_without_a_date_do_not_expire(db: Database) -> None:
    table_of_days(db, kept(3))
    db.run("INSERT INTO {d}.t VALUES (NULL, 7)")

    with db.clock.later(days=30):
        assert days(db) == [7]


@pytest.mark.parametrize(("kind", "ahead"), [("HOUR", {"hours": 26}), ("DAY", {"hours": 50}), ("MONTH", {"days": 40})])
def test_a_partition_expires_by_its_own_start(db: Database, kind: str, ahead: dict[str, float]) -> None:
    db.table("t", "d TIMESTAMP, a INT64", time_partitioning=kept({"MONTH": 35}.get(kind, 1), kind))
    db.run(f"INSERT INTO {{d}}.t VALUES ('{db.clock().isoformat()}', 1)")
    assert days(db) == [1]

    with db.clock.later(**ahead):
        assert days(db) == []


def test_partitions_of_ingestion_expire_too(db: Database) -> None:
    db.table("t", "d DATE, a INT64", time_partitioning=kept(3, field=None))
    db.load("t", [{"a": 1}])
    assert db.rows("SELECT a FROM {d}.t") == [(1,)]

    with db.clock.later(days=5):
        assert db.rows("SELECT a FROM {d}.t") == []


def test_an_expiration_set_later_holds_for_what_is_there(db: Database) -> None:
    path = table_of_days(db, bigquery.TimePartitioning(type_="DAY", field="d"), 0, 5)
    assert days(db) == [0, 5]
    table = db.client.get_table(path, **CALL)
    table.time_partitioning = kept(3)
    db.client.update_table(table, ["time_partitioning"], **CALL)

    assert days(db) == [0]


def patched(db: Database, partitioning: Any) -> Any:
    status, answer = db.call("PATCH", f"datasets/{db.dataset}/tables/t", {"timePartitioning": partitioning})
    assert status == 200
    return answer["timePartitioning"]


def test_a_patch_changes_the_expiration_alone(db: Database) -> None:
    table_of_days(db, kept(3))

    assert patched(db, {"expirationMs": str(DAY_MS)}) == {"type": "DAY", "field": "d", "expirationMs": str(DAY_MS)}
    assert patched(db, {"type": "DAY", "expirationMs": None}) == {"type": "DAY", "field": "d"}
    patched(db, {"expirationMs": str(DAY_MS)})
    assert patched(db, {"expirationMs": "0"}) == {"type": "DAY", "field": "d"}


def test_a_table_made_by_a_query_has_the_expiration_of_its_job(db: Database) -> None:
    path = f"{db.path}.t"
    db.run(f"SELECT DATE '{day(db, 9)}' AS d, 9 AS a", destination=path, time_partitioning=kept(3))

    assert db.client.get_table(path, **CALL).time_partitioning.expiration_ms == 3 * DAY_MS
    assert days(db) == []


def test_a_negative_expiration_is_refused(db: Database) -> None:
    refused = refusal(lambda: table_of_days(db, kept(-1)))

    assert (refused.status, refused.reason) == (400, "invalid")
    assert "expirationMs" in refused.message


def test_tables_without_an_expiration_keep_everything(db: Database) -> None:
    table_of_days(db, bigquery.TimePartitioning(type_="DAY", field="d"), 0, 400)

    with db.clock.later(days=400):
        assert days(db) == [0, 400]
