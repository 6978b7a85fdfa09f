"""Onboarding and off-boarding, killed with kill -9 after one of their calls and then made again: all or nothing.

The suite kills after the first call, the last, and some between them; `make test.long FORMS=onboarding-kills` after
each one, and `ONBOARDING_KILLS=3,7` after these.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from local.functions import FUNCTIONS, PROJECT
from local.stack import Options, Ready, Stack
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of
from tests.e2e.conftest import eventually, only, processes
from tests.e2e.killer import Killer, grpc_proxy, http_proxy
from tests.long_forms import size

TABLES = {"api_keys", "cloud_credentials", "pipeline_runs", "step_logs", "dq_results", "tenant"}
# Fewer would mean that the proxies see nothing.
LEAST_CALLS, LEAST_CALLS_OF_OFF_BOARDING = 12, 6
KILLS = size("ONBOARDING_KILLS")
A_FEW = 4
pytestmark = pytest.mark.timeout(3_600 if KILLS == "all" else 280)


def kill_points(calls: int) -> list[int]:
    """After which of so many calls to kill, counted from 1."""
    if KILLS == "all":
        return list(range(1, calls + 1))
    if KILLS != "few":
        return [int(number) for number in KILLS.split(",")]
    return [1 + round(step * (calls - 1) / (A_FEW - 1)) for step in range(A_FEW)]


class Onboarding:
    """A stack whose api reaches BigQuery, KMS and SendGrid through proxies that kill it."""

    def __init__(self, ready: Ready, killer: Killer, platform: Platform) -> None:
        self.ready, self.killer, self.platform = ready, killer, platform

    def ask(self, tenant_id: str) -> httpx.Response | None:
        """The answer; None where there was none."""
        body = {"tenant_id": tenant_id, "admin_email": "admin@crash.example"}
        with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
            return self.platform.client.post("/api/v1/customers/onboard", json=body)
        return None

    def rows(self, table: str, tenant_id: str) -> list[dict[str, Any]]:
        return self.platform.rows(f"SELECT * FROM `{PROJECT}.{table}` WHERE tenant_id = '{tenant_id}'")

    def a_minute_passes(self, tenant_id: str) -> None:
        """End the lease that the killed call has left, which would end by itself."""
        for dataset in self.platform.warehouse.list_datasets(filter=f"labels.convergence_tenant:{tenant_id}"):
            found = self.platform.warehouse.get_dataset(dataset.reference)
            lease = found.labels.get("convergence_onboarding", "")
            if lease not in ("done", "0"):
                found.labels = {**found.labels, "convergence_onboarding": f"1-{lease.partition('-')[2]}"}
                self.platform.warehouse.update_dataset(found, ["labels"])


@pytest.fixture(scope="module")
def onboarding() -> Iterator[Onboarding]:
    group: list[int] = []

    def kill() -> None:
        """kill -9 to the api's worker; its parent, gunicorn, starts another one."""
        members = [(pid, parent) for pid, parent, leader, _ in processes() if leader == group[0]]
        parents = {parent for _, parent in members}
        for pid, _ in members:
            if pid not in parents:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = Killer(kill)
    with (
        http_proxy(killer, "bigquery") as bigquery,
        http_proxy(killer, "sendgrid") as sendgrid,
        grpc_proxy(killer, "kms") as kms,
    ):
        through = {"BIGQUERY_ENDPOINT": bigquery, "SENDGRID_ENDPOINT": sendgrid, "KMS_ENDPOINT": kms}
        api = replace(FUNCTIONS[0], settings={**FUNCTIONS[0].settings, **through})
        with (
            Stack(Options(port=0, functions=(api, *only("run_pipeline")), sample=False)) as ready,
            client_of(ready.api, ready.bigquery, ready.sendgrid) as platform,
        ):
            killer.upstream.update(
                bigquery=ready.bigquery.removeprefix("http://"),
                sendgrid=ready.sendgrid.removeprefix("http://"),
                kms=ready.kms,
            )
            group.append(ready.pids["api"])
            yield Onboarding(ready, killer, platform)


def test_killed_after_one_of_its_calls_the_same_call_completes_it(onboarding: Onboarding) -> None:
    here, admin = onboarding, {"X-Admin-Key": onboarding.ready.admin_key}
    here.killer.arm(0)
    whole = here.ask("whole_1234")
    assert whole is not None
    assert whole.status_code == 201, whole.text
    calls = list(here.killer.names)
    assert len(calls) >= LEAST_CALLS, calls
    assert any("Encrypt" in name for name in calls)

    for number in kill_points(len(calls)):
        tenant_id, where = f"crash{number}_1234", f"after call {number} of {calls}"
        here.killer.arm(number)
        lost = here.ask(tenant_id)
        here.killer.arm(0)
        assert lost is None, (where, lost and lost.text)
        here.a_minute_passes(tenant_id)
        eventually(lambda: here.platform.client.get("/healthz").status_code == 200)

        again = here.ask(tenant_id)

        assert again is not None, where
        if again.status_code == 409:  # it was complete, only its answer was lost: the operator rotates
            assert again.json()["code"] == "already_onboarded", (where, again.text)
            keys = f"/api/v1/customers/{tenant_id}/api-keys"
            again = here.platform.client.post(keys, headers=admin, json={"grace_s": 0})
        assert again.status_code == 201, (where, again.text)
        key = again.json()["api_key"]
        listed = here.platform.client.get(f"/api/v1/customers/{tenant_id}/api-keys", headers={"X-API-Key": key})
        assert listed.status_code == 200, (where, listed.text)
        good = [one for one in listed.json()["api_keys"] if one["status"] in ("active", "grace")]
        assert len(good) == 1, where
        tables = {each.table_id for each in here.platform.warehouse.list_tables(f"{PROJECT}.{tenant_id}")}
        assert tables == {f"x_meta_{name}" for name in TABLES}, where
        assert len(here.rows("convergence__control.x_meta_tenants", tenant_id)) == 1, where
        assert len(here.rows(f"{tenant_id}.x_meta_tenant", tenant_id)) == 1, where
        assert here.rows("convergence__control.x_meta_audit", tenant_id) or number == 1, where


def test_off_boarding_killed_after_one_of_its_calls_is_completed_by_the_same_call(onboarding: Onboarding) -> None:
    here = onboarding
    here.killer.arm(0)
    here.platform.onboard("stay_12345")

    def off_board(tenant_id: str) -> httpx.Response | None:
        with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
            headers = {"X-Admin-Key": here.ready.admin_key}
            return here.platform.client.delete(f"/api/v1/customers/{tenant_id}", headers=headers)
        return None

    here.platform.onboard("stay_0000")
    here.killer.arm(0)
    whole = off_board("stay_0000")
    assert whole is not None
    assert whole.status_code == 200, whole.text
    calls = list(here.killer.names)
    assert len(calls) >= LEAST_CALLS_OF_OFF_BOARDING, calls

    for number in kill_points(len(calls)):
        tenant_id, where = f"stay_{number:04}", f"after call {number} of {calls}"
        here.platform.onboard(tenant_id)
        here.killer.arm(number)
        lost = off_board(tenant_id)
        here.killer.arm(0)
        assert lost is None, (where, lost and lost.text)
        eventually(lambda: here.platform.client.get("/healthz").status_code == 200)
        again = off_board(tenant_id)
        assert again is not None, where
        # Unknown: all was done, only the answer was lost.
        assert again.status_code == 200 or again.json()["code"] == "tenant_unknown", (where, again.text)
        left = {each.dataset_id for each in here.platform.warehouse.list_datasets()}
        assert not any(name == tenant_id or name.startswith(f"{tenant_id}_") for name in left), where
        assert here.rows("convergence__control.x_meta_tenants", tenant_id) == [], where
    assert "stay_12345" in left
    assert len(here.rows("convergence__control.x_meta_tenants", "stay_12345")) == 1


def test_a_killed_call_is_told_to_wait_for_its_lease(onboarding: Onboarding) -> None:
    onboarding.killer.arm(6)
    assert onboarding.ask("leased_1234") is None
    onboarding.killer.arm(0)
    eventually(lambda: onboarding.platform.client.get("/healthz").status_code == 200)
    refused = onboarding.ask("leased_1234")
    assert refused is not None
    assert (refused.status_code, refused.json()["code"]) == (409, "onboarding_in_progress")
    assert int(refused.headers["Retry-After"]) == 60


def test_of_many_calls_at_once_exactly_one_shows_a_key(onboarding: Onboarding) -> None:
    onboarding.killer.arm(0)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: onboarding.ask("crowd_1234"), range(6)))
    said = [answer.json() for answer in answers if answer is not None]
    keys = [one["api_key"] for one in said if "api_key" in one]
    assert len(said) == 6
    assert len(keys) == 1
    assert {one["code"] for one in said if "code" in one} <= {"onboarding_in_progress", "already_onboarded"}
    assert onboarding.platform.start(Tenant("crowd_1234", keys[0]), COST_BILLING, date="2025-11-15").status_code == 202
    assert len(onboarding.rows("convergence__control.x_meta_tenants", "crowd_1234")) == 1
