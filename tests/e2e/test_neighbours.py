"""One tenant's trouble is nobody else's: among many tenants, those that cannot succeed end, and the others are done.

`make test.long FORMS=neighbours` does it with a thousand; that also compares how long the others take, with and without
the three.
"""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.functions import ROOT
from local.stack import Options, Ready, Stack
from tests.e2e.client import Platform, client_of
from tests.e2e.conftest import eventually, only
from tests.e2e.faulty import Fault, Faults, http_proxy, kill_worker
from tests.e2e.many_tenants import make, tenant_ids
from tests.long_forms import size

NEIGHBOURS = int(size("NEIGHBOURS"))
pytestmark = pytest.mark.timeout(1_800 if NEIGHBOURS > 100 else 240)

WRONG, SLOWED, KILLED = "wrong_0001", "slowed_0001", "killed_0001"
TROUBLED = {WRONG, SLOWED, KILLED}
TEMPLATE = """
pipeline_id: "{tenant_id}-neighbours"
steps:
  - step_id: divide
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT 1 / IF('{tenant_id}' = 'wrong_0001', DIVISOR, 1) AS n"}
    destination: {dataset_type: test_out, table: quotient}
  - step_id: tell
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{operator_email}"]
    subject: "{tenant_id} failed"
    message: "{pipeline_id} of {date}: {error_code}"
"""
# Longer than the others take, and than five deliveries with their backoff.
ENDS_WITHIN_S = 90 + NEIGHBOURS / 4


def trouble(path: str, body: bytes) -> Fault | None:
    """What happens whenever one of the troubled tenants starts a job."""
    if not path.partition("?")[0].endswith("/jobs"):
        return None
    if f"cv-{SLOWED}".encode() in body:
        return "say quotaExceeded"  # transient to us, and not retried by the client itself, which takes a minute
    return "kill before" if f"cv-{KILLED}".encode() in body else None


class Neighbourhood:
    """A stack whose bulk lane reaches BigQuery through a proxy, and its tenants."""

    def __init__(self, ready: Ready, faults: Faults, platform: Platform, template: Path) -> None:
        self.ready, self.faults, self.platform, self.template = ready, faults, platform, template

    def batch(self, name: str, **given: Any) -> None:
        address = dict(zip(("provider", "domain", "template_name"), ("test", "e2e", "neighbours"), strict=True))
        message = {"batch_id": name * 32, **address, "date": "2025-11-15", "trigger_by": name, **given}
        with grpc.insecure_channel(self.ready.pubsub) as channel:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            topic = f"projects/{self.ready.project}/topics/pipeline-batches"
            data = json.dumps(message).encode()
            publisher.publish(topic=topic, messages=[PubsubMessage(data=data)], timeout=10, retry=None)

    def ended(self, name: str, attempt: int = 1) -> dict[str, tuple[str, str | None]]:
        """How each tenant's run of a batch ended: status and error code."""
        rows = self.platform.rows(
            "SELECT tenant_id, status, error_code FROM convergence__control.x_meta_runs WHERE step_id IS NULL"
            f" AND status IN ('SUCCEEDED', 'FAILED', 'DEAD') AND batch_id = '{name * 32}' AND run_attempt = {attempt}"
        )
        return {row["tenant_id"]: (row["status"], row["error_code"]) for row in rows}

    def nothing_is_owed(self) -> bool:
        """Whether Pub/Sub has nothing left to push; dead letters are kept for replay in a subscription of their own."""
        subscriptions = httpx.get(f"{self.ready.sendgrid}/pubsub").json()["subscriptions"].values()
        return not any(one["unacked"] for one in subscriptions if one["push_endpoint"])

    def seconds(self, name: str, tenants: Sequence[str]) -> float:
        """How long it takes until these tenants' runs of a batch that was just published have ended."""
        began = time.monotonic()
        eventually(lambda: self.ended(name).keys() >= set(tenants), ENDS_WITHIN_S)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def neighbourhood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    configs = Path(shutil.copytree(ROOT / "configs", tmp_path_factory.mktemp("neighbours") / "configs"))
    (configs / "test" / "e2e").mkdir(parents=True)
    template = configs / "test" / "e2e" / "neighbours.yml"
    template.write_text(TEMPLATE.replace("DIVISOR", "0"))
    group: list[int] = []
    faults = Faults(kill=lambda port: kill_worker(group[0], port))
    with http_proxy(faults, "bigquery") as bigquery:
        functions = tuple(
            # Eight processes of two threads, as instances in the cloud: who is killed takes one other run with it.
            replace(one, threads=2, settings={**one.settings, "BIGQUERY_ENDPOINT": bigquery, "WORKERS": "8"})
            if one.name == "run_pipeline_bulk"
            else one
            for one in only("api", "run_pipeline_bulk", "fan_out", "dead_letter")
        )
        with (
            Stack(Options(port=0, configs=configs, functions=functions, sample=False, most_backoff_s=1)) as ready,
            client_of(ready.api, ready.bigquery, ready.sendgrid) as platform,
        ):
            faults.upstream["bigquery"] = ready.bigquery.removeprefix("http://")
            group.append(ready.pids["run_pipeline_bulk"])
            make(platform.warehouse, [*tenant_ids(NEIGHBOURS - len(TROUBLED)), *sorted(TROUBLED)])
            yield Neighbourhood(ready, faults, platform, template)


def test_three_tenants_in_trouble_end_and_the_others_are_done_as_if_they_were_not_there(
    neighbourhood: Neighbourhood,
) -> None:
    here, others = neighbourhood, tenant_ids(NEIGHBOURS - len(TROUBLED))
    here.batch("a", tenants=others)  # makes their datasets and tables
    here.seconds("a", others)
    here.batch("b", tenants=others)
    alone = here.seconds("b", others)

    here.faults.always = trouble
    here.batch("c")
    beside = here.seconds("c", others)
    eventually(lambda: here.ended("c").keys() >= TROUBLED, ENDS_WITHIN_S)
    here.faults.always = lambda _path, _body: None

    ended = here.ended("c")
    assert {ended[tenant_id] for tenant_id in others} == {("SUCCEEDED", None)}
    assert {tenant_id: ended[tenant_id] for tenant_id in TROUBLED} == {
        WRONG: ("FAILED", "query_failed"),
        SLOWED: ("FAILED", "retries_exhausted"),
        KILLED: ("DEAD", "delivery_exhausted"),
    }
    for tenant_id in TROUBLED:
        eventually(partial(here.platform.mails, f"{tenant_id} failed"))
    if NEIGHBOURS >= 1_000:
        assert beside < alone * 1.5, f"{len(others)} tenants: {alone:.1f} s alone, {beside:.1f} s beside the three"

    here.template.write_text(TEMPLATE.replace("DIVISOR", "1"))
    here.batch("c", only="failed", attempt=2)
    eventually(lambda: here.ended("c", attempt=2).keys() >= TROUBLED, ENDS_WITHIN_S)
    assert here.ended("c", attempt=2) == dict.fromkeys(TROUBLED, ("SUCCEEDED", None))
    eventually(here.nothing_is_owed, 30)
