"""The examples in the docstrings of the embedded Pub/Sub."""

import doctest
from types import ModuleType

import pytest

from emulators.pubsub import backlog, push


@pytest.mark.parametrize("module", [backlog, push], ids=lambda module: module.__name__)
def test_the_examples_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed
