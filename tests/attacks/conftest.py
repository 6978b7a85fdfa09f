"""The databases that attacks are run against: one with everybody's rows, one with the tenant's own only."""

from collections.abc import Iterator

import pytest

from tests.attacks.two_tenants import Database, database
from tests.edges.conftest import api, run_pipeline, world

__all__ = ["api", "run_pipeline", "world"]  # fixtures


@pytest.fixture(scope="session")
def shared_by_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two tenants' rows, rows of nobody, and the control dataset."""
    with database(tmp_path_factory.mktemp("everybody"), with_others=True) as made:
        yield made


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A world with this tenant only: what it must see in the other one too."""
    with database(tmp_path_factory.mktemp("alone"), with_others=False) as made:
        yield made
