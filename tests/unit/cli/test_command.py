"""`convergence`, as it is installed into `.venv`: from any folder, with its version and what a shell completes."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import shared
from tests.builders import ROOT

# Beside the Python that runs this: `make .venv` puts it there.
COMMAND = str(Path(sys.executable).with_name("convergence"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def said(*command: str, folder: Path, **environment: str) -> str:
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env={**own, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_there_in_any_folder_and_says_its_version(tmp_path: Path) -> None:
    assert said(COMMAND, "--version", folder=tmp_path) == f"convergence {VERSION}\n"
    assert said(sys.executable, "-m", "cli", "--version", folder=ROOT) == f"convergence {VERSION}\n"


def test_bash_completes_it(tmp_path: Path) -> None:
    # Without the last of these it would ask which shell is its parent.
    script = said(
        COMMAND, "--show-completion", "bash", folder=tmp_path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert "_CONVERGENCE_COMPLETE=complete_bash" in script

    words = {"_CONVERGENCE_COMPLETE": "complete_bash", "COMP_WORDS": "convergence te", "COMP_CWORD": "1"}
    assert said(COMMAND, folder=tmp_path, **words).split() == ["templates", "tenants"]


def test_what_is_tested_is_the_code_of_this_checkout_whichever_checkout_is_installed(tmp_path: Path) -> None:
    assert Path(shared.__file__).is_relative_to(Path(__file__).resolve().parents[3])
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "__init__.py").touch()

    # As the Makefile sets it.
    found = said(
        sys.executable, "-c", "import shared; print(shared.__file__)", folder=Path("/"), PYTHONPATH=str(tmp_path)
    )

    assert Path(found.strip()).is_relative_to(tmp_path)
