"""What system tests wait for on a real project: a BigQuery that takes its moments, and the bounds of the patience."""

from typing import Any

import pytest
from google.api_core import exceptions as google
from test_utils.retry import BackoffFailed

from shared.contracts.sql import Sql
from shared.contracts.tables import DatasetRef
from shared.errors import NotFound
from tests.builders import table_schema
from tests.system.settled import MOST_TRIES, Moments, SettledCatalog, SettledJobs, SettledRows

DATASET = DatasetRef("p", "acmeinc_23xv2")
TABLE = DATASET.table("costs")
ROWS = [("i1", {"a": 1}), ("i2", {"a": 2})]


class LateBigQuery:
    """Google's client, of a service that knows a table and shows rows only after being asked `late` times."""

    def __init__(self, late: int) -> None:
        self._late, self._asked = late, 0
        self.rows: list[dict[str, Any]] = []
        self.counts: list[int] = []

    def create_table(self, *_: Any, **__: Any) -> None:
        """It is made at once; who streams does not know of it yet."""

    def insert_rows_json(self, table: str, rows: list[dict[str, Any]], **_: Any) -> list[Any]:
        if self._asked < self._late:
            self._asked += 1
            raise google.NotFound("Table not found")  # type: ignore[no-untyped-call]  # it has no types
        self._asked = 0
        self.rows += rows
        return []

    def query_and_wait(self, text: str, **_: Any) -> list[dict[str, Any]]:
        if "COUNT" not in text:
            return self.rows
        self._asked += 1
        self.counts.append(len(self.rows) if self._asked > self._late else 0)
        return [{"n": self.counts[-1]}]


def ports(client: Any) -> tuple[SettledCatalog, SettledRows, SettledJobs]:
    moments = Moments(delay_s=0)
    return SettledCatalog(client, moments), SettledRows(client, moments), SettledJobs(client, moments)


def test_rows_are_streamed_once_the_table_is_known_and_queried_once_they_are_seen() -> None:
    service = LateBigQuery(late=MOST_TRIES - 1)
    catalog, rows, jobs = ports(service)
    catalog.create_table(TABLE, table_schema("a INT64"), labels={})
    rows.append(TABLE, ROWS)
    for _ in range(2):
        assert jobs.select(Sql(f"SELECT a FROM `{TABLE}`")) == [{"a": 1}, {"a": 2}]
    assert service.counts == [0] * (MOST_TRIES - 1) + [2]  # what was seen once is not asked for again


def test_rows_that_never_come_are_given_up() -> None:
    catalog, rows, jobs = ports(service := LateBigQuery(late=0))
    catalog.create_table(TABLE, table_schema("a INT64"), labels={})
    rows.append(TABLE, ROWS)
    service.rows.clear()
    with pytest.raises(BackoffFailed):
        jobs.select(Sql(f"SELECT a FROM `{TABLE}`"))
    assert len(service.counts) == MOST_TRIES


def test_nobody_waits_for_a_table_that_was_never_made() -> None:
    _, rows, _ = ports(service := LateBigQuery(late=1))
    with pytest.raises(NotFound):
        rows.append(TABLE, ROWS)
    rows.append(TABLE, ROWS)  # it was asked once
    assert len(service.rows) == 2
