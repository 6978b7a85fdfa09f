"""A cold start is paid by whoever waits: importing a function pulls in no client that it may never use."""

import subprocess
import sys

import pytest

from tests.builders import ROOT

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
# Google's clients take 0.8 s together (facts 27). `google.cloud.functions` is functions-framework's own.
CLIENTS = (
    "google.cloud.bigquery", "google.cloud.kms", "google.cloud.secretmanager", "google.pubsub", "google.api_core",
    "google.auth", "grpc", "sendgrid", "python_http_client", "requests",
)  # fmt: skip
SHOW = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules, sep='\\n')"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_function_pulls_in_no_client(function: str) -> None:
    module = f"functions.{function}.main"
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, module], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = [name for name in shown.stdout.split() if name.startswith(CLIENTS)]
    assert loaded == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_function_reads_no_setting_and_no_file_of_ours(function: str) -> None:
    code = f"import functions.{function}.main, shared.settings as s; print(s.current.cache_info().currsize)"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.strip() == "0"


def test_the_documentation_is_written_when_somebody_reads_it() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, "functions.api.main"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not {"functions.api.openapi", "functions.api.refusals", "functions.api.docs_page"} & set(
        shown.stdout.split()
    )
