"""Catalog: datasets and tables are made once, changed only as they were seen, and come back as they were made."""

import pytest

from shared.contracts.sql import Sql
from shared.contracts.tables import Column, TableSchema
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import NotFound, PayloadRefused
from shared.ports import QueryJob
from tests.builders import schema, table_schema
from tests.contract.ports.cloud import Warehouse

SHAPE = table_schema("day DATE", "cost FLOAT64", partition_field="day")


def plain(shape: TableSchema | None) -> TableSchema | None:
    """The schema with one name a type: the service says INTEGER where we say INT64."""
    if shape is None:
        return None
    columns = tuple(column.model_copy(update={"type": column.type_name}) for column in shape.fields)
    return shape.model_copy(update={"fields": columns})


# ── datasets ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dataset_that_is_not_there_is_none(warehouse: Warehouse) -> None:
    assert warehouse.catalog.get_dataset(warehouse.dataset) is None


def test_a_dataset_comes_back_with_its_labels(warehouse: Warehouse) -> None:
    warehouse.make_dataset(**{TENANT_LABEL: "acmeinc_23xv2", "other": "x-1_2"})
    found = warehouse.catalog.get_dataset(warehouse.dataset)
    assert found is not None
    assert (found.ref, found.labels) == (warehouse.dataset, {TENANT_LABEL: "acmeinc_23xv2", "other": "x-1_2"})
    assert found.etag


def test_a_dataset_is_made_once_and_the_first_one_stays(warehouse: Warehouse) -> None:
    warehouse.make_dataset(first="1")
    again = warehouse.catalog.create_dataset(
        warehouse.dataset, location=warehouse.location, labels={"second": "2"}, description=""
    )
    found = warehouse.catalog.get_dataset(warehouse.dataset)
    assert found is not None
    assert (again, found.labels) == (False, {"first": "1"})


def test_labels_are_set_as_given_the_others_go(warehouse: Warehouse) -> None:
    warehouse.make_dataset(kept="1", gone="1")
    found = warehouse.catalog.get_dataset(warehouse.dataset)
    assert found is not None
    assert warehouse.catalog.set_labels(found, {"kept": "2", "new": "1"})
    after = warehouse.catalog.get_dataset(warehouse.dataset)
    assert after is not None
    assert after.labels == {"kept": "2", "new": "1"}
    assert after.etag != found.etag


def test_of_two_who_saw_the_same_labels_only_one_sets_them(warehouse: Warehouse) -> None:
    warehouse.make_dataset(lease="0")
    seen = warehouse.catalog.get_dataset(warehouse.dataset)
    assert seen is not None
    assert [warehouse.catalog.set_labels(seen, {"lease": who}) for who in ("a", "b")] == [True, False]
    after = warehouse.catalog.get_dataset(warehouse.dataset)
    assert after is not None
    assert after.labels == {"lease": "a"}


def test_datasets_are_listed_with_their_labels(warehouse: Warehouse) -> None:
    warehouse.make_dataset(lease="0")
    listed = {each.ref: each for each in warehouse.catalog.datasets(warehouse.project)}
    assert listed[warehouse.dataset].labels == {"lease": "0"}
    assert listed[warehouse.dataset].etag == ""


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_table_that_is_not_there_is_none(warehouse: Warehouse) -> None:
    assert warehouse.catalog.get_schema(warehouse.dataset.table("costs")) is None
    warehouse.make_dataset()
    assert warehouse.catalog.get_schema(warehouse.dataset.table("costs")) is None


@pytest.mark.parametrize("name", ["x_meta_api_keys", "x_meta_runs", "x_meta_tenant", "x_meta_step_logs"])
def test_a_table_comes_back_as_its_schema_says(warehouse: Warehouse, name: str) -> None:
    table = warehouse.make_table(schema(name), name)
    assert plain(warehouse.catalog.get_schema(table)) == plain(schema(name))


def test_records_and_lists_come_back_too(warehouse: Warehouse) -> None:
    key = Column(name="key", type="STRING", description="a key")
    labels = Column(name="labels", type="STRUCT", mode="REPEATED", fields=(key,))
    shape = TableSchema(fields=(labels, Column(name="names", type="STRING", mode="REPEATED")))
    found = warehouse.catalog.get_schema(warehouse.make_table(shape))
    assert found is not None
    assert [(column.type_name, column.mode, column.fields) for column in found.fields] == [
        ("STRUCT", "REPEATED", (key,)),
        ("STRING", "REPEATED", ()),
    ]


def test_a_table_is_made_once_and_the_first_one_stays(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    assert not warehouse.catalog.create_table(table, table_schema("other STRING"), labels={})
    assert plain(warehouse.catalog.get_schema(table)) == plain(SHAPE)


def test_a_table_needs_its_dataset(warehouse: Warehouse) -> None:
    with pytest.raises(NotFound):
        warehouse.catalog.create_table(warehouse.dataset.table("costs"), SHAPE, labels={})


def test_columns_can_be_added(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    more = table_schema("day DATE", "cost FLOAT64", "note STRING", partition_field="day")
    warehouse.catalog.add_columns(table, more)
    warehouse.catalog.add_columns(table, more)
    assert plain(warehouse.catalog.get_schema(table)) == plain(more)


def test_rows_that_are_there_have_no_value_in_a_new_column(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    warehouse.rows.replace(table, SHAPE, [{"day": "2025-11-15", "cost": 1.5}], job_id=warehouse.job_id())
    more = table_schema("day DATE", "cost FLOAT64", "note STRING", partition_field="day")
    warehouse.catalog.add_columns(table, more)
    (row,) = warehouse.rows.stored(table, more, limit=10) or []
    assert (row["cost"], row["note"]) == (1.5, None)


def test_columns_cannot_be_dropped(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    with pytest.raises(PayloadRefused):
        warehouse.catalog.add_columns(table, table_schema("day DATE", partition_field="day"))
    assert plain(warehouse.catalog.get_schema(table)) == plain(SHAPE)


def test_columns_of_no_table_cannot_be_added(warehouse: Warehouse) -> None:
    warehouse.make_dataset()
    with pytest.raises(NotFound):
        warehouse.catalog.add_columns(warehouse.dataset.table("costs"), SHAPE)


# ── what a label says, and what is removed ──────────────────────────────────────────────────────────────────────────


def test_datasets_are_listed_by_their_labels(warehouse: Warehouse) -> None:
    owner = warehouse.dataset.dataset.removesuffix("_silver")
    warehouse.make_dataset(**{TENANT_LABEL: owner})
    found = list(warehouse.catalog.datasets(warehouse.project, labels={TENANT_LABEL: owner}))
    assert [each.ref for each in found] == [warehouse.dataset]
    assert list(warehouse.catalog.datasets(warehouse.project, labels={TENANT_LABEL: f"{owner}x"})) == []


def test_a_dataset_goes_with_all_that_is_in_it_and_once(warehouse: Warehouse) -> None:
    for name in ("costs", "a_first"):
        warehouse.make_table(SHAPE, name)
    assert warehouse.catalog.tables(warehouse.dataset) == ["a_first", "costs"]
    seen = warehouse.catalog.get_dataset(warehouse.dataset)
    assert seen is not None
    assert [warehouse.catalog.delete_dataset(seen) for _ in range(2)] == [True, False]
    assert warehouse.catalog.get_dataset(warehouse.dataset) is None
    assert warehouse.catalog.get_schema(warehouse.dataset.table("costs")) is None
    assert warehouse.catalog.tables(warehouse.dataset) == []


def test_a_dataset_that_changed_since_it_was_looked_at_stays(warehouse: Warehouse) -> None:
    warehouse.make_table(SHAPE)
    seen = warehouse.catalog.get_dataset(warehouse.dataset)
    assert seen is not None
    assert warehouse.catalog.set_labels(seen, {"a": "1"})
    assert not warehouse.catalog.delete_dataset(seen)
    assert warehouse.catalog.tables(warehouse.dataset) == ["costs"]


def test_another_dataset_of_its_name_stays(warehouse: Warehouse) -> None:
    warehouse.make_table(SHAPE)
    seen = warehouse.catalog.get_dataset(warehouse.dataset)
    assert seen is not None
    assert warehouse.catalog.delete_dataset(seen)
    warehouse.make_table(SHAPE)
    assert not warehouse.catalog.delete_dataset(seen)
    assert warehouse.catalog.tables(warehouse.dataset) == ["costs"]


def test_a_table_is_no_view_and_neither_is_nothing(warehouse: Warehouse) -> None:
    table = warehouse.make_table(SHAPE)
    assert not warehouse.catalog.is_view(table)
    assert not warehouse.catalog.is_view(warehouse.dataset.table("nothing"))


def test_a_view_is_one(cloud_warehouse: Warehouse) -> None:
    table = cloud_warehouse.make_table(SHAPE)
    view, job_id = cloud_warehouse.dataset.table("seen"), cloud_warehouse.job_id()
    cloud_warehouse.jobs.insert(job_id, QueryJob(Sql(f"CREATE VIEW `{view}` AS SELECT day FROM `{table}`")))
    cloud_warehouse.jobs.wait(job_id, timeout_s=30)
    assert cloud_warehouse.catalog.is_view(view)
