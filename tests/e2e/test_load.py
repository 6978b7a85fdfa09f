"""Many tenants at once: every 202 has its message, and every run ends. bench/api.py measures the same, with time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.stack import Ready
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of
from tests.e2e.conftest import eventually

pytestmark = pytest.mark.timeout(420)

TENANTS, EACH, AT_ONCE = 50, 2, 32
RUNS = "`convergence-local.convergence__control.x_meta_runs`"


def test_every_accepted_run_has_its_message_and_ends(stack: Ready) -> None:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as platform:
        with ThreadPoolExecutor(4) as pool:
            tenants = list(pool.map(platform.onboard, (f"load{number:03d}_0001" for number in range(TENANTS))))
        httpx.post(f"{stack.sendgrid}/pubsub/hold").raise_for_status()
        try:
            before = waiting(stack)
            accepted = asked(platform, [tenant for _ in range(EACH) for tenant in tenants])
            published = waiting(stack) - before
        finally:
            httpx.post(f"{stack.sendgrid}/pubsub/release").raise_for_status()
        assert (len(accepted), published) == (TENANTS * EACH, TENANTS * EACH)
        ended = f"""
            SELECT COUNT(DISTINCT IF(status = 'QUEUED', pipeline_logging_id, NULL)) AS queued,
                COUNT(DISTINCT IF(status = 'SUCCEEDED', pipeline_logging_id, NULL)) AS succeeded
            FROM {RUNS}
            WHERE step_id IS NULL AND STARTS_WITH(tenant_id, 'load') AND template_name = 'cost_billing'"""
        whole = [{"queued": TENANTS * EACH, "succeeded": TENANTS * EACH}]
        eventually(lambda: platform.rows(ended) == whole, timeout_s=300)


def asked(platform: Platform, tenants: list[Tenant]) -> set[str]:
    """The ids of the runs that are accepted; a day of its own for each of a tenant's, as a backfill would."""
    days: Counter[str] = Counter()

    def ask(tenant: Tenant, day: int) -> str:
        answer = platform.start(tenant, COST_BILLING, date=f"2025-11-{day:02d}")
        assert answer.status_code == 202, answer.text
        return str(answer.json()["pipeline_logging_id"])

    dated = []
    for tenant in tenants:
        days[tenant.tenant_id] += 1
        dated.append((tenant, 10 + days[tenant.tenant_id]))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return set(pool.map(lambda each: ask(*each), dated))


def waiting(stack: Ready) -> int:
    """Messages of the interactive lane that are not acknowledged."""
    shown = httpx.get(f"{stack.sendgrid}/pubsub").json()["subscriptions"]
    return int(shown["projects/convergence-local/subscriptions/pipeline-runs-push"]["unacked"])
