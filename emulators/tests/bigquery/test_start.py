"""What the server keeps in memory is bounded, and its start reads little of what is stored.

Page: docs/streaming-data-into-bigquery#dataconsistency (of https://cloud.google.com/bigquery) for insertIds.
"""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emulators.bigquery.insert_ids import InsertIds
from emulators.bigquery.locks import TableLocks
from emulators.bigquery.storage.database import Database


def test_a_lock_is_kept_only_while_somebody_uses_it() -> None:
    locks, inside, order = TableLocks(), threading.Event(), list[str]()

    def second() -> None:
        inside.wait(10)
        with locks.holding(1):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with locks.holding(1), locks.holding(2):
        inside.set()
        assert len(locks) == 2
        order.append("first")
    thread.join(10)

    assert (order, len(locks)) == (["first", "second"], 0)


def test_a_lock_is_given_back_by_whoever_fails() -> None:
    locks = TableLocks()

    with pytest.raises(RuntimeError), locks.holding(1):
        raise RuntimeError

    assert len(locks) == 0


def test_insert_ids_are_remembered_for_a_minute_and_then_gone() -> None:
    ids = InsertIds()

    assert [ids.take(1, "a", 0), ids.take(1, "a", 59_999), ids.take(2, "a", 1)] == [True, False, True]
    assert ids.take(1, "a", 60_000)
    for number in range(1000):
        ids.take(number, "x", 200_000)
    ids.take(1, "y", 260_000)
    assert len(ids) == 1


def test_an_insert_id_whose_row_was_not_stored_can_come_again() -> None:
    ids = InsertIds()
    ids.take(1, "a", 0)

    ids.give_back(1, ["a", None, "never"])

    assert ids.take(1, "a", 1)


@pytest.mark.parametrize("table", ["fragments", "jobs"])
def test_the_start_finds_what_is_in_files_without_reading_the_rows(tmp_path: Path, table: str) -> None:
    database = Database(tmp_path)
    plan = database.rows(f"EXPLAIN QUERY PLAN SELECT file FROM {table} WHERE file IS NOT NULL")
    database.close()

    assert "COVERING INDEX" in plan[0][3]


def test_the_start_does_not_import_what_only_loads_and_writes_need() -> None:
    asked = (
        "import sys, emulators.bigquery.service, emulators.bigquery.api.routes;"
        "print([m for m in ('pyarrow.compute', 'pyarrow.parquet', 'pandas', 'sqlglot') if m in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)

    assert found.stdout.strip() == "[]"
