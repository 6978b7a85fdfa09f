"""What Terraform would make of `terraform/`, read from its plan.

A plan needs the provider's schema and answers to what it asks of Google. `tfcheck`, which works offline, brings both:
the environment variable TFCHECK is its folder, by default ../shared/tools/tfcheck. Without it these tests are skipped;
`make terraform` has Terraform's own tests, for which its registry is enough.
"""

import atexit
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shared.settings import ROOT

PROJECT = "acme-convergence"
LOCAL = ROOT / ".local"
VAR_FILES = ("dev.tfvars", "prod.tfvars")
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
def plan(var_file: str) -> Mapping[str, Any]:
    """The plan with the values of `terraform/tests/samples/{var_file}`, as `terraform show -json` has it.

    Made once a test session, whoever of its processes asks first. The bundles are those of `bundles()`, the location is
    none that anything has by default.
    """
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    LOCAL.mkdir(exist_ok=True)
    file = LOCAL / f"plan-{session}-{var_file}.json"
    with file.with_suffix(".lock").open("w") as lock:
        atexit.register(Path(lock.name).unlink, missing_ok=True)
        atexit.register(file.unlink, missing_ok=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            values = [f"project_id={PROJECT}", "location=EU", f"bundles_dir={bundles()}"]
            options = [option for one in values for option in ("--var", one)]
            options += ["--var-file", f"terraform/tests/samples/{var_file}", "--plan-json", str(file)]
            done = tfcheck("check", "terraform", "--no-fmt", "--no-test", *options)
            assert done.returncode == 0, done.stdout + done.stderr
    found: Mapping[str, Any] = json.loads(file.read_text())
    return found


def bundles() -> Path:
    """A folder with a zip for each function, none like another: what `make bundle` has left here is of no weight."""
    folder = LOCAL / "bundles-of-plans"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("api", "run_pipeline", "fan_out", "dead_letter"):
        (folder / f"{name}.zip").write_text(name)
    return folder


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


def source(plan: Mapping[str, Any], address: str, *argument: str) -> str:
    """The address of the resource that an argument gets its value from, also where apply alone tells the value.

    `argument` leads to it through blocks: "push_config", "push_endpoint". Inputs and outputs of modules are followed,
    so that what Terraform writes as `var.push_to` is "module.fan_out.google_cloudfunctions2_function.this". Raises
    AssertionError for what comes from a local value or from several resources: a plan does not tell how.
    """
    prefix, within = _split(address)
    root = plan["configuration"]["root_module"]
    resources = (_call(root, prefix)["module"] if prefix else root)["resources"]
    name = re.sub(r"\[.*\]$", "", within)
    expression = next(one["expressions"] for one in resources if one["address"] == name)
    for part in argument:
        expression = (expression[0] if isinstance(expression, list) else expression)[part]
    return _followed(root, prefix, expression)


def _followed(root: Mapping[str, Any], prefix: str, expression: Mapping[str, Any]) -> str:
    said = expression.get("references", [])  # a.b.c, a.b: each with what it is a part of
    whole = [one for one in said if not any(re.match(re.escape(one) + r"[.\[]", other) for other in said)]
    assert len(whole) == 1, f"{prefix or 'terraform/'}: {whole or 'a constant'}, where one resource is meant"
    kind, name, *rest = whole[0].split(".")
    assert kind not in ("local", "each"), f"{prefix or 'terraform/'}: {whole[0]} says nothing of a resource"
    if kind == "var":
        return _followed(root, "", _call(root, prefix)["expressions"][name])
    if kind == "module":
        output = _call(root, f"module.{name}.")["module"]["outputs"][rest[0]]
        return _followed(root, f"module.{name}.", output["expression"])
    return f"{prefix}{kind}.{name}"


def _split(address: str) -> tuple[str, str]:
    """A resource's module, as the beginning of its address, and its address in there."""
    found = re.match(r"(module\.\w+(?:\[[^\]]*\])?\.)(.*)", address)
    return (found[1], found[2]) if found else ("", address)


def _call(root: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    call: Mapping[str, Any] = root["module_calls"][re.split(r"[.\[]", prefix)[1]]
    return call
