"""A tenant's keys under many rotations at once, which the service puts in an order or refuses."""

from concurrent.futures import ThreadPoolExecutor

from shared.contracts.tables import DatasetRef
from shared.errors import TooManyKeys, Unavailable
from shared.tenants.key_ring import MOST_LIVE, KeyRing
from tests.builders import schema
from tests.contract.ports.cloud import Warehouse
from tests.fakes import START, FakeCipher, FakeClock

AT_ONCE = 14


def test_many_rotations_at_once_leave_no_more_good_keys_than_there_may_be(cloud_warehouse: Warehouse) -> None:
    warehouse = cloud_warehouse
    tenant_id = warehouse.dataset.dataset.removesuffix("_silver")
    warehouse.dataset = DatasetRef(warehouse.project, tenant_id)
    warehouse.make_table(schema("x_meta_api_keys"), "x_meta_api_keys")
    ring = KeyRing(
        warehouse.rows,
        warehouse.jobs,
        FakeCipher(),
        FakeClock(),
        data_project=warehouse.project,
        schema=schema("x_meta_api_keys"),
    )

    def rotate(number: int) -> str | None:
        try:
            made = ring.rotate(
                tenant_id,
                key_id=f"{number:016x}",
                created_by="admin",
                grace_s=3_600,
                request=f"{warehouse.job_id()}-{number}",
            )
        except (TooManyKeys, Unavailable):
            return None
        return made.key_id

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = {key_id for key_id in pool.map(rotate, range(AT_ONCE)) if key_id}
    statuses = {record.key_id: record.status(START) for record in ring.listed(tenant_id)}
    assert set(statuses) == made  # who was refused has left nothing
    assert 1 <= len(made) <= MOST_LIVE
    assert sorted(statuses.values()) == ["active", *["grace"] * (len(made) - 1)]
