"""The api as Cloud Run serves it: a proxy that is not on this machine ends TLS and says so in X-Forwarded-Proto."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.stack import Ready
from tests.e2e.client import COST_BILLING, client_of
from tests.e2e.instances import instance

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def proxy() -> Iterator[httpx.Client]:
    """Calls from another address than the server has, as a proxy does: gunicorn believes whoever calls from its own."""
    headers = {"Host": "api.example.com", "X-Forwarded-Proto": "https"}
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(transport=transport, headers=headers, timeout=60) as made:
        yield made


@pytest.mark.parametrize(("proxies", "scheme"), [("1", "https"), ("2", "https"), ("0", "http")])
def test_addresses_in_answers_begin_as_the_caller_called(
    stack: Ready, tmp_path: Path, proxy: httpx.Client, proxies: str, scheme: str
) -> None:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as platform:
        tenant = platform.onboard(f"behind{proxies}_0001")
    run = f"/api/v1/pipelines/run/{tenant.tenant_id}/{COST_BILLING}"
    with instance(stack, tmp_path, TRUSTED_PROXIES=proxies) as api:
        answer = proxy.post(f"{api.url}{run}", headers={"X-API-Key": tenant.key}, json={"date": "2025-11-14"})
        moved = proxy.get(f"{api.url}/api/v1/healthz", headers={"SCRIPT_NAME": "/api"})
    assert answer.json()["status_url"].startswith(f"{scheme}://api.example.com/api/v1/pipelines/status/")
    assert moved.status_code == 200  # a caller's header moves no path
