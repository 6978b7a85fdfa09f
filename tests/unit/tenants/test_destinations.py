"""A step's destination is there, belongs to the tenant, and has the columns of its schema; nothing else is written."""

import pytest

from shared.contracts.tables import Column, DatasetRef, TableRef, TableSchema
from shared.contracts.tenant import TENANT_LABEL
from shared.errors import IsolationRefused, NotOurs, SchemaMismatch, TenantSuspended, TenantUnknown
from shared.tenants.destinations import TenantDestinations
from tests.builders import DATA, OTHER, TENANT, make_table, put_record, services, table_schema, tenant
from tests.fakes import FakeCatalog, FakeServices

DATASET = DatasetRef(DATA, f"{TENANT}_silver")
TABLE = DATASET.table("costs")
SHAPE = table_schema("day DATE", "cost FLOAT64", partition_field="day")


@pytest.fixture
def world() -> FakeServices:
    return services()


def ensure(world: FakeServices, shape: TableSchema = SHAPE, table: TableRef = TABLE) -> None:
    world.destinations.ensure(TENANT, table, shape)


def test_dataset_and_table_are_made_with_the_tenants_label(world: FakeServices) -> None:
    ensure(world)
    assert world.warehouse.datasets[DATASET].labels == {TENANT_LABEL: TENANT}
    assert world.warehouse.tables[TABLE].labels == {TENANT_LABEL: TENANT}
    assert world.warehouse.tables[TABLE].schema == SHAPE


def test_a_known_table_costs_no_call(world: FakeServices) -> None:
    ensure(world)
    before = list(world.catalog.calls)
    ensure(world)
    assert world.catalog.calls == before


def test_another_schema_is_looked_at(world: FakeServices) -> None:
    ensure(world)
    ensure(world, table_schema("day DATE", "cost FLOAT64", "note STRING", partition_field="day"))
    assert [column.name for column in world.warehouse.tables[TABLE].schema.fields] == ["day", "cost", "note"]


def test_a_table_that_was_not_there_after_all_is_made_again(world: FakeServices) -> None:
    ensure(world)
    del world.warehouse.tables[TABLE]
    world.destinations.forget(TABLE)
    ensure(world)
    assert TABLE in world.warehouse.tables


@pytest.mark.parametrize("labels", [{}, {TENANT_LABEL: OTHER}, {"tenant": TENANT}])
def test_nothing_is_written_to_a_dataset_without_the_tenants_label(world: FakeServices, labels: dict[str, str]) -> None:
    world.warehouse.put(DATASET, labels)
    with pytest.raises(NotOurs):
        ensure(world)
    assert TABLE not in world.warehouse.tables


@pytest.mark.parametrize(
    "name", [f"{OTHER}_silver", "convergence__control", f"{TENANT}__silver", f"{TENANT}x_silver", "acmeinc", OTHER]
)
def test_nothing_is_written_to_a_dataset_of_another_name(world: FakeServices, name: str) -> None:
    with pytest.raises(IsolationRefused):
        ensure(world, table=DatasetRef(DATA, name).table("costs"))
    assert world.catalog.calls == []


def test_a_dataset_that_somebody_else_just_made_is_looked_at_too(world: FakeServices) -> None:
    class Raced(FakeCatalog):
        def create_dataset(self, ref: DatasetRef, **given: object) -> bool:
            world.warehouse.put(ref, {})
            return False

    with pytest.raises(NotOurs):
        TenantDestinations(Raced(world.warehouse), world.directory, location="US").ensure(TENANT, TABLE, SHAPE)


def test_new_columns_are_added_and_the_others_stay(world: FakeServices) -> None:
    make_table(world.warehouse, TABLE, table_schema("old STRING", "day DATE", partition_field="day"), TENANT)
    ensure(world)
    assert [column.name for column in world.warehouse.tables[TABLE].schema.fields] == ["old", "day", "cost"]


def test_the_apis_names_of_types_and_the_case_of_columns_make_no_difference(world: FakeServices) -> None:
    make_table(world.warehouse, TABLE, table_schema("Day DATE", "COST FLOAT", partition_field="day"), TENANT)
    ensure(world)
    assert "add_columns" not in world.catalog.calls


def test_every_incompatible_column_is_named(world: FakeServices) -> None:
    repeated = Column(name="day", type="DATE", mode="REPEATED")
    wrong = table_schema("cost STRING", partition_field="day")
    make_table(world.warehouse, TABLE, wrong.model_copy(update={"fields": (*wrong.fields, repeated)}), TENANT)
    with pytest.raises(SchemaMismatch) as caught:
        ensure(world)
    assert "cost is STRING, not FLOAT64" in caught.value.message
    assert "day is REPEATED DATE, not DATE" in caught.value.message


def nested(*fields: Column) -> TableSchema:
    return TableSchema(fields=(Column(name="service", type="RECORD", fields=fields),))


def test_what_is_new_inside_a_record_is_added(world: FakeServices) -> None:
    id_, name = Column(name="id", type="STRING"), Column(name="name", type="STRING")
    make_table(world.warehouse, TABLE, nested(id_), TENANT)
    ensure(world, nested(name))
    assert world.warehouse.tables[TABLE].schema.fields == nested(id_, name).fields


def test_what_does_not_fit_inside_a_record_is_named_by_its_path(world: FakeServices) -> None:
    make_table(world.warehouse, TABLE, nested(Column(name="id", type="STRING")), TENANT)
    with pytest.raises(SchemaMismatch, match=r"service\.id is STRING, not INT64"):
        ensure(world, nested(Column(name="id", type="INTEGER")))


def test_another_partitioning_is_incompatible(world: FakeServices) -> None:
    make_table(world.warehouse, TABLE, table_schema("day DATE", "cost FLOAT64"), TENANT)
    with pytest.raises(SchemaMismatch, match="it is without partitions, not partitioned by day"):
        ensure(world)


def test_a_table_that_is_not_as_it_should_is_not_remembered(world: FakeServices) -> None:
    make_table(world.warehouse, TABLE, table_schema("day STRING", partition_field="day"), TENANT)
    for _ in range(2):
        with pytest.raises(SchemaMismatch):
            ensure(world)


# ── a tenant that is no longer one ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("has_dataset", [False, True], ids=["no dataset", "no table"])
def test_for_a_removed_tenant_nothing_is_made_however_lately_it_was_seen(
    world: FakeServices, has_dataset: bool
) -> None:
    assert world.directory.get(TENANT) is not None
    if has_dataset:
        world.warehouse.put(DATASET, {TENANT_LABEL: TENANT})
    world.warehouse.drop(DatasetRef(DATA, TENANT))
    with pytest.raises(TenantUnknown):
        ensure(world)
    assert TABLE not in world.warehouse.tables
    assert (DATASET in world.warehouse.datasets) == has_dataset


def test_for_a_suspended_tenant_nothing_is_made(world: FakeServices) -> None:
    assert world.directory.get(TENANT) is not None
    put_record(world.warehouse, tenant(status="suspended"))
    with pytest.raises(TenantSuspended):
        ensure(world)
    assert DATASET not in world.warehouse.datasets


def test_for_a_tenant_that_came_back_all_is_looked_at_again(world: FakeServices) -> None:
    ensure(world)
    world.warehouse.drop(DATASET)
    put_record(world.warehouse, tenant(epoch="another life"))
    world.directory.forget(TENANT)
    ensure(world)
    assert TABLE in world.warehouse.tables
