"""Whatever goes wrong at whichever of its calls, and however often its message comes: a run ends SUCCEEDED, once.

In the suite a few calls are tried with each fault; `make test.long FORMS=faults` tries every one.
"""

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.functions import ROOT
from local.stack import Options, Ready, Stack
from tests.e2e.client import Platform, Tenant, client_of
from tests.e2e.conftest import eventually, only
from tests.e2e.faulty import FAULTS, Fault, Faults, grpc_proxy, http_proxy, kill_worker
from tests.long_forms import size

FAULT_POINTS = size("FAULT_POINTS")
pytestmark = pytest.mark.timeout(240 if FAULT_POINTS == "2" else 1_800)

DAY = "2025-11-15"
FAULTY = "test/e2e/faulty"
STEPS = {"write", "add", "tell"}
# A partition that is replaced, a table that is added to, a mail: what doubles would show in, and what they would not.
TEMPLATE = """
pipeline_id: "{tenant_id}-faulty"
steps:
  - step_id: write
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT DATE '{date}' AS day, n, TO_HEX(SHA256(CAST(n AS STRING))) AS digest
        FROM UNNEST(GENERATE_ARRAY(1, 100)) AS n
    destination: {dataset_type: test_faulty, table: replaced, schema_template: faulty}
  - step_id: add
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT day, n + 1 AS n, digest FROM `{gcp_project_id}.{tenant_id}_test_faulty.replaced` WHERE day = '{date}'
    destination: {dataset_type: test_faulty, table: added, schema_template: faulty, write: append}
  - step_id: tell
    ps_type: shared.email_notification
    to_emails: ["{operator_email}"]
    subject: "{tenant_id} is done"
    message: "{pipeline_id} of {date}"
"""
# Its job is said to run for longer than the five seconds that a delivery may work: the run goes on in a message that it
# publishes.
SLOW = "test/e2e/slow"
SLOW_TEMPLATE = """
pipeline_id: "{tenant_id}-slow"
steps:
  - step_id: count
    ps_type: gcp.bigquery_to_bigquery
    source:
      query: |
        SELECT DATE '{date}' AS day, COUNT(*) AS n, MAX(SHA512(CAST(n AS STRING))) AS digest
        FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n
    destination: {dataset_type: test_faulty, table: slow, write: append}
"""
SCHEMA = {
    "partition_field": "day",
    "partition_type": "DAY",
    "fields": [
        {"name": "day", "type": "DATE", "mode": "NULLABLE"},
        {"name": "n", "type": "INT64", "mode": "NULLABLE"},
        {"name": "digest", "type": "STRING", "mode": "NULLABLE"},
    ],
}


class World:
    """A stack whose run_pipeline reaches every service through a proxy of ours."""

    def __init__(self, ready: Ready, faults: Faults, platform: Platform) -> None:
        self.ready, self.faults, self.platform = ready, faults, platform

    def run(self, tenant: Tenant) -> dict[str, Any]:
        ended = self.platform.run(tenant, FAULTY, date=DAY)
        assert self.platform.unacknowledged() == 0
        return ended

    def tables(self, tenant: Tenant) -> list[list[dict[str, Any]]]:
        where = f"{self.ready.project}.{tenant.tenant_id}_test_faulty"
        return [self.platform.rows(f"SELECT * FROM `{where}.{name}` ORDER BY n") for name in ("replaced", "added")]

    def events(self, run: dict[str, Any]) -> Counter[tuple[str | None, str]]:
        """How many different events of each status there are, of the run (None) and of its steps."""
        rows = self.platform.rows(
            "SELECT DISTINCT event_id, step_id, status FROM convergence__control.x_meta_runs"
            f" WHERE pipeline_logging_id = '{run['pipeline_logging_id']}'"
        )
        return Counter((row["step_id"], row["status"]) for row in rows)

    def copies(self, tenant: Tenant, run: dict[str, Any]) -> dict[str, int]:
        """How many rows of the run the tenant's own tables have."""
        of = (
            f"`{self.ready.project}.{tenant.tenant_id}.{{}}` WHERE pipeline_logging_id = '{run['pipeline_logging_id']}'"
        )
        return {
            table: len(self.platform.rows(f"SELECT 1 FROM {of.format(table)}"))
            for table in ("x_meta_pipeline_runs", "x_meta_step_logs")
        }

    def nacks(self) -> int:
        """How many deliveries of all runs so far were refused."""
        return (Path(self.ready.logs) / "run_pipeline.log").read_text().count('"event": "delivery_nacked"')

    @contextmanager
    def slow_run(self, tenant: Tenant) -> Iterator[dict[str, Any]]:
        """A run that was accepted, whose job runs until the end of the block."""
        with self.faults.running(f"cv-{tenant.tenant_id}"):
            accepted = self.platform.start(tenant, SLOW, date=DAY)
            assert accepted.status_code == 202, accepted.text
            yield accepted.json()

    def holds_of_slow_run(self, tenant: Tenant, run: dict[str, Any]) -> None:
        """What is true of a slow run that has ended, whatever went wrong with it."""
        eventually(lambda: self.platform.unacknowledged() == 0, 30)
        assert run["status"] == "SUCCEEDED", run
        table = f"{self.ready.project}.{tenant.tenant_id}_test_faulty.slow"
        assert [row["n"] for row in self.platform.rows(f"SELECT n FROM `{table}`")] == [1_000]
        assert {key: n for key, n in self.events(run).items() if key[1] not in ("QUEUED", "RUNNING")} == {
            (None, "SUCCEEDED"): 1,
            ("count", "SUCCEEDED"): 1,
        }

    def mails(self, tenant: Tenant) -> int:
        return len(self.platform.mails(f"{tenant.tenant_id} is done"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("faulty")
    configs = Path(shutil.copytree(ROOT / "configs", folder / "configs"))
    (configs / "test" / "e2e").mkdir(parents=True)
    (configs / f"{FAULTY}.yml").write_text(TEMPLATE)
    (configs / f"{SLOW}.yml").write_text(SLOW_TEMPLATE)
    templates = Path(shutil.copytree(ROOT / "templates", folder / "templates"))
    schemas = templates / "gcp" / "bigquery_to_bigquery" / "schema_template.json"
    schemas.write_text(json.dumps({**json.loads(schemas.read_text()), "faulty": SCHEMA}))
    group: list[int] = []
    faults = Faults(kill=lambda port: kill_worker(group[0], port))
    with (
        http_proxy(faults, "bigquery") as bigquery,
        http_proxy(faults, "sendgrid") as sendgrid,
        grpc_proxy(faults, "pubsub") as pubsub,
        grpc_proxy(faults, "secret_manager") as secret_manager,
    ):
        through = {
            "BIGQUERY_ENDPOINT": bigquery,
            "SENDGRID_ENDPOINT": sendgrid,
            "PUBSUB_EMULATOR_HOST": pubsub,
            "SECRET_MANAGER_ENDPOINT": secret_manager,
            "PUSH_DEADLINE_S": "10",  # of which it works five
        }
        functions = tuple(
            replace(one, settings={**one.settings, **through}) if one.name == "run_pipeline" else one
            for one in only("api", "run_pipeline", "dead_letter")
        )
        options = Options(port=0, configs=configs, templates=templates, functions=functions, sample=False)
        with Stack(options) as ready, client_of(ready.api, ready.bigquery, ready.sendgrid) as platform:
            faults.upstream.update(
                bigquery=ready.bigquery.removeprefix("http://"),
                sendgrid=ready.sendgrid.removeprefix("http://"),
                pubsub=ready.pubsub,
                secret_manager=ready.secret_manager,
            )
            group.append(ready.pids["run_pipeline"])
            yield World(ready, faults, platform)


@pytest.fixture(scope="module")
def undisturbed(world: World) -> tuple[list[str], list[list[dict[str, Any]]]]:
    """The calls of a run in a function that was just started, and the tables that it writes."""
    world.faults.arm()
    tenant = world.platform.onboard("undisturbed_0001")
    assert world.run(tenant)["status"] == "SUCCEEDED"
    assert world.mails(tenant) == 1
    return list(world.faults.names), world.tables(tenant)


def points(calls: int, fault: Fault) -> list[int]:
    """The calls to try a fault at: all of them, or so many, others for each fault."""
    if FAULT_POINTS == "all":
        return list(range(1, calls + 1))
    return sorted(random.Random(fault).sample(range(1, calls + 1), int(FAULT_POINTS)))


def holds(world: World, tenant: Tenant, run: dict[str, Any], tables: list[list[dict[str, Any]]], where: str) -> None:
    """What is true of a run whatever went wrong with it."""
    assert run["status"] == "SUCCEEDED", (where, run)
    assert world.tables(tenant) == tables, where
    events = world.events(run)
    ends = {key: count for key, count in events.items() if key[1] not in ("QUEUED", "RUNNING")}
    assert ends == {(step, "SUCCEEDED"): 1 for step in (None, *STEPS)}, (where, events)
    copies = world.copies(tenant, run)
    # Killed after the control table's end, before the copy's: reconciliation copies it later.
    assert copies["x_meta_pipeline_runs"] <= 1, where
    assert copies["x_meta_step_logs"] <= len(STEPS), where
    assert world.mails(tenant) >= 1, where


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_ends_once_whatever_goes_wrong_at_one_of_its_calls(
    world: World, undisturbed: tuple[list[str], list[list[dict[str, Any]]]], fault: Fault
) -> None:
    calls, tables = undisturbed
    doubled = {}
    for number in points(len(calls), fault):
        where = f"{fault} {number}"
        tenant = world.platform.onboard(f"f{FAULTS.index(fault)}x{number}_0001")
        world.faults.arm(fault, number)
        run = world.run(tenant)
        # A function that has run before knows more, and calls less.
        where = f"{where}: {world.faults.names[number - 1] if world.faults.fired else 'not called'}"
        holds(world, tenant, run, tables, where)
        if (mails := world.mails(tenant)) > 1:
            doubled[where] = mails
    world.faults.arm()
    # Between sending and recording, and nowhere else: SendGrid has no idempotency key (facts 32).
    assert set(doubled.values()) <= {2}, doubled
    assert len(doubled) <= 2, doubled


@pytest.mark.parametrize("fault", FAULTS[:3] if FAULT_POINTS == "all" else FAULTS[1:2])
def test_a_run_that_waits_is_not_lost_with_the_message_in_which_it_goes_on(world: World, fault: Fault) -> None:
    tenant = world.platform.onboard(f"slow{FAULTS.index(fault)}_0001")
    world.faults.arm(fault, 1, of="pubsub Publish")
    with world.slow_run(tenant) as accepted:
        eventually(lambda: world.faults.fired)
    run = world.platform.ended(tenant, accepted)
    world.faults.arm()
    world.holds_of_slow_run(tenant, run)


def test_a_run_whose_job_outlasts_several_pushes_succeeds_once_and_nothing_is_nacked(world: World) -> None:
    tenant, nacks = world.platform.onboard("outlasts_0001"), world.nacks()
    world.faults.arm(of="pubsub Publish")
    with world.slow_run(tenant) as accepted:
        eventually(lambda: len(world.faults.names) >= 2)
    run = world.platform.ended(tenant, accepted)
    world.faults.arm()
    world.holds_of_slow_run(tenant, run)
    assert run["rows_written"] == 1
    assert world.nacks() == nacks
    jobs = [job.job_id for job in world.platform.warehouse.list_jobs()]
    assert len([job for job in jobs if job.startswith(f"cv-{tenant.tenant_id}") and "-write-" in job]) == 1, jobs


@pytest.mark.parametrize("seed", range(1 if FAULT_POINTS != "all" else 20))
def test_a_message_that_comes_up_to_five_times_at_once_and_out_of_order_is_one_run(
    world: World, undisturbed: tuple[list[str], list[list[dict[str, Any]]]], seed: int
) -> None:
    _, tables = undisturbed
    world.faults.arm()
    shuffle = random.Random(seed)
    tenants = [world.platform.onboard(f"often{seed}x{number}_0001") for number in range(6)]
    httpx.post(f"{world.ready.sendgrid}/pubsub/hold").raise_for_status()
    accepted = {tenant: world.platform.start(tenant, FAULTY, date=DAY).json() for tenant in tenants}
    queued = world.platform.rows(
        "SELECT message FROM convergence__control.x_meta_runs WHERE status = 'QUEUED' AND pipeline_logging_id IN"
        f" ({', '.join(repr(run['pipeline_logging_id']) for run in accepted.values())})"
    )
    again = [row["message"].encode() for row in queued for _ in range(shuffle.randint(0, 4))]
    shuffle.shuffle(again)
    with grpc.insecure_channel(world.ready.pubsub) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        topic = f"projects/{world.ready.project}/topics/pipeline-runs"
        publisher.publish(topic=topic, messages=[PubsubMessage(data=data) for data in again], timeout=10, retry=None)
    httpx.post(f"{world.ready.sendgrid}/pubsub/release").raise_for_status()

    ended = {tenant: world.platform.ended(tenant, run) for tenant, run in accepted.items()}

    eventually(lambda: world.platform.unacknowledged() == 0, 30)
    for tenant, run in ended.items():
        holds(world, tenant, run, tables, f"{len(again)} more messages for {len(tenants)} runs")
