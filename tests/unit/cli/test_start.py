"""A command starts as quickly as its own work lets it: what another command needs is not imported."""

import subprocess
import sys

from cli.__main__ import app
from tests.builders import ROOT

# What is imported when each command has shown its help, in one process: no command's module needs more to begin.
SHOW = """
import sys
from typer.testing import CliRunner
from cli.__main__ import app
for name in ("", *sys.argv[1:]):
    done = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="convergence")
    assert done.exit_code == 0 and f"convergence {name}".strip() in done.output, done.output
print(*sys.modules, sep="\\n")
"""


def test_no_command_waits_for_what_only_some_need() -> None:
    commands = [str(command.name) for command in app.registered_commands]
    commands += [str(group.name) for group in app.registered_groups]
    assert {"onboard", "templates", "preview", "keys"} <= set(commands)

    shown = subprocess.run(
        [sys.executable, "-c", SHOW, *commands], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    # sqlglot reads templates' SQL: 0.2 s of CPU. Google's clients take 0.8 s together (facts 27).
    heavy = {"sqlglot", "google.cloud.bigquery", "google.api_core", "grpc", "sendgrid"}
    assert not heavy & set(shown.stdout.split())
