"""What the suites of the embedded gRPC services share."""

from collections.abc import Iterator

import pytest

from tests.loop_thread import LoopThread


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    loop_thread = LoopThread()
    yield loop_thread
    loop_thread.close()
