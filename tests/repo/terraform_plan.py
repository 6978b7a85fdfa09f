"""What Terraform would make of `terraform/`, and who may do what then, read from its plan.

A plan needs the provider's schema and answers to what it asks of Google. `tfcheck`, which works offline, brings both:
the environment variable TFCHECK is its folder, by default ../shared/tools/tfcheck. Without it these tests are skipped;
`make terraform` has Terraform's own tests, for which its registry is enough.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shared.settings import ROOT

PROJECT = "acme-convergence"
TFCHECK = Path(os.environ.get("TFCHECK", ROOT.parent / "shared" / "tools" / "tfcheck")) / "tfcheck.py"
LACKING = (
    "no tfcheck (TFCHECK names its folder): a plan would need a Google Cloud project"
    if not TFCHECK.is_file()
    else "terraform is not installed"
    if shutil.which("terraform") is None
    else "tfcheck needs msgpack: .venv/bin/pip install -r $TFCHECK/requirements.txt"
    if find_spec("msgpack") is None
    else ""
)
# terraform/TARGET → how an operator calls it.
_PRINCIPALS = {
    f"convergence-{name}@{PROJECT}.iam.gserviceaccount.com": f"`{name}`"
    for name in ("api", "admin", "run-pipeline", "run-pipeline-bulk", "fan-out", "dead-letter", "push", "build")
}


def tfcheck(*arguments: str, timeout_s: float = 110) -> subprocess.CompletedProcess[str]:
    """Run it at the top of the repository."""
    return subprocess.run(
        [sys.executable, str(TFCHECK), *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )


@cache
def plan(var_file: str, *variables: str) -> Mapping[str, Any]:
    """The plan with the values of `terraform/tests/samples/{var_file}`, as `terraform show -json` has it."""
    file = ROOT / ".local" / f"plan-{os.getpid()}-{var_file}.json"
    file.parent.mkdir(exist_ok=True)
    options = [option for one in (f"project_id={PROJECT}", *variables) for option in ("--var", one)]
    done = tfcheck(
        "check",
        "terraform",
        "--no-fmt",
        "--no-test",
        "--var-file",
        f"terraform/tests/samples/{var_file}",
        *options,
        "--plan-json",
        str(file),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        found: Mapping[str, Any] = json.loads(file.read_text())
    finally:
        file.unlink(missing_ok=True)
    return found


def made(plan: Mapping[str, Any], kind: str = "") -> dict[str, Mapping[str, Any]]:
    """What would be made, by address: the values that are known before."""
    return {
        change["address"]: change["change"]["after"]
        for change in plan["resource_changes"]
        if change["mode"] == "managed" and kind in ("", change["type"])
    }


def environments(plan: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    """Each deployed function's environment variables, by its name; None for a value that is known after apply alone."""
    found = {}
    for change in plan["resource_changes"]:
        if change["type"] == "google_cloudfunctions2_function":
            after, unknown = change["change"]["after"], change["change"]["after_unknown"]
            given = after["service_config"][0]["environment_variables"]
            later = unknown["service_config"][0].get("environment_variables") or {}
            assert isinstance(later, dict), f"{after['name']}: even the names are unknown"
            found[after["name"]] = {**given, **dict.fromkeys(later)}
    return found


def grants(plan: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Every right that is given: principal, role, and on what, in an operator's words."""
    found = []
    for address, one in made(plan).items():
        if "member" in one and "role" in one:
            found.append((_principal(one["member"]), _role(one["role"]), _on(address, one)))
    return sorted(found)


def grants_table(plan: Mapping[str, Any]) -> list[str]:
    """The rows of the README's table of rights: a principal, a role, all that it is for."""
    together: dict[tuple[str, str], set[str]] = defaultdict(set)
    for principal, role, on in grants(plan):
        together[principal, role].add(on)
    return [f"| {principal} | {role} | {_listed(on)} |" for (principal, role), on in sorted(together.items())]


def custom_roles(plan: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Permissions of each role of ours."""
    return {one["role_id"]: one["permissions"] for one in made(plan, "google_project_iam_custom_role").values()}


def _principal(member: str) -> str:
    kind, _, name = member.partition(":")
    if agent := re.fullmatch(r"service-\d+@gcp-sa-(\w+)\.iam\.gserviceaccount\.com", name):
        return {"pubsub": "Pub/Sub's agent", "cloudscheduler": "Cloud Scheduler's agent"}[agent[1]]
    return _PRINCIPALS.get(name, member if kind == "allUsers" else f"`{member}`")


def _role(role: str) -> str:
    return f"`{role.rpartition('/')[2]}`" if "/roles/convergence" in role else f"`{role}`"


def _on(address: str, one: Mapping[str, Any]) -> str:
    kind = re.search(r"(google_\w+?)_iam_member", address)
    assert kind, address
    match kind[1]:
        case "google_project":
            project = "the project" if one["project"] == PROJECT else "the data project"
            return f"{project}, {one['condition'][0]['title']}" if one.get("condition") else project
        case "google_bigquery_table":
            return f"table `{one['table_id']}`"
        case "google_bigquery_dataset":
            return f"source `{one['project']}.{one['dataset_id']}`"
        case "google_pubsub_topic":
            return f"topic `{one['topic']}`"
        case "google_pubsub_subscription":
            return f"subscription `{one['subscription']}`"
        case "google_cloud_run_v2_service":
            return f"function `{one['name']}`"
        case "google_kms_crypto_key":
            return f"key `{one['crypto_key_id'].rpartition('/')[2]}`"
        case "google_secret_manager_secret":
            return f"secret `{one['secret_id']}`"
        case "google_service_account":
            return "account `push`"
        case "google_artifact_registry_repository":
            return f"repository `{one['repository']}`"
    raise AssertionError(f"{address} is of a kind that the table of rights has no words for")


def _listed(on: set[str]) -> str:
    """Of one kind together: "table `a`, `b`"."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for one in sorted(on):
        kind, tick, name = one.partition(" `")
        kinds[kind].append(f"{tick.strip()}{name}" if tick else "")
    return "; ".join(f"{kind} {', '.join(names)}".strip() for kind, names in kinds.items())
