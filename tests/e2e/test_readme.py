"""Every command of the README and the guides, and every curl of the original description, works as written."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.functions import ROOT
from tests.e2e.conftest import Up, eventually

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        shutil.which("curl") is None, reason="the commands of the pages are curls, and there is no curl here"
    ),
]

README = (ROOT / "README.md").read_text()
API, BATCHES, TEMPLATES = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("api", "batches", "templates"))
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


@pytest.fixture(scope="module")
def ready_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """That of `make up` on a free port."""
    stack = Up(tmp_path_factory.mktemp("readme"))
    try:
        stack.wait()
        yield stack.ready_file
    finally:
        assert stack.end(signal.SIGINT) == 0


@pytest.fixture
def api(ready_file: Path) -> Iterator[str]:
    """The address of the API, which has no tenant at the beginning and at the end of a test."""
    ready = json.loads(ready_file.read_text())
    yield ready["api"]
    with httpx.Client(base_url=ready["api"], headers={"X-Admin-Key": ready["admin_key"]}, timeout=60) as operator:
        for tenant_id in ("acmeinc_23xv2", "techcorp_99zx4"):
            left = operator.delete(f"/api/v1/customers/{tenant_id}", params={"force": "true"})
            assert left.status_code == 200 or left.json()["code"] == "tenant_unknown", left.text


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
    def run() -> dict[str, Any]:
        shown: dict[str, Any] = httpx.get(f"{api}{path}", headers={"X-API-Key": key}, timeout=60).json()
        return shown if shown["status"] not in ("QUEUED", "RUNNING") else {}

    found: dict[str, Any] = eventually(run, 120)
    return found


def batch_ended(api: str, batch_id: str, admin_key: str) -> None:
    def status() -> bool:
        url = f"{api}/api/v1/pipelines/batch/{batch_id}"
        return bool(httpx.get(url, headers={"X-Admin-Key": admin_key}).json()["status"] == "ENDED")

    eventually(status, 120)


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


@pytest.mark.parametrize(
    ("page", "onboarded", "commands"),
    [(README, [], 3), (API, [], 7), (BATCHES, ["onboard_acme", "onboard_techcorp"], 2)],
    ids=["README", "api", "batches"],
)
def test_the_commands_of_a_page_answer_what_it_shows(api, ready_file, page, onboarded, commands):
    for name in onboarded:
        shell(ORIGINAL[name], api)
    blocks = re.findall(r"^```(bash|json)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    environment: dict[str, str] = {"ADMIN_KEY": json.loads(ready_file.read_text())["admin_key"]}
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
    assert ran == commands


def test_the_operators_commands_print_what_the_guide_shows(api, ready_file):
    for name in ("onboard_acme", "onboard_techcorp"):
        shell(ORIGINAL[name], api)
    consoles = re.findall(r"^```console\n\$ convergence (batch .*)\n((?:.*\n)*?)^```", BATCHES, re.MULTILINE)
    for command, shown in consoles:
        arguments = [sys.executable, "-m", "cli", *shlex.split(command), "--stack", str(ready_file)]
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.endswith(shown), done.stdout
    assert len(consoles) == 1


def test_the_authors_commands_print_what_the_guide_shows(api, ready_file):
    shell(ORIGINAL["onboard_acme"], api)
    consoles = re.findall(r"^```console\n\$ (make (?:templates|preview).*)\n((?:.*\n)*?)^```", TEMPLATES, re.MULTILINE)
    for command, shown in consoles:
        # The stamp is not what is tested, and this test's stack has its ready file elsewhere.
        arguments = [*shlex.split(command), "--silent", "--old-file=.venv/stamp", f"STACK={ready_file}"]
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
