"""A command starts as quickly as its own work lets it: what another command needs is not imported."""

import subprocess
import sys

from tests.builders import ROOT

SHOW = "import sys, cli.__main__; print(*sys.modules, sep='\\n')"


def test_no_command_waits_for_what_only_some_need() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    # sqlglot reads templates' SQL: 0.2 s of CPU. Google's clients take 0.8 s together (facts 27).
    heavy = {"sqlglot", "google.cloud.bigquery", "google.api_core", "grpc", "sendgrid"}
    assert not heavy & set(shown.stdout.split())
