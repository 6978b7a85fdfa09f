"""Batches over the API and the command line: killed in the middle, watched, failed, retried, closed.

`make test.long FORMS=batch` does it with a batch of ten thousand tenants.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.functions import ROOT
from local.stack import Options, Ready, Stack
from tests.e2e.client import Platform, client_of
from tests.e2e.conftest import eventually, only
from tests.e2e.killer import Killer, grpc_proxy
from tests.e2e.many_tenants import make, tenant_ids
from tests.long_forms import size

TENANTS = int(size("BATCH_TENANTS"))
ENDS_WITHIN_S = 120 + TENANTS / 4
pytestmark = pytest.mark.timeout(60 + 2 * ENDS_WITHIN_S)  # what one test waits for, one after the other
WRONG = "many000001_0001"
# A run that does nothing, and one that fails for one tenant.
QUICK = """
pipeline_id: "{tenant_id}-quick"
steps:
  - step_id: tell
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{operator_email}"]
    subject: "{tenant_id} failed"
    message: "{date}"
"""
DIVIDING = """
pipeline_id: "{tenant_id}-dividing"
variables:
  dividend: 1
steps:
  - step_id: divide
    ps_type: gcp.bigquery_to_bigquery
    source: {query: "SELECT {dividend} / IF('{tenant_id}' = 'many000001_0001', DIVISOR, 1) AS n"}
    destination: {dataset_type: test_out, table: quotient}
"""


class World:
    """A stack with many tenants; fan_out reaches Pub/Sub through a proxy that can kill it."""

    def __init__(self, folder: Path, ready: Ready, platform: Platform, killer: Killer) -> None:
        self.folder, self.ready, self.platform, self.killer = folder, ready, platform, killer
        self.ready_file, self.template = folder / "ready.json", folder / "configs" / "test" / "e2e" / "dividing.yml"

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"X-Admin-Key": self.ready.admin_key, **given.pop("headers", {})}
        return self.platform.client.request(method, f"/api/v1/pipelines/batch{path}", headers=headers, **given)

    def ended(self, batch_id: str) -> dict[str, Any]:
        def shown() -> dict[str, Any]:
            time.sleep(TENANTS / 10_000)  # a look costs a query over all runs
            answer = self.call("GET", f"/{batch_id}", timeout=300)
            if answer.status_code == 503:
                return {}  # the embedded BigQuery is slow to answer while thousands of runs stream into it
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found if found["status"] == "ENDED" else {}

        ended: dict[str, Any] = eventually(shown, ENDS_WITHIN_S)
        return ended

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cli", "batch", f"--stack={self.ready_file}", *arguments]

    def cli(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=ENDS_WITHIN_S
        )
        assert done.stderr == ""
        assert "\x1b" not in done.stdout, "no colours without a terminal"
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("batches")
    configs = Path(shutil.copytree(ROOT / "configs", folder / "configs")) / "test" / "e2e"
    configs.mkdir(parents=True)
    (configs / "quick.yml").write_text(QUICK)
    (configs / "dividing.yml").write_text(DIVIDING.replace("DIVISOR", "0"))
    group: list[int] = []

    def kill() -> None:
        killer.arm(0)
        os.killpg(group[0], signal.SIGKILL)

    killer = Killer(kill)
    with grpc_proxy(killer, "pubsub") as pubsub:
        functions = tuple(
            replace(one, settings={**one.settings, "PUBSUB_EMULATOR_HOST": pubsub}) if one.name == "fan_out" else one
            for one in only("api", "run_pipeline_bulk", "fan_out", "dead_letter")
        )
        options = Options(
            port=0,
            configs=folder / "configs",
            functions=functions,
            sample=False,
            ready_file=folder / "ready.json",
            reconcile_every_s=5.0,  # 900 without
        )
        with (
            Stack(options) as ready,
            client_of(ready.api, ready.bigquery, ready.sendgrid) as platform,
        ):
            killer.upstream["pubsub"] = ready.pubsub
            group.append(ready.pids["fan_out"])
            make(platform.warehouse, tenant_ids(TENANTS))
            yield World(folder, ready, platform, killer)


def test_a_batch_whose_fan_out_is_killed_in_the_middle_has_each_run_once(world: World) -> None:
    body = {"provider": "test", "domain": "e2e", "template_name": "quick", "date": "2025-11-15"}
    world.killer.arm(max(TENANTS // 2_000, 1))  # the publish that ends the first half
    answers = [world.call("POST", "", json=body, headers={"Idempotency-Key": "the-night"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    batch_id = answers[0].json()["batch_id"]

    batch = world.ended(batch_id)

    assert world.killer.armed == 0, "it was killed"
    assert (batch["expected"], batch["published"], batch["succeeded"]) == (TENANTS, TENANTS, TENANTS)
    assert (batch["failures"], batch["missing"]) == ([], 0)
    (row,) = world.platform.rows(
        "SELECT COUNT(DISTINCT pipeline_logging_id) AS runs, COUNT(DISTINCT tenant_id) AS tenants"
        f" FROM convergence__control.x_meta_runs WHERE batch_id = '{batch_id}'"
    )
    assert (row["runs"], row["tenants"]) == (TENANTS, TENANTS)
    eventually(lambda: world.platform.unacknowledged() == 0, ENDS_WITHIN_S)


def test_reconciliation_closes_what_has_ended(world: World) -> None:
    body = {"provider": "test", "domain": "e2e", "template_name": "quick", "date": "2025-11-14", "tenants": [WRONG]}
    batch_id = world.call("POST", "", json=body).json()["batch_id"]
    assert world.ended(batch_id)["succeeded"] == 1
    eventually(lambda: world.call("GET", f"/{batch_id}").json()["closed_at"], 30)
    eventually(lambda: world.platform.unacknowledged() == 0, ENDS_WITHIN_S)


def test_what_is_not_accepted_is_said_and_starts_nothing(world: World) -> None:
    before = world.platform.rows("SELECT COUNT(*) AS n FROM convergence__control.x_meta_batches")
    body = {"provider": "test", "domain": "e2e", "template_name": "dividing", "date": "2025-11-15"}
    for change, status, said in (
        ({"template_name": "dividin"}, 404, "test/e2e/dividing"),
        ({"variables": {"dividnd": 1}}, 400, "body.variables.dividnd"),
        ({"variables": {"dividend": "x"}}, 400, "body.variables.dividend"),
        ({"tenants": [WRONG, "nobody_0000"]}, 400, "nobody_0000"),
        ({"date": None, "from": "2025-11-01"}, 400, "from and to go together"),
        ({"provider": "gcp", "domain": "cost", "template_name": "cost_billing", "date": None}, 400, "body.date"),
    ):
        answer = world.call("POST", "", json={**body, **change})
        assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert world.platform.rows("SELECT COUNT(*) AS n FROM convergence__control.x_meta_batches") == before


def test_the_command_starts_shows_fails_and_retries(world: World, tmp_path: Path) -> None:
    named = tmp_path / "tenants.txt"
    named.write_text("".join(f"{one}  # of a test\n" for one in tenant_ids(3)) + "\n")
    dividing = ("test/e2e/dividing", "--date=2025-11-15", f"--tenants={named}", "--variable=dividend=5")

    status, shown = world.cli(*dividing)
    batch_id = shown.split()[1]
    assert status == 1, shown
    assert "ENDED: 3 of 3 published, 0 queued, 0 running, 2 succeeded, 1 failed" in shown
    assert f"  query_failed: 1 run: {WRONG}" in shown
    assert f"convergence batch --retry {batch_id}" in shown

    world.template.write_text(DIVIDING.replace("DIVISOR", "2"))
    status, shown = world.cli(f"--retry={batch_id}")
    assert status == 0, shown
    assert f"batch {batch_id}, attempt 2" in shown
    assert world.cli(f"--watch={batch_id}")[0] == 0
    assert world.cli("--watch=nobodys") == (1, "batch_not_found: no batch 'nobodys'\n")
    assert world.call("POST", f"/{batch_id}/retry").json()["code"] == "nothing_failed"
    attempts = world.platform.rows(
        "SELECT tenant_id, COUNT(DISTINCT pipeline_logging_id) AS runs FROM convergence__control.x_meta_runs"
        f" WHERE batch_id = '{batch_id}' GROUP BY tenant_id ORDER BY tenant_id"
    )
    assert [row["runs"] for row in attempts] == [1, 2, 1]


def test_a_backfill_has_a_run_for_each_tenant_and_day(world: World, tmp_path: Path) -> None:
    named = tmp_path / "tenants.txt"
    named.write_text("\n".join(tenant_ids(2)))
    status, shown = world.cli("test/e2e/quick", "--from=2025-10-30", "--to=2025-11-02", f"--tenants={named}")
    assert (status, "8 of 8 published, 0 queued, 0 running, 8 succeeded" in shown) == (0, True), shown


def test_the_command_says_what_was_refused(world: World) -> None:
    assert world.cli("--watch=" + "0" * 32)[0] == 1
    status, shown = world.cli("test/e2e/quik", "--date=2025-11-15")
    assert (status, "test/e2e/quick" in shown) == (1, True), shown
    status, shown = world.cli("test/e2e/quick", "--date=yesterday")
    assert (status, "body.date" in shown) == (1, True), shown


def test_ctrl_c_stops_watching_and_says_how_to_go_on(world: World) -> None:
    command = world.command("test/e2e/quick", "--date=2025-11-16")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        batch_id = watching.stdout.readline().split()[1]
        watching.stdout.readline()  # how it goes
        watching.send_signal(signal.SIGINT)
        said = watching.stdout.read()
        assert watching.wait(10) in (130, 0)
    if watching.returncode:
        assert f"convergence batch --watch {batch_id}" in said
    assert world.ended(batch_id)["succeeded"] == TENANTS
