"""Which runs keep a tenant from being off-boarded: the query, on the embedded BigQuery."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.runs.live_runs import live_runs
from tests.builders import OTHER, TENANT, schema
from tests.contract.ports.cloud import Warehouse

NOW = datetime.now(UTC)  # noqa: TID251 - the service's own clock drops rows of a partition that is too old
SINCE = NOW - timedelta(hours=6)


def is_live(warehouse: Warehouse, *statuses: str, tenant_id: str = TENANT, accepted_at: datetime = NOW) -> bool:
    table = warehouse.make_table(schema("x_meta_runs"), "x_meta_runs")
    rows = [
        {
            "event_id": f"{number}",
            "event_time": NOW.isoformat(),
            "accepted_at": accepted_at.isoformat(),
            "tenant_id": tenant_id,
            "pipeline_logging_id": "a" * 32,
            "step_id": "extract" if status.islower() else None,
            "status": status.upper(),
        }
        for number, status in enumerate(statuses)
    ]
    warehouse.rows.append(table, [(row["event_id"] or "", row) for row in rows])
    found = warehouse.jobs.select(live_runs(table, TENANT, SINCE.isoformat()), max_rows=1)
    return [row["pipeline_logging_id"] for row in found] == ["a" * 32]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("QUEUED",), True),
        (("QUEUED", "RUNNING"), True),
        (("QUEUED", "NOT_PUBLISHED"), False),
        (("QUEUED", "NOT_PUBLISHED", "RUNNING"), True),
        (("QUEUED", "RUNNING", "SUCCEEDED"), False),
        (("RUNNING", "FAILED"), False),
        (("QUEUED", "DEAD"), False),
        # A step that has ended is no run that has.
        (("QUEUED", "RUNNING", "succeeded"), True),
    ],
)
def test_a_run_is_live_until_its_end(cloud_warehouse: Warehouse, statuses: tuple[str, ...], expected: bool) -> None:
    assert is_live(cloud_warehouse, *statuses) == expected


def test_a_run_past_its_deadline_is_not_waited_for(cloud_warehouse: Warehouse) -> None:
    assert not is_live(cloud_warehouse, "QUEUED", "RUNNING", accepted_at=SINCE - timedelta(seconds=1))


def test_another_tenants_run_is_not_ours(cloud_warehouse: Warehouse) -> None:
    assert not is_live(cloud_warehouse, "QUEUED", "RUNNING", tenant_id=OTHER)
