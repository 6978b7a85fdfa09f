"""Each port as its fake and as its real adapter: whatever a test asks, both answer alike.

The real adapters talk to embedded services here, and to Google's own when `tests/system` runs the same suites: it names
its fixture in `CLOUD` and asks for the backend `google`.
"""

import uuid
from collections.abc import Iterator

import pytest

from emulators.tests.fixtures import google_address, loop_thread
from emulators.tests.loop_thread import LoopThread
from shared.contracts.tables import DatasetRef
from tests.contract.ports.cloud import CLOUD, Cloud, EmbeddedCloud, Warehouse
from tests.fakes import FakeBigQuery, FakeCatalog, FakeJobs, FakeRows

__all__ = ["google_address", "loop_thread"]


@pytest.fixture(scope="session")
def embedded_cloud(tmp_path_factory: pytest.TempPathFactory, loop_thread: LoopThread) -> Iterator[Cloud]:
    """Embedded services for all tests: each uses names of its own."""
    with EmbeddedCloud(tmp_path_factory.mktemp("cloud"), loop_thread) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """What the real adapters run on."""
    found: Cloud = request.getfixturevalue(request.config.stash.get(CLOUD, "embedded_cloud"))
    return found


@pytest.fixture(params=["fake", "embedded"])
def backend(request: pytest.FixtureRequest) -> str:
    """What must answer alike: the fake, and the real adapter on `cloud`."""
    name: str = request.param
    return name


@pytest.fixture
def cloud_warehouse(cloud: Cloud) -> Warehouse:
    """The real adapters only, for what no fake knows."""
    return cloud.warehouse()


@pytest.fixture
def warehouse(backend: str, request: pytest.FixtureRequest) -> Warehouse:
    """What the fake and the adapter must answer alike."""
    if backend != "fake":
        found: Warehouse = request.getfixturevalue("cloud_warehouse")
        return found
    world = FakeBigQuery()
    jobs = FakeJobs(world)
    dataset = DatasetRef("test-project", f"acmeinc_{uuid.uuid4().hex[:8]}_silver")
    return Warehouse(FakeCatalog(world), FakeRows(world), jobs, dataset, answer=jobs.answer)
