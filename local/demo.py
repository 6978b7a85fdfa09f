"""`make demo`: the whole product on one machine, step by step, with a report that is checked against the source."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from rich.console import Console
from rich.table import Table

from local.sample_billing import DEMO_TENANTS, TABLE_NAME
from local.stack import Options, Ready, Stack

DATES = ("2025-11-14", "2025-11-15")
RUN_TIMEOUT_S = 60
TEMPLATE = "gcp/cost/cost_billing"


@dataclass(frozen=True)
class Tenant:
    """A tenant of the demo, and its key."""

    tenant_id: str
    api_key: str


class DemoFailed(Exception):
    """Something was not as it should be; the message says what."""


def main(console: Console | None = None) -> int:
    """Run the demo; the exit status: 0 when every figure is right."""
    # A terminal has a width of its own; what reads the output otherwise gets whole tables.
    console = console or Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    started = time.monotonic()
    try:
        with _step(console, "Starting the platform (functions, Pub/Sub, BigQuery, KMS, secrets, mail)"):
            stack = Stack(Options(port=0))
            ready = stack.__enter__()
        try:
            with httpx.Client(base_url=ready.api, timeout=30) as api:
                _show(console, ready, api)
        finally:
            with _step(console, "Stopping"):
                stack.__exit__(None, None, None)
    except DemoFailed as error:
        console.print(f"[red]The demo failed:[/red] {error}")
        return 1
    console.print(f"\nDone in {time.monotonic() - started:.1f} s. Next: [bold]make up[/bold], and the README's curls.")
    return 0


def _show(console: Console, ready: Ready, api: httpx.Client) -> None:
    tenants = []
    for tenant_id in DEMO_TENANTS:
        with _step(console, f"Onboarding {tenant_id}: POST /api/v1/customers/onboard"):
            tenants.append(_onboard(api, tenant_id))
    runs = []
    for tenant in tenants:
        for date in DATES:
            with _step(console, f"Running {TEMPLATE} for {tenant.tenant_id}, {date}: HTTP → Pub/Sub → run_pipeline"):
                runs.append(_run(api, tenant, date))
    with _step(console, f"Asking for {tenants[1].tenant_id}'s run with {tenants[0].tenant_id}'s key: refused"):
        refused = api.get(runs[-1]["status_url"], headers={"X-API-Key": tenants[0].api_key})
        if refused.status_code != 403:
            raise DemoFailed(f"another tenant's key was answered {refused.status_code}, not 403")
    options = ClientOptions(api_endpoint=ready.bigquery)
    with closing(bigquery.Client(ready.project, AnonymousCredentials(), client_options=options)) as client:
        report = _report(client, ready.project, tenants)
    console.print()
    console.print(report)
    console.print(_mails(ready))


def _onboard(api: httpx.Client, tenant_id: str) -> Tenant:
    domain = tenant_id.partition("_")[0]
    answer = api.post("/api/v1/customers/onboard", json={"tenant_id": tenant_id, "admin_email": f"admin@{domain}.com"})
    if answer.status_code != 201:
        raise DemoFailed(f"onboarding {tenant_id} was answered {answer.status_code}: {answer.text}")
    return Tenant(tenant_id, answer.json()["api_key"])


def _run(api: httpx.Client, tenant: Tenant, date: str) -> dict[str, str]:
    headers = {"X-API-Key": tenant.api_key}
    answer = api.post(
        f"/api/v1/pipelines/run/{tenant.tenant_id}/{TEMPLATE}",
        json={"date": date, "trigger_by": "demo"},
        headers=headers,
    )
    if answer.status_code != 202:
        raise DemoFailed(f"the run of {tenant.tenant_id} was answered {answer.status_code}: {answer.text}")
    accepted: dict[str, str] = answer.json()
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline:
        run = api.get(accepted["status_url"], headers=headers).json()
        if run["status"] == "SUCCEEDED":
            return accepted
        if run["status"] not in ("QUEUED", "RUNNING"):
            raise DemoFailed(f"run {accepted['pipeline_logging_id']} is {run['status']}: {run['error_message']}")
        time.sleep(0.05)
    raise DemoFailed(f"run {accepted['pipeline_logging_id']} did not end within {RUN_TIMEOUT_S} s")


def _report(client: bigquery.Client, project: str, tenants: list[Tenant]) -> Table:
    """What is in each tenant's table, beside what the source says of that tenant and date."""
    report = Table(title="Each tenant's own costs, in its own dataset")
    for heading in ("tenant", "dataset.table", "date"):
        report.add_column(heading, no_wrap=True)
    for heading in ("rows", "cost", "in the source"):
        report.add_column(heading, justify="right", no_wrap=True)
    for tenant in tenants:
        table = f"{tenant.tenant_id}_gcp_silver_cost.billing_cost_daily"
        for date in DATES:
            rows, cost = _sum(client, f"SELECT COUNT(*), SUM(cost) FROM `{project}.{table}` AS t", date)
            expected = _sum(
                client,
                f"SELECT COUNT(*), SUM(cost) FROM `{project}.billing_export.{TABLE_NAME}` AS t",
                date,
                "EXISTS (SELECT 1 FROM UNNEST(t.labels) AS l WHERE l.key = 'tenant_id' AND l.value = @tenant)",
                tenant.tenant_id,
            )
            if (rows, round(cost, 6)) != (expected[0], round(expected[1], 6)):
                raise DemoFailed(f"{table} on {date} holds {rows} rows, {cost:.6f}; the source says {expected}")
            report.add_row(tenant.tenant_id, table, date, f"{rows}", f"{cost:.6f}", f"{expected[1]:.6f}")
    return report


def _sum(
    client: bigquery.Client, select: str, date: str, condition: str = "TRUE", tenant: str = ""
) -> tuple[int, float]:
    parameters = [
        bigquery.ScalarQueryParameter("date", "STRING", date),
        bigquery.ScalarQueryParameter("tenant", "STRING", tenant),
    ]
    found = client.query_and_wait(
        f"{select} WHERE DATE(t.usage_start_time) = @date AND {condition}",
        job_config=bigquery.QueryJobConfig(query_parameters=parameters if tenant else parameters[:1]),
    )
    rows, cost = next(iter(found)).values()
    return rows, cost or 0.0


def _mails(ready: Ready) -> Table:
    mails = Table("to", "subject", title="Mail sent")
    for mail in httpx.get(f"{ready.sendgrid}/mails", timeout=10).json():
        mails.add_row(", ".join(mail["to"]), mail["subject"])
    return mails


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(what[: console.width - 4]):
        yield
    console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - started:.2f} s[/dim]")
