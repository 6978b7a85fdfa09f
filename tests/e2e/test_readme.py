"""Every command of the README, and every curl of the original description, works as written."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.functions import ROOT
from tests.e2e.conftest import eventually

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        shutil.which("curl") is None, reason="the README's commands are curls, and there is no curl here"
    ),
]

README = (ROOT / "README.md").read_text()
# From the original description, character for character but for the keys, which the onboarding answers.
ORIGINAL = {
    "onboard_acme": """\
curl -X POST "http://localhost:8080/api/v1/customers/onboard" \\
  -H "Content-Type: application/json" \\
  -d '{
    "tenant_id": "acmeinc_23xv2",
    "admin_email": "admin@acmeinc.com"
  }'
""",
    "onboard_techcorp": """\
curl -X POST "http://localhost:8080/api/v1/customers/onboard" \\
  -H "Content-Type: application/json" \\
  -d '{
    "tenant_id": "techcorp_99zx4",
    "admin_email": "admin@techcorp.com"
  }'
""",
    "override": """\
curl -X POST "http://localhost:8080/api/v1/pipelines/run/acmeinc_23xv2/gcp/cost/cost_billing" \\
  -H "X-API-Key: acmeinc_23xv2_api_xxxxx" \\
  -d '{
    "date": "2025-11-15",
    "admin_email": "custom-admin@acmeinc.com"
  }'
""",
    "run_acme": """\
curl -X POST "http://localhost:8080/api/v1/pipelines/run/acmeinc_23xv2/gcp/cost/cost_billing" \\
  -H "X-API-Key: acmeinc_23xv2_api_Kx9mPqR7sT2nV8wZ" \\
  -H "Content-Type: application/json" \\
  -d '{
    "date": "2025-11-15",
    "trigger_by": "finance_team",
    "admin_email": "finance@acmeinc.com"
  }'
""",
    "run_techcorp": """\
curl -X POST "http://localhost:8080/api/v1/pipelines/run/techcorp_99zx4/gcp/cost/cost_billing" \\
  -H "X-API-Key: techcorp_99zx4_api_Lm3nWxY4pQ9rS6vT" \\
  -H "Content-Type: application/json" \\
  -d '{
    "date": "2025-11-15",
    "trigger_by": "cfo_dashboard"
  }'
""",
    "status": """\
curl -X GET "http://localhost:8080/api/v1/pipelines/status/acmeinc_23xv2/{pipeline_logging_id}" \\
  -H "X-API-Key: acmeinc_23xv2_api_Kx9mPqR7sT2nV8wZ"
""",
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """`make up` on a free port; the address of the API."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "local", "up", "--port", "0", "--ready-file", str(ready)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as up:
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                assert up.poll() is None, "make up ended"
                assert time.monotonic() < deadline, "make up is not ready after 60 s"
                time.sleep(0.05)
            yield json.loads(ready.read_text())["api"]
        finally:
            up.send_signal(signal.SIGINT)
            assert up.wait(20) == 0


def shell(command: str, api: str, **environment: str) -> dict[str, Any]:
    """What a command answers; the address is the only thing that differs from the text."""
    command = command.replace("http://localhost:8080", api)
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ended(api: str, path: str, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run: dict[str, Any] = httpx.get(f"{api}{path}", headers={"X-API-Key": key}).json()
        if run["status"] not in ("QUEUED", "RUNNING"):
            return run
        time.sleep(0.05)
    raise AssertionError(f"{path} did not end")


def batch_ended(api: str, batch_id: str, admin_key: str) -> None:
    def status() -> bool:
        url = f"{api}/api/v1/pipelines/batch/{batch_id}"
        return bool(httpx.get(url, headers={"X-Admin-Key": admin_key}).json()["status"] == "ENDED")

    eventually(status, 60)


def assert_shaped_like(answer: Any, example: Any) -> None:
    """Whether the example's fields are in the answer; ids, keys and addresses differ, words do not."""
    if isinstance(example, dict):
        for name, value in example.items():
            assert name in answer, name
            if name not in ("api_key", "batch_id", "pipeline_logging_id", "status_url"):
                assert_shaped_like(answer[name], value)
    elif isinstance(example, list):
        assert len(answer) == len(example)
        for item, expected in zip(answer, example, strict=True):
            assert_shaped_like(item, expected)
    else:
        assert answer == example


def test_the_commands_of_the_readme_answer_what_it_shows(api, tmp_path):
    blocks = re.findall(r"^```(bash|json)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    environment: dict[str, str] = {"ADMIN_KEY": json.loads((tmp_path / "ready.json").read_text())["admin_key"]}
    answer: dict[str, Any] = {}
    ran = 0
    for language, text in blocks:
        if language == "json":
            assert_shaped_like(answer, json.loads(text))
            continue
        if "$PIPELINE_LOGGING_ID" in text:
            path = f"/api/v1/pipelines/status/acmeinc_23xv2/{environment['PIPELINE_LOGGING_ID']}"
            ended(api, path, environment["ACME_KEY"])
        if "$BATCH_ID" in text:
            batch_ended(api, environment["BATCH_ID"], environment["ADMIN_KEY"])
        answer = shell(text, api, **environment)
        ran += 1
        if answer.get("tenant_id") == "acmeinc_23xv2" and "api_key" in answer:
            environment["ACME_KEY"] = answer["api_key"]
        if "batch_id" in answer:
            environment["BATCH_ID"] = answer["batch_id"]
        elif "status_url" in answer:
            environment["PIPELINE_LOGGING_ID"] = answer["pipeline_logging_id"]
    assert ran >= 5


def test_the_operators_commands_print_what_the_readme_shows(api, tmp_path):
    for name in ("onboard_acme", "onboard_techcorp"):
        shell(ORIGINAL[name], api)
    consoles = re.findall(r"^```console\n\$ python (-m cli batch .*)\n((?:.*\n)*?)^```", README, re.MULTILINE)
    for command, shown in consoles:
        arguments = [sys.executable, *shlex.split(command), "--stack", str(tmp_path / "ready.json")]
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.endswith(shown), done.stdout
    assert len(consoles) == 1


def test_the_authors_commands_print_what_the_readme_shows(api, tmp_path):
    shell(ORIGINAL["onboard_acme"], api)
    consoles = re.findall(r"^```console\n\$ (make (?:templates|preview).*)\n((?:.*\n)*?)^```", README, re.MULTILINE)
    for command, shown in consoles:
        # The stamp is not what is tested, and this test's stack has its ready file elsewhere.
        arguments = [*shlex.split(command), "--silent", "--old-file=.venv/stamp", f"STACK={tmp_path / 'ready.json'}"]
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        # Numbers (lines, schemas, bytes) are of the day on which they were pasted.
        lines = iter(re.sub(r"\d+", "0", done.stdout).splitlines())
        for expected in shown.splitlines():
            assert re.sub(r"\d+", "0", expected) in lines, (
                f"{command} does not print, at this place: {expected}\n{done.stdout}"
            )
    assert len(consoles) == 2


def test_the_curls_of_the_original_description_work_as_written(api):
    def with_key(name: str, key: str) -> str:
        return re.sub(r"(acmeinc_23xv2|techcorp_99zx4)_api_\w+", key, ORIGINAL[name])

    acme = shell(ORIGINAL["onboard_acme"], api)["api_key"]
    techcorp = shell(ORIGINAL["onboard_techcorp"], api)["api_key"]
    runs = [
        (acme, shell(with_key("run_acme", acme), api)),
        (acme, shell(with_key("override", acme), api)),
        (techcorp, shell(with_key("run_techcorp", techcorp), api)),
    ]

    for key, accepted in runs:
        run = ended(api, accepted["status_url"].removeprefix(api), key)
        assert run["status"] == "SUCCEEDED", run
    status = with_key("status", acme).replace("{pipeline_logging_id}", runs[0][1]["pipeline_logging_id"])
    assert shell(status, api)["rows_written"] == 323
