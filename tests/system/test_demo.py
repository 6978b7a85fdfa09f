"""One demo run through a deployed platform's own API: a tenant comes, runs a template, and goes with all that it has.

Mails that the platform sends on the way (the welcome, a failure's) go to an address below `.example`, which is nobody's
(RFC 2606).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from test_utils.retry import RetryResult

from tests.system.admin_api import CALL_TIMEOUT_S, AdminApi
from tests.system.project import Project
from tests.system.target import Target

# A quarter of a second between tries, then ever more: about 7 minutes in all, in which a run of one query ends.
PATIENT: dict[str, Any] = {"max_tries": 24, "delay": 0.25, "backoff": 1.3}


class Demo:
    """The operator's calls, and those of tenants by their keys."""

    def __init__(self, admin: AdminApi, api: httpx.Client) -> None:
        self.admin, self._api = admin, api

    def start(self, tenant_id: str, target: Target, *, key: str) -> httpx.Response:
        """Ask for the run of the day, under the same idempotency key each time."""
        return self._api.post(
            f"/api/v1/pipelines/run/{tenant_id}/{target.template}",
            json={"date": target.date, "trigger_by": "system test"},
            headers={"X-API-Key": key, "Idempotency-Key": f"system-{tenant_id}"},
        )

    def ended(self, status_url: str, *, key: str) -> dict[str, Any]:
        """How the run ended. Raises BackoffFailed where it does not."""

        def has_ended(run: dict[str, Any]) -> bool:
            return run["status"] not in ("QUEUED", "RUNNING")

        def look() -> dict[str, Any]:
            found: dict[str, Any] = self._api.get(status_url, headers={"X-API-Key": key}).raise_for_status().json()
            return found

        run: dict[str, Any] = RetryResult(has_ended, **PATIENT)(look)()
        return run


@pytest.fixture
def demo(target: Target) -> Iterator[Demo]:
    platform = target.platform
    if platform is None:
        pytest.skip("SYSTEM_API_URL and SYSTEM_ADMIN_URL are not set: there is no deployed platform to run the demo on")
    with AdminApi(platform) as admin, httpx.Client(base_url=platform.api_url, timeout=CALL_TIMEOUT_S) as api:
        yield Demo(admin, api)


def test_a_tenant_comes_runs_a_template_and_goes(demo: Demo, project: Project, target: Target) -> None:
    tenant_id, other_id = project.name(), project.name()
    with ExitStack() as cleanup:
        for one in (tenant_id, other_id):
            cleanup.callback(demo.admin.off_board, one, force=True)
        key, other_key = demo.admin.onboard(tenant_id), demo.admin.onboard(other_id)

        accepted = demo.start(tenant_id, target, key=key)
        assert accepted.status_code == 202, accepted.text
        run = demo.ended(accepted.json()["status_url"], key=key)
        assert run["status"] == "SUCCEEDED", run

        again = demo.start(tenant_id, target, key=key)
        assert again.json()["pipeline_logging_id"] == accepted.json()["pipeline_logging_id"]
        assert demo.start(tenant_id, target, key=other_key).status_code == 403

        datasets = project.datasets()
        assert tenant_id in datasets, f"SYSTEM_PROJECT ({target.project}) is not the project of tenants' datasets"
        for one in (tenant_id, other_id):
            answer = demo.admin.off_board(one)
            assert answer.status_code == 200, answer.text
            assert one in [removed["dataset"] for removed in answer.json()["datasets"]]
            assert demo.admin.find(one).status_code == 404
            assert datasets_left(project, one) == []


def datasets_left(project: Project, tenant_id: str) -> list[str]:
    """The tenant's datasets that are still listed, once the list has had the time to follow."""

    def is_none(left: list[str]) -> bool:
        return not left

    def look() -> list[str]:
        return [name for name in project.datasets() if name.startswith(tenant_id)]

    left: list[str] = RetryResult(is_none, **PATIENT)(look)()
    return left
