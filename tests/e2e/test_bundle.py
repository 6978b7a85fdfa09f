"""What `make bundle` writes, unpacked elsewhere and served as the cloud serves it: alone, but for the requirements.

The Python of `.venv` serves here, and looks neither into this folder, to which `.venv` has a path, nor into its
environment. The long form makes a virtual environment of its own, with the bundle's requirements.txt and nothing else,
of any Python: `make test.long FORMS=bundle`, and of another one with `BUNDLE_PYTHON=python3.13` before it.
"""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from functions import bundle
from local.provision import provision_pubsub
from local.stack import Ready
from tests.e2e.client import COST_BILLING, Platform, by_day, client_of, source
from tests.e2e.instances import Instance, instance
from tests.long_forms import size

PYTHON = size("BUNDLE_PYTHON")
# Installing takes what the package index and the machine take.
pytestmark = pytest.mark.timeout(1_800 if PYTHON else 180)
FUNCTIONS = ("api", "dead_letter", "fan_out", "run_pipeline")
SUBSCRIBERS = FUNCTIONS[1:]
TOPIC = "bundled-runs"
TENANT = "umbrella_8h3kd"  # has costs in the sample; no other test onboards it in this stack
# functions-framework's command. Notes the file of all code that it executes, the workers' late imports included, but
# for the standard library and installed packages. First of all it takes the checkout off the path: it is there because
# the command `convergence` is installed in .venv.
FRAMEWORK = """
import os, runpy, sys, sysconfig

checkout = sys.argv.pop(1)
sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != checkout]
executed = os.open(sys.argv.pop(1), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
installed = tuple(sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib"))

def note(event, arguments):
    if event == "exec" and arguments[0].co_filename.startswith("/"):
        if not arguments[0].co_filename.startswith(installed):
            os.write(executed, f"{arguments[0].co_filename}\\n".encode())

sys.addaudithook(note)
runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Bundled:
    """A function that is served from its bundle, unpacked into `folder`; `executed` names the code that it ran."""

    served: Instance
    folder: Path
    executed: Path

    def ran(self) -> set[str]:
        """The files in the bundle, and full paths of others, that it executed."""
        return {line.removeprefix(f"{self.folder}/") for line in self.executed.read_text().splitlines()}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter: that of these tests, or one with the requirements alone."""
    if not PYTHON:
        return sys.executable
    folder = tmp_path_factory.mktemp("python")
    (folder / "requirements.txt").write_bytes(bundle.contents(bundle.ROOT, "api")["requirements.txt"])
    made = folder / "venv" / "bin" / "python"
    subprocess.run([PYTHON, "-m", "venv", folder / "venv"], check=True)
    subprocess.run(
        [made, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", folder / "requirements.txt"], check=True
    )
    return str(made)


@pytest.fixture(scope="module")
def bundled(stack: Ready, python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Bundled]]:
    """The four functions, each from its own bundle."""
    with ExitStack() as running:
        made = {}
        for name in FUNCTIONS:
            folder, directory = tmp_path_factory.mktemp(name) / "workspace", tmp_path_factory.mktemp(f"of-{name}")
            (directory / "bundle.zip").write_bytes(bundle.bundle(bundle.ROOT, name))
            zipfile.ZipFile(directory / "bundle.zip").extractall(folder)
            executed = directory / "executed"
            served = instance(
                stack,
                directory,
                source=folder / "main.py",
                target=name,
                framework=(python, "-I", "-c", FRAMEWORK, str(bundle.ROOT), str(executed)),
                CONFIGS_DIR="",
                TEMPLATES_DIR="",
                PIPELINE_RUNS_TOPIC=TOPIC,
                PIPELINE_RUNS_SUBSCRIPTION=f"{TOPIC}-push",
            )
            made[name] = Bundled(running.enter_context(served), folder, executed)
        yield made


@pytest.fixture(scope="module")
def platform(stack: Ready, bundled: dict[str, Bundled]) -> Iterator[Platform]:
    """The stack by way of the bundled api; what that publishes is pushed to the bundled run_pipeline."""
    provision_pubsub(stack.pubsub, {TOPIC: f"{bundled['run_pipeline'].served.url}/"})
    with client_of(bundled["api"].served.url, stack.bigquery, stack.sendgrid) as made:
        yield made


def test_a_run_goes_from_the_bundle_of_api_to_that_of_run_pipeline_and_writes_the_tenants_rows(
    platform: Platform, bundled: dict[str, Bundled]
) -> None:
    tenant = platform.onboard(TENANT)

    run = platform.run(tenant, COST_BILLING, date="2025-11-15")

    (expected,) = platform.rows(source("2025-11-15", TENANT))
    (day,) = platform.rows(by_day(tenant))
    assert (run["status"], run["rows_written"]) == ("SUCCEEDED", expected["n"])
    assert (day["n"], day["cost"]) == (expected["n"], expected["cost"])
    assert run["pipeline_logging_id"] in bundled["run_pipeline"].served.log.read_text()


def test_the_api_says_how_it_is_and_how_to_call_it_and_refuses_in_its_own_manner(platform: Platform) -> None:
    assert platform.client.get("/healthz").json() == {"status": "ok"}
    docs, lost = platform.client.get("/docs"), platform.client.get("/robots.txt")
    assert (docs.status_code, "<h1" in docs.text, "<style>" in docs.text) == (200, True, True)
    assert (lost.status_code, lost.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("name", SUBSCRIBERS)
def test_a_subscriber_acknowledges_a_push_that_it_records_as_refused(
    platform: Platform, bundled: dict[str, Bundled], name: str
) -> None:
    body = f"no push, for {name}"

    assert httpx.post(bundled[name].served.url, content=body, timeout=60).status_code == 204

    rejected = "`convergence-local.convergence__control.x_meta_rejected_messages`"
    assert len(platform.rows(f"SELECT 1 FROM {rejected} WHERE data = '{body}'")) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_that_a_function_executed_is_of_its_bundle(bundled: dict[str, Bundled], name: str) -> None:
    ran = bundled[name].ran()

    assert {"main.py", f"functions/{name}/main.py", "shared/wiring/instance.py"} <= ran
    assert not [file for file in ran if file.startswith("/")]
