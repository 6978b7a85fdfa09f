"""tests/long_forms.py is the one list of what is long: no test has a size that it does not name."""

import re
import sys
from collections.abc import Mapping, Sequence

import pytest

from shared.settings import ROOT
from tests.long_forms import BY_NAME, FORMS, run

# Read by tests from the environment, and no size: where a tool is, whose stack it is, other requests of as many.
NO_SIZES = {"PYTEST_XDIST_TESTRUNUID", "PUBSUB_EMULATOR_JAR", "SCHEMATHESIS_SEED", "TFCHECK", "PATH"}
OF_TESTS = [form for form in FORMS if not form.is_bench]


def test_every_size_that_a_test_reads_is_that_of_a_form() -> None:
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "emulators" / "tests").rglob("*.py")]
    read = {
        (file.relative_to(ROOT).as_posix(), variable)
        for file in files
        for variable in re.findall(r'(?:\bsize\(|os\.environ(?:\.get\(|\[))"(\w+)"', file.read_text())
        if variable not in NO_SIZES
    }

    assert read == {(form.runs, form.variable) for form in OF_TESTS}


def test_the_emulators_tests_which_know_nothing_of_ours_have_the_size_that_is_listed() -> None:
    form = BY_NAME["bigquery-kills"]

    assert f'os.environ.get("{form.variable}", "{form.short}")' in (ROOT / form.runs).read_text()


def test_all_run_whatever_becomes_of_one_and_each_says_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIGQUERY_KILLS", raising=False)
    called: list[tuple[str, Mapping[str, str]]] = []
    said: list[str] = []

    def call(command: Sequence[str], environment: Mapping[str, str]) -> int:
        called.append((command[-1], environment))
        return int(command[-1].endswith("test_crash.py"))

    status = run([BY_NAME["bigquery-kills"], BY_NAME["bench.cold"]], call, said.append)

    assert status == 1
    assert called == [("emulators/tests/bigquery/test_crash.py", {"BIGQUERY_KILLS": "100"}), ("bench.cold", {})]
    assert [line.partition(":")[0] for line in said] == [
        "bigquery-kills",
        "bigquery-kills",
        "bench.cold",
        "bench.cold",
        "failed",
    ]
    assert said[1] == "bigquery-kills: failed in 0.0 min"
    assert said[3:] == ["bench.cold: passed in 0.0 min", "failed: bigquery-kills"]


def test_a_size_that_was_set_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEIGHBOURS", "200")

    assert BY_NAME["neighbours"].environment() == {"NEIGHBOURS": "200"}


def test_the_page_on_testing_lists_each_with_its_sizes_and_its_time() -> None:
    rows = [
        f"| `{form.name}` | {form.what} | {_shown(form.short) or 'not'} | {_shown(form.long) or 'as `make` runs it'}"
        f" | {form.minutes:g} |"
        for form in FORMS
    ]
    table = "\n".join(rows)

    assert table in (ROOT / "docs" / "testing.md").read_text(), f"docs/testing.md lacks:\n{table}"


def _shown(size: str) -> str:
    return "this Python" if size == sys.executable else f"`{size}`" if size else ""
