"""Two instances of the api and a real Redis: one limit for both; runs while it is gone; one limit again afterwards."""

import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack import Ready
from shared.tenants.rate_limits import STORE_PAUSE_S
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of
from tests.e2e.conftest import eventually
from tests.e2e.instances import Instance, instance

pytestmark = pytest.mark.timeout(180)

LIMIT = 20


class Redis:
    """A redis-server of the test's own, which can be killed and started again at the same port."""

    def __init__(self, directory: Path) -> None:
        found = shutil.which("redis-server")
        if found is None:
            pytest.skip("redis-server is not installed (Debian package redis-server)")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._command = [found, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    made = Redis(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def platform(stack: Ready) -> Iterator[Platform]:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as made:
        yield made


@pytest.fixture
def two(stack: Ready, redis: Redis, tmp_path: Path) -> Iterator[tuple[Instance, Instance]]:
    settings: dict[str, Any] = {
        "RATE_LIMIT_STORE": f"redis://127.0.0.1:{redis.port}/0",
        "RATE_LIMIT_RUNS": f"{LIMIT}/day",  # no window ends during the test
        "RATE_LIMIT_ENDPOINT": "100000/minute",
    }
    with instance(stack, tmp_path, **settings) as first, instance(stack, tmp_path, **settings) as second:
        yield first, second


def run(url: str, tenant: Tenant, date: str) -> int:
    path = f"{url}/api/v1/pipelines/run/{tenant.tenant_id}/{COST_BILLING}"
    return httpx.post(path, json={"date": date}, headers={"X-API-Key": tenant.key}, timeout=60).status_code


def onboarding(url: str, name: str) -> int:
    body = {"tenant_id": name, "admin_email": "admin@example.com"}
    return httpx.post(f"{url}/api/v1/customers/onboard", json=body, timeout=30).status_code


def asked(two: tuple[Instance, Instance], tenant: Tenant, times: int, date: str = "never") -> Counter[int]:
    """Statuses of so many run requests, in turns at both instances, eight at once.

    Without a date that is one, those that are counted are 400: nothing runs.
    """
    with ThreadPoolExecutor(8) as pool:
        urls = [one.url for _, one in zip(range(times), cycle(two), strict=False)]
        return Counter(pool.map(lambda url: run(url, tenant, date), urls))


def outages(one: Instance) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in one.log.read_text().splitlines()]
    return [line for line in lines if line["message"] == "rate_limit_store_down"]


def test_limits_are_shared_and_redis_may_die_under_load(
    platform: Platform, two: tuple[Instance, Instance], redis: Redis
) -> None:
    first, second, third = (platform.onboard(f"redis{number}_0001") for number in range(3))
    assert asked(two, first, LIMIT + 10) == {400: LIMIT, 429: 10}

    with ThreadPoolExecutor(1) as pool:
        under_load = pool.submit(asked, two, second, LIMIT, "2025-11-15")
        redis.kill()
        statuses = under_load.result()
    killed = time.monotonic()
    assert statuses == {202: LIMIT}, "no run is refused because nobody counts for both"
    # From here on each instance counts alone, from nothing.
    assert asked(two, third, 2 * LIMIT) == {400: 2 * LIMIT}
    assert [onboarding(one.url, f"redisnew{number}_0001") for number, one in enumerate(two)] == [503, 503]
    most = 1 + (time.monotonic() - killed) / STORE_PAUSE_S + 1
    for one in two:
        assert 1 <= len(outages(one)) <= most
        assert {line["severity"] for line in outages(one)} == {"ERROR"}

    redis.start()
    eventually(lambda: [onboarding(one.url, "redis0_0001") for one in two] == [409, 409], timeout_s=4 * STORE_PAUSE_S)
    fourth = platform.onboard("redis9_0001")
    assert asked(two, fourth, LIMIT + 10) == {400: LIMIT, 429: 10}
