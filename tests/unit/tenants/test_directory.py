"""Who a tenant is, at most a minute old."""

from dataclasses import replace

import pytest

from shared.contracts.tables import DatasetRef
from shared.tenants.directory import Directory
from tests.builders import DATA, OTHER, TENANT, put_record, schema, services, tenant
from tests.fakes import FakeServices


@pytest.fixture
def world() -> FakeServices:
    return services()


@pytest.fixture
def directory(world: FakeServices) -> Directory:
    return Directory(world.rows, world.clock, data_project=DATA, schema=schema("x_meta_tenant"))


def test_a_tenant_is_read_as_it_was_written(world: FakeServices, directory: Directory) -> None:
    who = tenant(status="suspended", variables={"region": "eu"}, enabled_templates=("gcp/cost/cost_billing",))
    put_record(world.warehouse, who)
    assert directory.get(TENANT) == who


def test_a_record_without_lists_is_one_with_empty_ones(world: FakeServices, directory: Directory) -> None:
    (row,) = world.warehouse.table(DatasetRef(DATA, TENANT).table("x_meta_tenant")).stored
    world.warehouse.table(DatasetRef(DATA, TENANT).table("x_meta_tenant")).stored[:] = [{**row, "variables": None}]
    assert directory.get(TENANT) == tenant()


@pytest.mark.parametrize("name", [OTHER, "", "acme", "convergence__control", f"{TENANT}\n", "../x_y1234"])
def test_who_is_not_there_is_nobody(directory: Directory, name: str) -> None:
    assert directory.get(name) is None


def test_what_can_be_no_tenant_costs_no_look_up(world: FakeServices, directory: Directory) -> None:
    directory.get("convergence__control")
    assert world.rows.calls == []


def test_a_record_of_somebody_else_is_no_record(world: FakeServices, directory: Directory) -> None:
    table = world.warehouse.table(DatasetRef(DATA, TENANT).table("x_meta_tenant"))
    table.stored[:] = [{**table.stored[0], "tenant_id": OTHER}]
    assert directory.get(TENANT) is None


def test_it_is_read_once_a_minute(world: FakeServices, directory: Directory) -> None:
    for _ in range(3):
        directory.get(TENANT)
    assert world.rows.calls == ["stored"]


def test_a_suspension_holds_within_a_minute(world: FakeServices, directory: Directory) -> None:
    directory.get(TENANT)
    put_record(world.warehouse, replace(tenant(), status="suspended"))
    world.clock.advance(60)
    found = directory.get(TENANT)
    assert found is not None
    assert found.status == "suspended"


def test_a_tenant_that_comes_is_seen_at_once_where_it_was_forgotten(world: FakeServices, directory: Directory) -> None:
    table = world.warehouse.table(DatasetRef(DATA, TENANT).table("x_meta_tenant"))
    rows = list(table.stored)
    table.stored.clear()
    assert directory.get(TENANT) is None
    table.stored[:] = rows
    directory.forget(TENANT)
    assert directory.get(TENANT) == tenant()
