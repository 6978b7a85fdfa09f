"""The running stack, as a client sees it."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from local.sample_billing import TABLE_NAME

COST_BILLING = "gcp/cost/cost_billing"
# A question may cost as much as what it waits for: the longer it has been waited, the longer until it is asked again.
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.02, 0.3
# How long a run may take on a machine that is busy with something else; less than a test's own limit.
ENDS_WITHIN_S = 150.0


def polls(timeout_s: float) -> Iterator[None]:
    """When to ask: at once, then after pauses of a tenth of the time that has passed, at last when that is over."""
    began = time.monotonic()
    while (waited_s := time.monotonic() - began) < timeout_s:
        yield
        time.sleep(min(max(waited_s / 10, _FIRST_PAUSE_S), _MOST_PAUSE_S, timeout_s - waited_s))
    yield


@dataclass(frozen=True)
class Tenant:
    tenant_id: str
    key: str


class Platform:
    """The API, the warehouse and the mails of one stack."""

    def __init__(self, sendgrid: str, client: httpx.Client, warehouse: bigquery.Client) -> None:
        self.sendgrid, self.client, self.warehouse = sendgrid, client, warehouse
        self.logs = Path()

    def onboard(self, tenant_id: str) -> Tenant:
        body = {"tenant_id": tenant_id, "admin_email": f"admin@{tenant_id.partition('_')[0]}.com"}
        answer = self.client.post("/api/v1/customers/onboard", json=body)
        assert answer.status_code == 201, answer.text
        return Tenant(tenant_id, answer.json()["api_key"])

    def start(self, tenant: Tenant, template: str, **body: Any) -> httpx.Response:
        path = f"/api/v1/pipelines/run/{tenant.tenant_id}/{template}"
        return self.client.post(path, json=body, headers={"X-API-Key": tenant.key})

    def run(self, tenant: Tenant, template: str, **body: Any) -> dict[str, Any]:
        accepted = self.start(tenant, template, **body)
        assert accepted.status_code == 202, accepted.text
        return self.ended(tenant, accepted.json())

    def ended(self, tenant: Tenant, accepted: dict[str, Any]) -> dict[str, Any]:
        for _ in polls(ENDS_WITHIN_S):
            answer = self.client.get(accepted["status_url"], headers={"X-API-Key": tenant.key})
            assert answer.status_code == 200, answer.text
            run: dict[str, Any] = answer.json()
            if run["status"] in ("SUCCEEDED", "FAILED", "DEAD"):
                return run
        raise AssertionError(f"{accepted} did not end within {ENDS_WITHIN_S:.0f} s: {run}")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row.items()) for row in self.warehouse.query_and_wait(sql)]

    def mails(self, subject: str) -> list[dict[str, Any]]:
        mails = httpx.get(f"{self.sendgrid}/mails").json()
        return [mail for mail in mails if mail["subject"].startswith(subject)]

    def unacknowledged(self) -> int:
        """Messages that Pub/Sub would still deliver, once the pushes that are just being answered are over."""
        left = 0
        for _ in polls(30):
            subscriptions = httpx.get(f"{self.sendgrid}/pubsub").json()["subscriptions"]
            left = sum(subscription["unacked"] for subscription in subscriptions.values())
            if not left:
                break
        return left

    def published(self) -> int:
        """Runs that anybody was told of."""
        (row,) = self.rows("SELECT COUNT(*) AS n FROM `convergence-local.convergence__control.x_meta_runs`")
        return int(row["n"])


@contextmanager
def client_of(api: str, bigquery_url: str, sendgrid: str) -> Iterator[Platform]:
    """A client of the stack at these addresses."""
    options = ClientOptions(api_endpoint=bigquery_url)
    with (
        # gunicorn closes what has been idle for two seconds: a request must not meet that.
        httpx.Client(base_url=api, timeout=60, limits=httpx.Limits(keepalive_expiry=1)) as client,
        closing(bigquery.Client("convergence-local", AnonymousCredentials(), client_options=options)) as warehouse,
    ):
        yield Platform(sendgrid, client, warehouse)


def source(date: str, tenant_id: str) -> str:
    return f"""
        SELECT COUNT(*) AS n, ROUND(SUM(cost), 6) AS cost FROM `convergence-local.billing_export.{TABLE_NAME}` AS t
        WHERE DATE(usage_start_time) = '{date}' AND EXISTS (
            SELECT 1 FROM UNNEST(t.labels) AS l WHERE l.key = 'tenant_id' AND l.value = '{tenant_id}')"""


def table(tenant: Tenant, dataset_type: str = "gcp_silver_cost") -> str:
    return f"`convergence-local.{tenant.tenant_id}_{dataset_type}.billing_cost_daily`"


def by_day(tenant: Tenant, dataset_type: str = "gcp_silver_cost") -> str:
    return f"""
        SELECT DATE(usage_start_time) AS day, COUNT(*) AS n, ROUND(SUM(cost), 6) AS cost
        FROM {table(tenant, dataset_type)} GROUP BY day ORDER BY day"""
