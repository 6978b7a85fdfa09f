"""`make demo` says what the README shows, and the figures are right: it checks them against the source itself."""

import re
import subprocess
import sys

import pytest

from local.functions import ROOT

pytestmark = [pytest.mark.timeout(120)]


def said(output: str) -> list[str]:
    """The lines, without times and the spaces that titles are centred with."""
    return [re.sub(r"\d+\.\d+ s\b", "… s", line).strip() for line in output.splitlines() if line.strip()]


def test_the_demo_says_what_the_readme_shows():
    shown = re.search(r"```console\n\$ make demo\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown

    done = subprocess.run(
        [sys.executable, "-m", "local", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stderr
    assert said(done.stdout) == said(shown[1])
