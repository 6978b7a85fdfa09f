"""Many tenants from a CSV, end to end: killed and started again, every tenant has one working key or is named."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from local.functions import PROJECT, ROOT
from local.stack import Ready
from tests.e2e.client import Platform, client_of
from tests.e2e.conftest import eventually
from tests.long_forms import size

# `make test.long FORMS=onboard` does it with more.
TENANTS = int(size("ONBOARD_TENANTS"))
ENDS_WITHIN_S = 240 + TENANTS
pytestmark = pytest.mark.timeout(ENDS_WITHIN_S * 3)
GUIDE = (ROOT / "docs" / "api.md").read_text()
# How the guide calls it.
COMMAND = "convergence"


class Operator:
    """Somebody with a folder, the address of the API, and the admin key in the environment."""

    def __init__(self, folder: Path, ready: Ready, platform: Platform) -> None:
        self.folder, self.ready, self.platform = folder, ready, platform

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        own = {"API_URL": self.ready.api, "ADMIN_KEY": self.ready.admin_key, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=self.folder,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        with self.start(*arguments) as process:
            said, _ = process.communicate(timeout=ENDS_WITHIN_S)
        return process.returncode, said

    def write(self, tenants: list[str]) -> None:
        lines = [f"{tenant_id},admin@{tenant_id.partition('_')[0]}.example,eu" for tenant_id in tenants]
        (self.folder / "tenants.csv").write_text("\n".join(["tenant_id,admin_email,variable:region", *lines, ""]))

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def keys(self) -> dict[str, str]:
        """The last key of each tenant."""
        return {row["tenant_id"]: row["api_key"] for row in self.rows("tenants.keys.csv")}

    def kept(self) -> int:
        file = self.folder / "tenants.keys.csv"
        return file.read_text().count("\n") - 1 if file.exists() else 0

    def assert_good(self, tenant_id: str) -> None:
        """The key in the file is the tenant's only one."""
        headers = {"X-API-Key": self.keys[tenant_id]}
        answer = self.platform.client.get(f"/api/v1/customers/{tenant_id}/api-keys", headers=headers)
        assert answer.status_code == 200, (tenant_id, answer.text)
        good = [one for one in answer.json()["api_keys"] if one["status"] in ("active", "grace")]
        assert len(good) == 1, (tenant_id, answer.text)


@pytest.fixture
def operator(tmp_path: Path, stack: Ready) -> Any:
    with client_of(stack.api, stack.bigquery, stack.sendgrid) as platform:
        yield Operator(tmp_path, stack, platform)


def many(word: str, count: int = TENANTS) -> list[str]:
    return [f"{word}{number:04}_0001" for number in range(count)]


def test_killed_in_the_middle_and_started_again_every_tenant_has_one_key_or_is_named(operator: Operator) -> None:
    tenants = many("killed")
    operator.write(tenants)
    with operator.start("onboard", "tenants.csv", "--rate=1000", "--at-once=8") as process:
        eventually(lambda: operator.kept() >= TENANTS // 3, ENDS_WITHIN_S)
        process.kill()
    assert operator.kept() < TENANTS

    status, said = operator.run("onboard", "tenants.csv", "--rate=1000", "--at-once=8")

    assert "_api_" not in said
    lost = {row["tenant_id"] for row in operator.rows("tenants.failed.csv")} if status else set()
    assert set(operator.keys) | lost == set(tenants), said
    assert not set(operator.keys) & lost
    assert len(operator.keys) == operator.kept()
    assert len(lost) <= 8
    if lost:
        command = re.search(r"To give each a new key: convergence (.*)", said)
        assert command, said
        assert set(shlex.split(command[1])) >= lost
        assert operator.run(*shlex.split(command[1]))[0] == 0
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(operator.assert_good, tenants))
    known = f"{TENANTS:,} have a key in tenants.keys.csv: they are not asked for again\n"
    assert operator.run("onboard", "tenants.csv") == (0, f"{known}tenants.csv: {TENANTS:,} were there\n")
    registered = operator.platform.rows(
        f"SELECT tenant_id FROM `{PROJECT}.convergence__control.x_meta_tenants` WHERE STARTS_WITH(tenant_id, 'killed')"
    )
    assert sorted(row["tenant_id"] for row in registered) == tenants


def test_ctrl_c_loses_no_key_and_the_same_command_goes_on(operator: Operator) -> None:
    tenants = many("stopped", 12)
    operator.write(tenants)
    with operator.start("onboard", "tenants.csv", "--rate=1000", "--at-once=2") as process:
        eventually(lambda: operator.kept() >= 3, 200)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Stopping, when the calls in flight are answered" in said
    assert "To go on: convergence onboard tenants.csv" in said
    before = operator.kept()
    assert f"{12 - before} not begun" in said
    for tenant_id in operator.keys:
        operator.assert_good(tenant_id)
    status, said = operator.run("onboard", "tenants.csv", "--rate=1000")
    assert status == 0, said
    assert f"{12 - before} onboarded, {before} were there" in said
    assert set(operator.keys) == set(tenants)


def test_what_is_refused_can_be_mended_and_onboarded(operator: Operator) -> None:
    strange = bigquery.Dataset(f"{PROJECT}.strange_0001")
    operator.platform.warehouse.create_dataset(strange)
    operator.write(["strange_0001", "mended_0001"])
    status, said = operator.run("onboard", "tenants.csv", "--rate=1000")
    assert status == 1
    assert "tenants.csv: 1 onboarded, 1 failed\n  tenant_id_refused: 1, on line 2: " in said
    assert [row["tenant_id"] for row in operator.rows("tenants.failed.csv")] == ["strange_0001"]

    operator.platform.warehouse.delete_dataset(strange)
    status, said = operator.run("onboard", "tenants.failed.csv", "--rate=1000")

    assert status == 0, said
    assert set(operator.keys) == {"strange_0001", "mended_0001"}
    found = operator.platform.client.get(
        "/api/v1/customers/strange_0001", headers={"X-Admin-Key": operator.ready.admin_key}
    )
    assert found.json()["variables"] == {"region": "eu"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tenant_id,admin_email\nWrong,a@b.example\n", "tenants.csv:2 tenant_id"),
        (
            "tenant_id,admin_email,enabled_templates\nunsent_0001,a@b.example,gcp/cost/cost\n",
            "no template 'gcp/cost/cost'",
        ),
    ],
)
def test_a_wrong_line_is_named_before_anything_is_sent(operator: Operator, text: str, said: str) -> None:
    (operator.folder / "tenants.csv").write_text(text)
    status, shown = operator.run("onboard", "tenants.csv")
    assert status == 1
    assert said in shown
    assert not (operator.folder / "tenants.keys.csv").exists()


def test_a_wrong_admin_key_stops_it_at_once(operator: Operator) -> None:
    operator.write(many("keyless", 3))
    wrong = Operator(operator.folder, Ready(**{**vars(operator.ready), "admin_key": "wrong"}), operator.platform)
    status, said = wrong.run("onboard", "tenants.csv")
    assert status == 1
    assert "401" in said
    assert operator.kept() == 0


def test_the_commands_of_the_guide_print_what_it_shows(operator: Operator) -> None:
    section = GUIDE.partition("## Onboard many tenants\n")[2].partition("\n## ")[0]
    (listed,) = re.findall(r"^```csv\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    (operator.folder / "tenants.csv").write_text(listed)
    ready = {"api": operator.ready.api, "admin_key": operator.ready.admin_key}
    (operator.folder / ".local").mkdir()
    (operator.folder / ".local" / "stack.json").write_text(json.dumps(ready))
    environment = {name: value for name, value in os.environ.items() if name not in ("API_URL", "ADMIN_KEY")}
    ran = 0
    for block in re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        for command, shown in re.findall(rf"^\$ {COMMAND} (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE):
            done = subprocess.run(
                [sys.executable, "-m", "cli", *shlex.split(command)],
                cwd=operator.folder,
                env={**environment, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=False,
                timeout=200,
            )
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert shown in done.stdout, command
            ran += 1
    assert ran == 5
