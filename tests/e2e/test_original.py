"""The original description's templates run as they stand there.

`original/` holds them character for character, apart from addresses, project and source table names, and the engine of
the "Template Template", which the original leaves open.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Options, Stack
from tests.e2e.client import COST_BILLING, Platform, Tenant, by_day, client_of, source
from tests.e2e.conftest import only

ORIGINAL = Path(__file__).parent / "original"
SELLERS = ("acmeinc_23xv2", "techcorp_99zx4")


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with (
        Stack(Options(port=0, configs=ORIGINAL, functions=only("api", "run_pipeline"))) as ready,
        client_of(ready.api, ready.bigquery, ready.sendgrid) as client,
    ):
        client.warehouse.create_dataset("shared_sales")
        rows = " UNION ALL ".join(
            f"SELECT DATE '2025-11-{day}' AS date, '{seller}' AS seller, {day}.5 AS amount"
            for seller in SELLERS
            for day in (14, 15)
        )
        client.warehouse.query_and_wait(f"CREATE TABLE shared_sales.daily AS {rows}")
        yield client


@pytest.fixture(scope="module")
def tenants(platform: Platform) -> tuple[Tenant, ...]:
    return tuple(platform.onboard(tenant_id) for tenant_id in SELLERS)


def test_onboarding_makes_what_the_platform_needs_and_says_welcome(
    platform: Platform, tenants: tuple[Tenant, ...]
) -> None:
    for tenant in tenants:
        made = {each.table_id for each in platform.warehouse.list_tables(tenant.tenant_id)}
        assert made >= {"x_meta_api_keys", "x_meta_pipeline_runs", "x_meta_step_logs", "x_meta_tenant"}
        (mail,) = platform.mails(f"Welcome to Convergence Data Pipeline - Tenant {tenant.tenant_id} Onboarded")
        assert f"Dataset: convergence-local.{tenant.tenant_id}" in mail["text"]


def test_cost_billing_copies_each_tenants_own_costs(platform: Platform, tenants: tuple[Tenant, ...]) -> None:
    for tenant in tenants:
        run = platform.run(tenant, COST_BILLING, date="2025-11-15", trigger_by="finance_team")
        assert (run["status"], run["pipeline_id"]) == ("SUCCEEDED", f"{tenant.tenant_id}-gcp-cost-billing")
        (day,) = platform.rows(by_day(tenant))
        (own,) = platform.rows(source("2025-11-15", tenant.tenant_id))
        assert own["n"] > 0
        assert (day["n"], day["cost"]) == (own["n"], own["cost"])


def test_the_template_template_processes_each_tenants_own_rows(platform: Platform, tenants: tuple[Tenant, ...]) -> None:
    for tenant in tenants:
        run = platform.run(tenant, "gcp/sales/output_daily", date="2025-11-15")
        assert (run["status"], run["pipeline_id"]) == ("SUCCEEDED", f"{tenant.tenant_id}-gcp-sales-output_daily")
        (row,) = platform.rows(f"SELECT * FROM {tenant.tenant_id}_gcp_silver_sales.output_table")
        assert (str(row["date"]), row["seller"], row["amount"]) == ("2025-11-15", tenant.tenant_id, 15.5)


def test_its_failure_is_told(platform: Platform, tenants: tuple[Tenant, ...]) -> None:
    tenant = tenants[0]
    platform.warehouse.query_and_wait("DROP TABLE shared_sales.daily")
    run = platform.run(tenant, "gcp/sales/output_daily", date="2025-11-14")
    assert (run["status"], run["failed_step"]) == ("FAILED", "process_data")
    (mail,) = platform.mails(f"[ALERT] Pipeline Failed - {tenant.tenant_id}")
    assert mail["text"] == (
        f"Pipeline {tenant.tenant_id}-gcp-sales-output_daily failed for {tenant.tenant_id}\nDate: 2025-11-14\n"
    )
