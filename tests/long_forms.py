"""What `make test` does a little of and `make test.long` does at length: the one list of long forms.

`python -m tests.long_forms [NAME …]` runs them one after the other, all or those that are named.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from shared.settings import ROOT


@dataclass(frozen=True)
class Form:
    """Tests that take a size from an environment variable, or a bench (without one) that takes it as arguments.

    `runs` is their file, or its module. `short` is the size in `make test`, `long` the one in `make test.long`, which
    takes about `minutes` on two cores without other work.
    """

    name: str
    runs: str
    variable: str = ""
    _: KW_ONLY
    short: str
    long: str
    minutes: float
    what: str

    @property
    def is_bench(self) -> bool:
        """Whether it is a module of bench/; its own targets in the Makefile run it at a size between the two."""
        return not self.variable

    def command(self) -> list[str]:
        """What runs its long form, with `environment`."""
        if self.is_bench:
            return [sys.executable, "-m", self.runs, *self.long.split()]
        # One after the other, and as long as it takes: what can hang has a limit of its own that grows with the size.
        return [sys.executable, "-m", "pytest", "-n0", "--timeout=0", self.runs]

    def environment(self) -> dict[str, str]:
        """The variable with the long form's size; a size that is set already goes before it."""
        return {} if self.is_bench else {self.variable: os.environ.get(self.variable, self.long)}

    def __str__(self) -> str:
        size = self.long or "as make runs it"
        for variable, value in self.environment().items():
            size = f"{variable}={value}"
        return f"{self.name}: {self.what}; {size}; about {self.minutes:g} min"


FORMS = (
    Form(
        "bundle",
        "tests/e2e/test_bundle.py",
        "BUNDLE_PYTHON",
        short="",
        long=sys.executable,
        minutes=2,
        what="the bundles in a new virtual environment of this Python; asks the package index",
    ),
    Form(
        "schemathesis",
        "tests/e2e/test_schemathesis.py",
        "SCHEMATHESIS_EXAMPLES",
        short="5",
        long="200",
        minutes=5,
        what="so many made-up requests for each call of the API",
    ),
    Form(
        "attacks",
        "tests/attacks/test_same_rows.py",
        "ATTACK_EXAMPLES",
        short="80",
        long="10000",
        minutes=12,
        what="so many random SELECTs, guarded, beside what they return without other tenants",
    ),
    Form(
        "onboarding-kills",
        "tests/e2e/test_onboarding_crash.py",
        "ONBOARDING_KILLS",
        short="few",
        long="all",
        minutes=2,
        what="onboarding and off-boarding, killed after these of their calls",
    ),
    Form(
        "onboard",
        "tests/e2e/test_onboard_many.py",
        "ONBOARD_TENANTS",
        short="30",
        long="300",
        minutes=2,
        what="so many tenants of a CSV, with kills and Ctrl-C",
    ),
    Form(
        "faults",
        "tests/e2e/test_faults.py",
        "FAULT_POINTS",
        short="2",
        long="all",
        minutes=8,
        what="a run with each fault at so many of its calls",
    ),
    Form(
        "neighbours",
        "tests/e2e/test_neighbours.py",
        "NEIGHBOURS",
        short="40",
        long="1000",
        minutes=6,
        what="so many tenants, of which three are in trouble",
    ),
    Form(
        "batch",
        "tests/e2e/test_batch_calls.py",
        "BATCH_TENANTS",
        short="120",
        long="10000",
        minutes=15,
        what="a batch of so many tenants whose fan_out is killed",
    ),
    Form(
        "bigquery-kills",
        "emulators/tests/bigquery/test_crash.py",
        "BIGQUERY_KILLS",
        short="4",
        long="100",
        minutes=3,
        what="the embedded BigQuery, killed so often while it writes",
    ),
    Form(
        "bench.templates",
        "bench.templates",
        short="--tenants 50",
        long="",
        minutes=0.2,
        what="templates made ready, beside Jinja2",
    ),
    Form(
        "bench.cold",
        "bench.cold",
        short="--times 1 --functions run_pipeline",
        long="",
        minutes=1,
        what="imports of each function",
    ),
    Form(
        "bench.api",
        "bench.api",
        short="--rate 20 --seconds 1 --tenants 2 --times 1 --turn 0.2",
        long="",
        minutes=2,
        what="run requests at a rate",
    ),
    Form(
        "bench.fan_out",
        "bench.fan_out",
        short="--tenants 20 --times 1",
        long="--tenants 10000 100000 1000000",
        minutes=10,
        what="run messages of a million tenants",
    ),
    Form(
        "bench.runs",
        "bench.runs",
        short="--tenants 3",
        long="--tenants 10000",
        minutes=15,
        what="two nights of ten thousand tenants",
    ),
    Form(
        "bench.bigquery",
        "bench.bigquery",
        short="--seconds 0.2 --times 1 --tenants 2 --jobs 20 --queries 10 --long 0.2",
        long="--tenants 10000 --jobs 100000",
        minutes=12,
        what="the embedded BigQuery as a server",
    ),
)
BY_NAME = {form.name: form for form in FORMS}
_BY_VARIABLE = {form.variable: form for form in FORMS if not form.is_bench}


def size(variable: str) -> str:
    """How much a test does: what the environment says, or the size of `make test`."""
    return os.environ.get(variable, _BY_VARIABLE[variable].short)


def run(
    forms: Sequence[Form], call: Callable[[Sequence[str], Mapping[str, str]], int], say: Callable[[str], None]
) -> int:
    """Run the long forms, all of them whatever becomes of one; 1 where one failed. `call` answers an exit status."""
    failed = []
    for form in forms:
        say(str(form))
        began_s = time.monotonic()
        status = call(form.command(), form.environment())
        say(f"{form.name}: {'failed' if status else 'passed'} in {(time.monotonic() - began_s) / 60:.1f} min")
        if status:
            failed.append(form.name)
    say(f"failed: {', '.join(failed)}" if failed else f"all passed: {', '.join(form.name for form in forms)}")
    return int(bool(failed))


def main() -> int:
    """Run those that the command line names; without names all."""
    parser = argparse.ArgumentParser(prog="tests.long_forms", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BY_NAME))
    names = parser.parse_args().names
    if unknown := [name for name in names if name not in BY_NAME]:
        parser.error(f"no long form {unknown[0]!r}; known: {', '.join(BY_NAME)}")

    def call(command: Sequence[str], environment: Mapping[str, str]) -> int:
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    return run([BY_NAME[name] for name in names] or FORMS, call, say)


if __name__ == "__main__":
    sys.exit(main())
