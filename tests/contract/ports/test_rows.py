"""Rows: streamed ones are seen by queries only, loaded ones by `tabledata.list` too."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from shared.contracts.sql import Parameter, Sql
from shared.contracts.tables import TableRef
from shared.errors import NotFound, PayloadRefused, Unavailable
from tests.builders import schema, table_schema
from tests.contract.ports.cloud import Cloud, Warehouse

SHAPE = table_schema("id INT64", "name STRING")


def queried(warehouse: Warehouse, table: TableRef) -> list[dict[str, Any]]:
    sql = Sql(f"SELECT * FROM `{table}` WHERE name = @name", (Parameter("name", "STRING", "a"),))
    return warehouse.jobs.select(sql)


def test_rows_of_no_table_are_none(warehouse: Warehouse) -> None:
    assert warehouse.rows.stored(warehouse.dataset.table("costs"), SHAPE, limit=1) is None
    warehouse.make_dataset()
    assert warehouse.rows.stored(warehouse.dataset.table("costs"), SHAPE, limit=1) is None


def test_an_empty_table_has_no_rows(warehouse: Warehouse) -> None:
    assert warehouse.rows.stored(warehouse.make_table(SHAPE), SHAPE, limit=1) == []


def test_loaded_rows_take_the_place_of_all_others_and_are_listed(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    warehouse.rows.replace(table, SHAPE, [{"id": 1, "name": "a"}], job_id=warehouse.job_id())
    warehouse.rows.replace(table, SHAPE, [{"id": 2, "name": "a"}], job_id=warehouse.job_id())
    assert warehouse.rows.stored(table, SHAPE, limit=10) == [{"id": 2, "name": "a"}]
    assert queried(warehouse, table) == [{"id": 2, "name": "a"}]


def test_the_same_load_again_does_nothing(warehouse: Warehouse) -> None:
    table, first = warehouse.make_table(SHAPE), warehouse.job_id()
    warehouse.rows.replace(table, SHAPE, [{"id": 1, "name": "a"}], job_id=first)
    warehouse.rows.replace(table, SHAPE, [{"id": 2, "name": "a"}], job_id=warehouse.job_id())
    warehouse.rows.replace(table, SHAPE, [{"id": 1, "name": "a"}], job_id=first)
    assert warehouse.rows.stored(table, SHAPE, limit=10) == [{"id": 2, "name": "a"}]


def test_no_more_rows_are_listed_than_asked_for(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    rows = [{"id": number, "name": "a"} for number in range(5)]
    warehouse.rows.replace(table, SHAPE, rows, job_id=warehouse.job_id())
    assert len(warehouse.rows.stored(table, SHAPE, limit=3) or []) == 3


def test_values_come_back_as_python_knows_them(warehouse: Warehouse) -> None:
    shape = table_schema("at TIMESTAMP", "day DATE", "sealed BYTES", "cost FLOAT64", "on BOOL", "nothing STRING")
    table = warehouse.make_table(shape)
    row = {"at": "2025-11-15T01:02:03.000004+00:00", "day": "2025-11-15", "sealed": "AP8=", "cost": 0.1, "on": False}
    warehouse.rows.replace(table, shape, [row], job_id=warehouse.job_id())
    assert warehouse.rows.stored(table, shape, limit=1) == [
        {
            "at": datetime(2025, 11, 15, 1, 2, 3, 4, tzinfo=UTC),
            "day": date(2025, 11, 15),
            "sealed": b"\x00\xff",
            "cost": 0.1,
            "on": False,
            "nothing": None,
        }
    ]


def test_a_tenants_record_comes_back(warehouse: Warehouse) -> None:
    shape = schema("x_meta_tenant")
    table = warehouse.make_table(shape)
    row = {"tenant_id": "acmeinc_23xv2", "enabled_templates": ["a/b/c"], "created_at": "2025-11-20T08:00:00+00:00"}
    warehouse.rows.replace(table, shape, [row], job_id=warehouse.job_id())
    (found,) = warehouse.rows.stored(table, shape, limit=1) or []
    assert (found["tenant_id"], found["enabled_templates"], found["variables"]) == ("acmeinc_23xv2", ["a/b/c"], None)


def test_a_load_into_no_table_is_an_error_and_makes_none(warehouse: Warehouse) -> None:
    warehouse.make_dataset()
    table = warehouse.dataset.table("costs")
    with pytest.raises(NotFound):
        warehouse.rows.replace(table, SHAPE, [{"id": 1}], job_id=warehouse.job_id())
    assert warehouse.catalog.get_schema(table) is None


def test_streamed_rows_are_seen_by_queries(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    warehouse.rows.append(table, [("i1", {"id": 1, "name": "a"}), ("i2", {"id": 2})])
    assert queried(warehouse, table) == [{"id": 1, "name": "a"}]


@pytest.mark.not_on_google(
    "tabledata.list ignores streamed rows by Google's page, and shows some by its clients' tests"
)
def test_streamed_rows_are_not_listed(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    warehouse.rows.append(table, [("i1", {"id": 1, "name": "a"})])
    assert warehouse.rows.stored(table, SHAPE, limit=10) == []


@pytest.mark.not_on_google("BigQuery drops rows by their insertId as best it can, and promises nothing")
def test_the_same_row_again_is_dropped_by_its_insert_id(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    for _ in range(2):
        warehouse.rows.append(table, [("i1", {"id": 1, "name": "a"})])
    assert len(queried(warehouse, table)) == 1


@pytest.mark.parametrize("wrong", [{"id": 1, "surprise": 1}, {"id": "s3cr3t"}])
def test_one_row_that_does_not_fit_stops_all(warehouse: Warehouse, wrong: dict[str, Any]) -> None:
    table = warehouse.make_table(table_schema("id TIMESTAMP", "name STRING"))
    good = {"id": "2025-11-15T00:00:00+00:00", "name": "a"}
    with pytest.raises(PayloadRefused) as caught:
        warehouse.rows.append(table, [("i1", good), ("i2", wrong)])
    assert "s3cr3t" not in caught.value.message
    assert queried(warehouse, table) == []


@pytest.mark.not_on_google("nobody can make Google forget a column")
def test_a_column_that_streaming_does_not_know_yet_is_asked_for_again(cloud: Cloud) -> None:
    warehouse = cloud.warehouse()
    table = warehouse.make_table(SHAPE)
    wider = table_schema("id INT64", "name STRING", "added STRING")
    fault = {"new_columns_unknown": {"calls": 1}}
    httpx.post(f"{cloud.bigquery}/emulator/faults", json=fault, timeout=10).raise_for_status()
    warehouse.catalog.add_columns(table, wider)
    httpx.post(f"{cloud.bigquery}/emulator/faults", json={"new_columns_unknown": None}, timeout=10).raise_for_status()
    rows = [("1", {"id": 1, "name": "a", "added": "x"}), ("2", {"id": 2, "name": "a"})]
    with pytest.raises(Unavailable, match="newest columns"):
        warehouse.rows.append(table, rows)
    assert queried(warehouse, table) == []
    warehouse.rows.append(table, rows)
    assert len(queried(warehouse, table)) == 2


def test_streaming_into_no_table_is_an_error(warehouse: Warehouse) -> None:
    warehouse.make_dataset()
    with pytest.raises(NotFound):
        warehouse.rows.append(warehouse.dataset.table("costs"), [("i1", {"id": 1})])
