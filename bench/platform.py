"""A stack to measure: with templates of the bench's own, and what a process of it used."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.functions import FUNCTIONS, ROOT, Function
from local.stack import Options, Ready, Stack
from shared.contracts.messages.batch import Batch
from shared.contracts.template_address import TemplateAddress
from tests.e2e.client import Platform, client_of

DAY = date(2025, 11, 15)
TRIVIAL = TemplateAddress("bench", "runs", "trivial")
# One query that reads nothing and writes one row into the day's partition.
_TRIVIAL = """
pipeline_id: "{tenant_id}-trivial"
steps:
  - step_id: write
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT TIMESTAMP '{date}' AS usage_start_time"}
    destination: {dataset_type: bench_out, table: trivial, schema_template: billing_cost}
"""


@dataclass(frozen=True)
class Bench:
    """A running stack, its client, a publisher."""

    ready: Ready
    platform: Platform
    publisher: PublisherClient
    subscriber: SubscriberClient

    def topic(self, name: str) -> str:
        """Its full name."""
        return f"projects/{self.ready.project}/topics/{name}"

    def subscription(self, topic: str) -> str:
        """Full name of the one that pushes the topic's messages; a stack has those of all functions, served or not."""
        return f"projects/{self.ready.project}/subscriptions/{topic}-push"

    def unsubscribe(self, topic: str) -> None:
        """Nobody gets, and nothing keeps, what is published to the topic from now on."""
        self.subscriber.delete_subscription(subscription=self.subscription(topic), timeout=30, retry=None)


def functions(*names: str) -> tuple[Function, ...]:
    """The stack's functions of these names, and the api, which every stack has."""
    return tuple(one for one in FUNCTIONS if one.name in ("api", *names))


@contextmanager
def stack(*served: Function, sample: bool = False) -> Iterator[Bench]:
    """Start the functions, with the template `TRIVIAL` among the others."""
    with TemporaryDirectory() as directory:
        configs = Path(shutil.copytree(ROOT / "configs", Path(directory) / "configs"))
        (configs / TRIVIAL.provider / TRIVIAL.domain).mkdir(parents=True)
        (configs / f"{TRIVIAL}.yml").write_text(_TRIVIAL)
        with (
            Stack(Options(port=0, configs=configs, functions=served, sample=sample)) as ready,
            client_of(ready.api, ready.bigquery, ready.sendgrid) as platform,
            grpc.insecure_channel(ready.pubsub) as channel,
        ):
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
            yield Bench(ready, platform, publisher, subscriber)


def batch_of(batch_id: str) -> Batch:
    """A batch of the trivial template for all tenants on one day."""
    return Batch(batch_id, TRIVIAL, [DAY], None, {}, "bench", datetime.now(UTC))  # noqa: TID251 - a clock of its own


def peak_mib(group: int) -> float:
    """The most memory that a process of this group ever held, the first one apart; 0 where there is no /proc."""
    peaks = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # gone meanwhile
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if "VmHWM" in lines and _group(status.parent) == group and status.parent.name != str(group):
                peaks.append(int(lines["VmHWM"].split()[0]) / 1024)
    return max(peaks)


def processor_s(group: int) -> float:
    """The processor time that this group's processes have had so far: unlike a rate, no matter what else runs."""
    spent = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile
            if _group(process) == group:
                spent += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
    return spent / os.sysconf("SC_CLK_TCK")


def _group(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[2])
