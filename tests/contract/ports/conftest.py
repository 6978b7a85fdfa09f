"""Each port as its fake and as its real adapter: whatever a test asks, both answer alike.

The real adapters talk to embedded services here, and to Google's own when `tests/system` runs the same suites: it names
its fixture in `CLOUD` and asks for the backend `google`.
"""

import shutil
import uuid
from collections.abc import Iterator

import grpc
import pytest

from shared.contracts.tables import DatasetRef
from tests.contract.ports.cloud import CLOUD, Cloud, EmbeddedCloud, Warehouse
from tests.contract.pubsub import conftest as emulator
from tests.fakes import FakeBigQuery, FakeCatalog, FakeJobs, FakeRows
from tests.loop_thread import LoopThread


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


@pytest.fixture(scope="session")
def google_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Google's own Pub/Sub emulator, where it is installed."""
    jar, java = emulator._emulator_jar(), shutil.which("java")
    if jar is None or java is None:
        pytest.skip("Google's Pub/Sub emulator is not installed (gcloud components install pubsub-emulator, java)")
    with emulator._running(java, jar, tmp_path_factory.mktemp("google") / "log") as address:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        yield address
