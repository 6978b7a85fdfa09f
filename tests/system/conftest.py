"""Refuses to run by accident: system tests cost money, and make and remove things in a project."""

import pytest

from tests.system.target import NEEDS


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tests.system.plugin"):
        raise pytest.UsageError(f"tests/system is for a real project and off by default: {NEEDS}")
