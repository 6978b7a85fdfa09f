"""What builds install is pinned, hashed, and what somebody has asked for: compiled files and their sources agree."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from functions import bundle
from shared.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED = {
    "requirements.txt": [
        line.partition("#")[0].strip()
        for line in (ROOT / "requirements.in").read_text().splitlines()
        if line.partition("#")[0].strip()
    ],
    "requirements-dev.txt": PROJECT["dependency-groups"]["dev"],
    "requirements-checkov.txt": PROJECT["dependency-groups"]["checkov"],
}


def pins(name: str) -> dict[str, tuple[Requirement, str]]:
    """What a compiled file pins, by canonical name, and its hashes and comments."""
    text = (ROOT / name).read_text()
    found = re.findall(r"^([A-Za-z0-9][^\n]*?) \\\n((?:[ \t]+[^\n]*\n)+)", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE)), f"{name}: a requirement without hashes"
    requirements = [(Requirement(line), below) for line, below in found]
    return {canonicalize_name(one.name): (one, below) for one, below in requirements}


@pytest.mark.parametrize("name", ASKED)
def test_every_release_is_pinned_and_hashed(name: str) -> None:
    for package, (pinned, below) in pins(name).items():
        assert re.fullmatch(r"==[^*,]+", str(pinned.specifier)), package
        assert re.search(r"^ +--hash=sha256:[0-9a-f]{64}", below, re.MULTILINE), package
    assert not re.search(r"^ *--(?!hash=)|://", (ROOT / name).read_text(), re.MULTILINE), "an option, or an address"


@pytest.mark.parametrize("name", ASKED)
def test_what_is_pinned_is_what_was_asked_for(name: str) -> None:
    found, asked = pins(name), [Requirement(line) for line in ASKED[name]]

    for one in asked:
        [specifier] = found[canonicalize_name(one.name)][0].specifier
        assert one.specifier.contains(specifier.version), f"{one}: run `make requirements`"
    # Each package says on whose account it is there.
    direct = {
        package for package, (_, below) in found.items() if re.search(r"-r requirements\.in|pyproject\.toml", below)
    }
    assert direct == {canonicalize_name(one.name) for one in asked}


def test_a_test_runs_with_the_versions_that_are_deployed() -> None:
    deployed, tested = pins("requirements.txt"), pins("requirements-dev.txt")

    differ = [name for name in deployed.keys() & tested if deployed[name][0].specifier != tested[name][0].specifier]
    assert differ == []


def test_what_a_build_installs_is_compared_with_hashes() -> None:
    recipes = (ROOT / "Makefile").read_text()
    built = [line for line in recipes.splitlines() if "pip install" in line and "requirement requirements" in line]

    assert len(built) == 2  # .venv, .venv-checkov
    assert all("--require-hashes" in line for line in built)
    assert set(re.findall(r"--requirement (\S+)", "\n".join(built))) == set(ASKED)
    # In a function's bundle the hashes are the file's: pip compares as soon as it sees one.
    bundled = bundle.contents(bundle.ROOT, "api")["requirements.txt"]
    assert bundled == (ROOT / "requirements.txt").read_bytes()
    assert b"--hash=sha256:" in bundled
