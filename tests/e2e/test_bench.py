"""Each bench, in its short form, measures to its end. What it measured is for people to read, at its full size."""

import re
from importlib import import_module

import pytest

from local.functions import ROOT

# Sizes for seconds: the whole way through, too little of it to say anything about speed.
SHORT = {
    "api": "--rate 20 --seconds 1 --tenants 2 --times 1 --turn 0.2",
    "bigquery": "--seconds 0.2 --times 1 --tenants 2 --jobs 20 --queries 10 --long 0.2",
    "cold": "--times 1 --functions run_pipeline",
    "fan_out": "--tenants 20 --times 1",
    "runs": "--tenants 3",
    "templates": "--tenants 50",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SHORT)
def test_a_bench_measures_to_its_end(name: str) -> None:
    broken_promises = import_module(f"bench.{name}").main(SHORT[name].split())

    assert not broken_promises


def test_every_bench_has_a_short_form_and_a_target() -> None:
    commands = {file.stem for file in (ROOT / "bench").glob("*.py") if "\ndef main(" in file.read_text()}
    targets = set(re.findall(r"^bench\.(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert commands == targets == SHORT.keys()
