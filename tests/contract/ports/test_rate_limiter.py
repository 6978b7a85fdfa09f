"""`ports.RateLimiter`: the fake, this process's memory, and a real Redis where one is installed."""

import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.adapters.memory_limits import MemoryRateLimiter
from shared.adapters.rate_limits import StoredRateLimiter
from shared.errors import Unavailable
from shared.ports import RateLimiter
from tests.fakes import FakeRateLimiter

pytestmark = pytest.mark.not_on_google("counts in memory and in Redis; a deployment's Redis answers nobody outside")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A redis-server of the tests' own."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed (Debian package redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        server,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path_factory.mktemp("redis")),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        await_port(port)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


def await_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing answers on port {port}")


@pytest.fixture(params=["fake", "memory", "redis"])
def make(request: pytest.FixtureRequest) -> Callable[[], RateLimiter]:
    """Makes limiters over one store."""
    if request.param == "fake":
        fake = FakeRateLimiter()
        return lambda: fake
    if request.param == "memory":
        kept = MemoryRateLimiter()
        return lambda: kept
    url = request.getfixturevalue("redis_url")
    return lambda: StoredRateLimiter(url)


@pytest.fixture
def who() -> str:
    return uuid.uuid4().hex


def test_as_many_hits_as_the_limit_says_are_allowed(make: Callable[[], RateLimiter], who: str) -> None:
    hits = [make().hit("3/day", "runs", who) for _ in range(4)]
    assert [(hit.allowed, hit.limit, hit.remaining, hit.window_s) for hit in hits] == [
        (True, 3, 2, 86_400),
        (True, 3, 1, 86_400),
        (True, 3, 0, 86_400),
        (False, 3, 0, 86_400),
    ]
    assert 0 < hits[-1].wait_s <= 86_400


def test_others_and_other_limits_are_counted_apart(make: Callable[[], RateLimiter], who: str) -> None:
    assert make().hit("1/day", "runs", who).allowed
    assert make().hit("1/day", "runs", f"{who}-neighbour").allowed
    assert make().hit("1/day", "reads", who).allowed
    assert not make().hit("1/day", "runs", who).allowed


def test_many_at_once_get_no_more_than_the_limit(make: Callable[[], RateLimiter], who: str) -> None:
    limiter = make()
    with ThreadPoolExecutor(16) as pool:
        allowed = sum(pool.map(lambda _: limiter.hit("50/day", "runs", who).allowed, range(400)))
    assert allowed == 50


def test_a_window_ends(redis_url: str, who: str) -> None:
    limiter = StoredRateLimiter(redis_url)
    assert limiter.hit("1/second", who).allowed
    deadline = time.monotonic() + 5
    while not limiter.hit("1/second", who).allowed:  # it opens by the server's clock: nobody else can say when
        assert time.monotonic() < deadline


def test_instances_count_together_in_redis_and_apart_in_memory(redis_url: str, who: str) -> None:
    assert StoredRateLimiter(redis_url).hit("1/day", who).allowed
    assert not StoredRateLimiter(redis_url).hit("1/day", who).allowed
    assert MemoryRateLimiter().hit("1/day", who).allowed
    assert MemoryRateLimiter().hit("1/day", who).allowed


def test_a_redis_that_is_not_there_is_said_soon() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        limiter = StoredRateLimiter(f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        with pytest.raises(Unavailable, match="does not answer"):
            limiter.hit("1/day", "x")


def test_a_redis_that_hangs_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        limiter = StoredRateLimiter(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        with pytest.raises(Unavailable):
            limiter.hit("1/day", "x")
