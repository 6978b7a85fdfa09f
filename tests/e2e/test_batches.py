"""A nightly batch, end to end: Scheduler's message, fan_out, the bulk lane, every tenant's own table."""

import json
from datetime import date
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.stack import Ready
from tests.e2e.client import COST_BILLING, Platform, by_day, client_of
from tests.e2e.conftest import eventually

TENANTS = ("batchone_0001", "batchtwo_0002", "batchthree_0003")
DAY = "2025-11-15"


@pytest.fixture(scope="module")
def platform(stack: Ready) -> Any:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as client:
        yield client


def publish(stack: Ready, message: dict[str, Any]) -> None:
    with grpc.insecure_channel(stack.pubsub) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        topic = "projects/convergence-local/topics/pipeline-batches"
        publisher.publish(
            topic=topic, messages=[PubsubMessage(data=json.dumps(message).encode())], timeout=10, retry=None
        )


def states(platform: Platform) -> dict[tuple[str, date], set[str]]:
    """The statuses of this batch's runs, by tenant and day."""
    rows = platform.rows(
        "SELECT tenant_id, date, ARRAY_AGG(DISTINCT status) AS seen, COUNT(DISTINCT pipeline_logging_id) AS runs"
        " FROM convergence__control.x_meta_runs"
        " WHERE batch_id IS NOT NULL AND trigger_by = 'schedule nightly' AND step_id IS NULL GROUP BY 1, 2"
    )
    assert all(row["runs"] == 1 for row in rows)
    return {(row["tenant_id"], row["date"]): set(row["seen"]) for row in rows}


def test_every_tenant_gets_its_days_once_however_often_the_schedule_fires(stack: Ready, platform: Platform) -> None:
    tenants = [platform.onboard(tenant_id) for tenant_id in TENANTS]
    provider, domain, template_name = COST_BILLING.split("/")
    nightly = {
        "schedule": "nightly",
        "provider": provider,
        "domain": domain,
        "template_name": template_name,
        "date": DAY,
        "lookback_days": 1,
        "tenants": list(TENANTS),
    }
    for _ in range(2):
        publish(stack, nightly)
    expected = {(tenant_id, date(2025, 11, day)) for tenant_id in TENANTS for day in (14, 15)}
    eventually(lambda: {key for key, seen in states(platform).items() if "SUCCEEDED" in seen} == expected, 60)
    assert platform.unacknowledged() == 0
    for tenant in tenants:
        assert platform.rows(by_day(tenant)) == []  # the sample bills other tenants; each has its own, empty table
    events = platform.rows("SELECT event, expected, published FROM convergence__control.x_meta_batches")
    assert {(row["event"], row["expected"], row["published"]) for row in events} == {
        ("STARTED", 6, None),
        ("PUBLISHED", None, 6),
    }
