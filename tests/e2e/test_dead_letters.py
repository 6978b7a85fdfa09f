"""A run whose every delivery kills the function, and what other systems publish: through the whole stack."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.functions import FUNCTIONS, ROOT
from local.stack import Options, Ready, Stack
from tests.e2e.client import COST_BILLING, Platform, Tenant, client_of
from tests.e2e.conftest import eventually

DEADLY = """
pipeline_id: "{tenant_id}-deadly"
steps:
  - step_id: deadly
    ps_type: shared.email_notification
    to_emails: ["{admin_email}"]
    subject: "deadly mail"
    message: "-"
  - step_id: alarm
    ps_type: shared.email_notification
    trigger: on_failure
    to_emails: ["{admin_email}"]
    subject: "alarm: {failed_step} {error_code}"
    message: "-"
"""
# run_pipeline, which dies at once and unseen where it would send a certain mail, for as long as a file is there.
FRAGILE = """
import os
from pathlib import Path

from functions.run_pipeline.main import run_pipeline
from shared.adapters.sendgrid import SendGridMailer

send = SendGridMailer.send


def send_or_die(self, mail):
    if mail.subject == "deadly mail" and Path({broken!r}).exists():
        os._exit(9)
    send(self, mail)


SendGridMailer.send = send_or_die
"""


class Broken:
    """A stack whose run_pipeline dies of one template, until it is mended."""

    def __init__(self, ready: Ready, platform: Platform, tenant: Tenant, mark: Path) -> None:
        self.ready, self.platform, self.tenant, self._mark = ready, platform, tenant, mark

    def mend(self) -> None:
        self._mark.unlink()


@contextmanager
def broken_stack(folder: Path) -> Iterator[Broken]:
    configs = Path(shutil.copytree(ROOT / "configs", folder / "configs"))
    (configs / "test" / "e2e").mkdir(parents=True)
    (configs / "test" / "e2e" / "deadly.yml").write_text(DEADLY)
    fragile, mark = folder / "fragile", folder / "broken"
    fragile.mkdir()
    mark.touch()
    (fragile / "main.py").write_text(FRAGILE.format(broken=str(mark)))
    functions = tuple(replace(one, source=str(fragile)) if one.name == "run_pipeline" else one for one in FUNCTIONS)
    ready_file = folder / "stack.json"
    options = Options(
        port=0, configs=configs, functions=functions, sample=False, ready_file=ready_file, most_backoff_s=0.5
    )
    with Stack(options) as ready, client_of(ready.api, ready.bigquery, ready.sendgrid) as platform:
        yield Broken(ready, platform, platform.onboard("acmeinc_23xv2"), mark)


def pushed(platform: Platform) -> int:
    """Messages that push subscriptions hold; dead letters are also kept, in a subscription that nobody pushes."""
    subscriptions = httpx.get(f"{platform.sendgrid}/pubsub").json()["subscriptions"]
    return sum(one["unacked"] for name, one in subscriptions.items() if not name.endswith("-kept"))


@pytest.mark.timeout(180)
def test_a_run_that_kills_the_function_at_every_delivery_is_dead_its_people_told_and_replayed_once_mended(
    tmp_path: Path,
) -> None:
    with broken_stack(tmp_path) as broken:
        platform, tenant = broken.platform, broken.tenant
        assert "dead_letter" in broken.ready.pids
        dead = platform.run(tenant, "test/e2e/deadly")
        assert (dead["status"], dead["error_code"]) == ("DEAD", "delivery_exhausted")
        eventually(lambda: platform.mails("alarm"), 20)
        eventually(lambda: platform.mails("Convergence: "), 20)
        assert [mail["subject"] for mail in platform.mails("alarm")] == ["alarm: deadly delivery_exhausted"]
        (told,) = platform.mails("Convergence: messages of pipeline-runs-push")
        assert told["to"] == ["operator@example.com"]
        (kept,) = platform.rows("SELECT * FROM convergence__control.x_meta_dead_letters")
        assert (kept["pipeline_logging_id"], kept["deliveries"]) == (dead["pipeline_logging_id"], 5)
        eventually(lambda: not pushed(platform), 20)

        broken.mend()
        command = ["replay", "--run", dead["pipeline_logging_id"], "--stack", str(tmp_path / "stack.json")]
        done = subprocess.run(
            [sys.executable, "-m", "cli", *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.endswith(f" repeats {dead['pipeline_logging_id']}\nrun again: 1\n")

        listed = platform.client.get(
            f"/api/v1/pipelines/runs/{tenant.tenant_id}", headers={"X-API-Key": tenant.key}
        ).json()["runs"]
        (again,) = [run for run in listed if run["previous_run"] == dead["pipeline_logging_id"]]
        status_url = f"/api/v1/pipelines/status/{tenant.tenant_id}/{again['pipeline_logging_id']}"
        ended = platform.ended(tenant, {"status_url": status_url})
        assert (ended["status"], ended["run_attempt"]) == ("SUCCEEDED", 2)
        assert ended["previous_run"] == dead["pipeline_logging_id"]
        assert len(platform.mails("deadly mail")) == 1
        assert len(platform.mails("alarm")) == 1


@pytest.fixture(scope="module")
def platform(stack: Ready) -> Iterator[Platform]:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as client:
        yield client


def publish(stack: Ready, message: dict[str, Any]) -> None:
    """As docs/publish_run.py is run by another system."""
    command = ["docs/publish_run.py", stack.project, "pipeline-from-example", json.dumps(message)]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PUBSUB_EMULATOR_HOST": stack.pubsub},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().isdigit()


def found(platform: Platform, table: str, where: str) -> Callable[[], list[dict[str, Any]]]:
    return lambda: platform.rows(f"SELECT * FROM convergence__control.{table} WHERE {where}")


def test_another_system_gets_its_run_once_and_nothing_that_it_may_not_ask_for(stack: Ready, platform: Platform) -> None:
    tenant = platform.onboard("published_0001")
    provider, domain, template_name = COST_BILLING.split("/")
    wish = {
        "tenant_id": tenant.tenant_id,
        "provider": provider,
        "domain": domain,
        "template_name": template_name,
        "date": "2025-11-15",
        "idempotency_key": "billing-2025-11-15",
    }
    for _ in range(2):
        publish(stack, wish)
    publish(stack, {**wish, "trigger_by": "somebody else"})
    publish(stack, {**wish, "template_name": "cost_usage"})
    publish(stack, {**wish, "pipeline_logging_id": "0" * 32})

    of_tenant = f"tenant_id = '{tenant.tenant_id}' AND step_id IS NULL AND domain != ''"
    eventually(found(platform, "x_meta_runs", f"{of_tenant} AND status = 'SUCCEEDED'"), 30)
    refused = "ENDS_WITH(subscription, '/pipeline-from-example-push')"
    eventually(lambda: len({row["message_id"] for row in found(platform, "x_meta_rejected_messages", refused)()}) == 3)
    runs = found(platform, "x_meta_runs", of_tenant)()
    assert {run["pipeline_logging_id"] for run in runs} == {runs[0]["pipeline_logging_id"]}
    assert {run["trigger_by"] for run in runs if run["status"] in ("RUNNING", "SUCCEEDED")} == {"example"}
    codes = sorted(row["error_code"] for row in found(platform, "x_meta_rejected_messages", refused)())
    assert codes == ["idempotency_mismatch", "message_rejected", "message_rejected"]
