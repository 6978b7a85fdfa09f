"""The history of runs on the embedded BigQuery: what its query makes of events is what `state_of` makes of them."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from shared.contracts.http.runs import PageToken
from shared.contracts.tables import DatasetRef
from shared.contracts.template_address import TemplateAddress
from shared.runs.events_sql import RUN_RANK
from shared.runs.run_history import RunHistory
from shared.runs.run_log import RunLog, RunRecord, StepRecord
from tests.builders import OTHER, TENANT, run, schema
from tests.contract.ports.cloud import Cloud, Warehouse
from tests.fakes import FakeClock

RUNS = 60
NOW = datetime(2025, 11, 20, 8, tzinfo=UTC)


class World:
    """A control table with the events of many runs, in random order and some of them twice."""

    def __init__(self, warehouse: Warehouse) -> None:
        warehouse.make_table(schema("x_meta_runs"), "x_meta_runs")
        self.clock = FakeClock(NOW)
        control: DatasetRef = warehouse.dataset
        self.history = RunHistory(warehouse.jobs, self.clock, control)
        self.log = RunLog(warehouse.rows, warehouse.jobs, self.clock, control=control, data_project=control.project)
        self.accepted: dict[str, datetime] = {}
        random = Random(7)
        for number in range(RUNS):
            run_id = f"{number:032x}"
            # Several are accepted in the same second: the id decides their order.
            self.accepted[run_id] = NOW - timedelta(hours=number // 3)
            tenant_id, name = (OTHER if number % 10 == 9 else TENANT), ("cost_billing", "cost_usage")[number % 2]
            message = run(
                pipeline_logging_id=run_id,
                tenant_id=tenant_id,
                template_name=name,
                accepted_at=self.accepted[run_id],
                run_date=self.accepted[run_id].date(),
            )
            records = [RunRecord(status, f"{tenant_id}-x") for status in random.sample(RUN_RANK, random.randint(1, 4))]
            for record in random.choices(records, k=2 * len(records)) + records:
                self.clock.advance(1)
                self.log.add(message, [record, StepRecord("s", "a.b", "SUCCEEDED")])
        self.own = [run_id for run_id in sorted(self.accepted, key=self._newest) if int(run_id, 16) % 10 != 9]

    def _newest(self, run_id: str) -> tuple[float, str]:
        return -self.accepted[run_id].timestamp(), run_id


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> World:
    return World(cloud.warehouse())


def test_each_run_is_there_once_newest_first_in_the_state_that_its_events_make(world: World) -> None:
    page = world.history.page(TENANT, limit=200)
    assert [each["pipeline_logging_id"] for each in page.runs] == world.own
    assert page.next is None
    for each in page.runs:
        state = world.log.read(TENANT, each["pipeline_logging_id"])
        assert state is not None
        assert each["status"] == state.status
        assert {name: state.facts[name] for name in each if name in state.facts} == {
            name: value for name, value in each.items() if name in state.facts
        }


def test_pages_together_are_the_whole(world: World) -> None:
    found: list[str] = []
    after: PageToken | None = None
    for _ in range(RUNS):
        page = world.history.page(TENANT, limit=7, after=after)
        found += [each["pipeline_logging_id"] for each in page.runs]
        if page.next is None:
            break
        after = PageToken.parse(str(page.next))
    assert found == world.own


def test_filters_hold_together(world: World) -> None:
    everything = world.history.page(TENANT, limit=200).runs
    template, since = TemplateAddress("gcp", "cost", "cost_usage"), NOW - timedelta(hours=10)
    page = world.history.page(TENANT, limit=200, status="FAILED", template=template, since=since)
    expected = [
        each
        for each in everything
        if each["status"] == "FAILED" and each["template_name"] == "cost_usage" and each["accepted_at"] >= since
    ]
    assert 0 < len(expected) < len(everything)
    assert list(page.runs) == expected


def test_another_tenants_runs_are_not_there(world: World) -> None:
    assert len(world.history.page(OTHER, limit=200).runs) == RUNS // 10
    assert list(world.history.page("nobody_0000", limit=200).runs) == []
