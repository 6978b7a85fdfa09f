"""`gcloud builds submit` uploads what a build needs, and no key that lies about.

`.gcloudignore` has the rules of `.gitignore`, but for `#!include:`, which names a file whose rules stand there
(https://cloud.google.com/sdk/gcloud/reference/topic/gcloudignore): git tells here what they leave out.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.settings import ROOT

INCLUDE = "#!include:"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git tells what its rules leave out")


def left_out(paths: Sequence[str], tmp_path: Path) -> set[str]:
    """Which of the paths `gcloud` would not upload. They need not be there."""
    rules = tmp_path / "rules"
    rules.write_text("".join(f"{rule}\n" for rule in rules_of(ROOT / ".gcloudignore")))
    subprocess.run(["git", "init", "--quiet", tmp_path / "empty"], check=True)
    given = ["-c", f"core.excludesFile={rules}", "check-ignore", "--no-index", "--stdin", "-z"]
    shown = subprocess.run(
        ["git", "-C", tmp_path / "empty", *given],
        input="".join(f"{path}\0" for path in paths), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode in (0, 1), shown.stderr  # 1: none is left out
    return set(shown.stdout.split("\0")) - {""}


def rules_of(file: Path) -> list[str]:
    found: list[str] = []
    for line in file.read_text().splitlines():
        found += rules_of(ROOT / line.removeprefix(INCLUDE)) if line.startswith(INCLUDE) else [line]
    return found


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="nothing tells here what is tracked: this is no checkout")
def test_what_is_tracked_is_uploaded(tmp_path: Path) -> None:
    shown = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = shown.stdout.split("\0")[:-1]
    assert len(tracked) > 100
    assert left_out(tracked, tmp_path) == set()


def test_what_is_nobodys_source_stays_here(tmp_path: Path) -> None:
    lying_about = [
        ".git/config", ".local/stack.json", ".venv/bin/python", ".venv-checkov/bin/python", ".hypothesis/x",
        "dist/api.zip", "convergence-1f2e3d.json", "keys.csv", "todo.txt", "backup/shared/errors.py",
        "onboarded.keys.csv",
        "configs/service-account.json", "templates/key.json", "terraform/prod.key", "terraform/terraform.tfstate",
        "terraform/.terraform/environment", "shared/.env", "shared/.env.prod", "tests/admin-key.json", "docs/tls.pem",
        "functions/api/credentials.json", "cli/__pycache__/keys.cpython-312.pyc",
    ]  # fmt: skip
    assert left_out(lying_about, tmp_path) == set(lying_about)
