"""Each bench, in its short form, measures to its end. What it measured is for people to read, at its full size."""

import re
from importlib import import_module

import pytest

from local.functions import ROOT
from tests.long_forms import FORMS

# Sizes for seconds: the whole way through, too little of it to say anything about speed.
SHORT = {form.runs: form.short for form in FORMS if form.is_bench}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SHORT)
def test_a_bench_measures_to_its_end(name: str) -> None:
    broken_promises = import_module(name).main(SHORT[name].split())

    assert not broken_promises


def test_every_bench_has_a_short_form_and_a_target() -> None:
    commands = {f"bench.{file.stem}" for file in (ROOT / "bench").glob("*.py") if "\ndef main(" in file.read_text()}
    targets = set(re.findall(r"^(bench\.\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert commands == targets == SHORT.keys()
