"""Runs `cloudbuild.yaml` here: its steps and scripts are the real ones, the commands that they call are stand-ins.

Cloud Build starts a container for each step; here a step is a process, in a folder that holds what the scripts read.
`gcloud storage cp` copies between that folder and `buckets/`, and `gcloud builds list` knows the builds that were run
here; terraform, make and curl leave the files that a build goes on from. All of them write what they were called with
to one file, in order.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shared.settings import ROOT

CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
# "Substituting variable values" of Cloud Build: $NAME, ${NAME}; $$ stands for a $.
SUBSTITUTION = re.compile(r"\$(?:\$|([A-Z_][A-Z0-9_]*)|\{([A-Z_][A-Z0-9_]*)\})")

STAND_INS = {
    "gcloud": """
        if [[ $1 == builds && $2 == list ]]; then
          while read -r commit; do
            if [[ "$* " == *"COMMIT_SHA=$commit "* ]]; then echo "build-of-$commit"; fi
          done <"$CHECKED"
          exit
        fi
        [[ $1 == storage && $2 == cp && $# == 4 ]] || exit 9
        from=${3/#gs:\\/\\//$BUCKETS/} to=${4/#gs:\\/\\//$BUCKETS/}
        [[ -f $from ]] || { echo "ERROR: no URLs matched: $3" >&2; exit 1; }
        mkdir -p "$(dirname "$to")" && cp "$from" "$to"
    """,
    "terraform": """
        [[ $1 == -chdir=terraform ]] && cd terraform && shift || exit 9
        case $1 in
          init) [[ " $* " == *" -lockfile=readonly "* ]] || echo locked >>.terraform.lock.hcl ;;
          plan) ls *_override.tf >tfplan 2>/dev/null || echo "no overrides" >tfplan ;;
          apply) cat "$2" >applied ;;
          output) if [[ $3 == api_is_public ]]; then echo "$PUBLIC"; else echo https://api.example; fi ;;
        esac
    """,
    "make": """
        case $1 in
          .venv/packages) mkdir -p .venv && touch -d 2020-01-01 $1 && echo "$PIP_ONLY_BINARY" >.venv/made-of ;;
          bundle) mkdir -p dist && echo "bundle of $ACTION" >dist/api.zip ;;
        esac
    """,
    "curl": """
        printf '%s' "$HEALTH"
    """,
}
FAILING = '[[ -z $FAILING || " $* " != *" $FAILING "* ]] || { echo "ERROR: $FAILING" >&2; exit 1; }'


@dataclass
class Build:
    """A repository's folder and its buckets, in `folder`; each `run` is a build of it.

    A command with the argument `failing` fails.
    """

    folder: Path
    health: str = "200"
    public: bool = True
    failing: str = ""
    output: str = ""
    _calls: Path = field(init=False)
    _checked: Path = field(init=False)

    def __post_init__(self) -> None:
        self._calls = self.folder / "calls"
        self._checked = self.folder / "checked"
        self._checked.touch()
        commands = self.folder / "bin"
        commands.mkdir(parents=True)
        for name, script in STAND_INS.items():
            file = commands / name
            file.write_text(f'#!/usr/bin/env bash\nset -eu\necho "{name} $*" >>"$CALLS"\n{FAILING}\n{script}')
            file.chmod(0o755)
        self.checkout()

    @property
    def workspace(self) -> Path:
        """Where the sources are, and what a build leaves there."""
        return self.folder / "workspace"

    def checkout(self) -> None:
        """The sources as they are committed: nothing of an earlier build is there."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        shutil.rmtree(self.folder / "tools", ignore_errors=True)
        (self.workspace / "terraform" / "prod").mkdir(parents=True)
        (self.folder / "tools").mkdir()
        shutil.copytree(ROOT / ".ci", self.workspace / ".ci")
        for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
            shutil.copy(ROOT / name, self.workspace / name)
        for name in ("dev.tfvars", "prod.tfvars", "prod/kms_override.tf"):
            (self.workspace / "terraform" / name).write_text(f"# {name}\n")

    def run(self, **substitutions: str) -> int:
        """The exit status of the first step that fails, or 0. A step begins after those that it waits for.

        A build of a commit is its trigger's, of the environment dev unless another one is said.
        """
        values = {
            "PROJECT_ID": "acme",
            "BUILD_ID": "build-1",
            "LOCATION": "us-central1",
            "COMMIT_SHA": "",
            **CONFIG["substitutions"],
            "_ENVIRONMENT": "dev",
            **substitutions,
        }
        self._calls.write_text("")
        self.output = ""
        for step in CONFIG["steps"]:
            done = self._step(step, values)
            self.output += done.stdout
            if done.returncode:
                return done.returncode
        if values["_ACTION"] == "check":
            with self._checked.open("a") as file:
                file.write(f"{values['COMMIT_SHA']}\n")
        return 0

    def calls(self, command: str) -> list[str]:
        """With what a command was called, in order, in the last build."""
        lines = self._calls.read_text().splitlines()
        return [line.removeprefix(f"{command} ") for line in lines if line.startswith(f"{command} ")]

    def kept(self) -> set[str]:
        """The objects in all buckets."""
        buckets = self.folder / "buckets"
        return {str(file.relative_to(buckets)) for file in buckets.rglob("*") if file.is_file()}

    def _step(self, step: Mapping[str, Any], values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        given = dict(substituted(line, values).split("=", 1) for line in step.get("env", []))
        here = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "BUCKETS": str(self.folder / "buckets"),
            "CALLS": str(self._calls),
            "CHECKED": str(self._checked),
            "FAILING": self.failing,
            "HEALTH": self.health,
            "PUBLIC": "true" if self.public else "false",
            "PAUSE_S": "0",
            "TOOLS": str(self.folder / "tools"),
        }
        if "script" in step:
            command = ["bash", "-c", step["script"]]
        else:
            places = {"/tools/": f"{here['TOOLS']}/", "/bin/terraform": str(self.folder / "bin" / "terraform")}
            command = [step["entrypoint"], *(placed(substituted(one, values), places) for one in step["args"])]
        return subprocess.run(
            command,
            cwd=self.workspace,
            env=here | given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )


def substituted(text: str, values: Mapping[str, str]) -> str:
    """As Cloud Build does it, also in values of substitutions (dynamicSubstitutions).

    >>> substituted("gs://${_BUCKET}/$$x", {"_BUCKET": "$PROJECT_ID-state", "PROJECT_ID": "acme"})
    'gs://acme-state/$x'
    """
    return SUBSTITUTION.sub(
        lambda found: substituted(values[found[1] or found[2]], values) if found[0] != "$$" else "$", text
    )


def placed(path: str, places: Mapping[str, str]) -> str:
    """A path of a step's container, where it is here.

    >>> placed("/tools/terraform", {"/tools/": "/tmp/x/tools/"})
    '/tmp/x/tools/terraform'
    """
    for there, here in places.items():
        if path.startswith(there):
            return here + path.removeprefix(there)
    return path
