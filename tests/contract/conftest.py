"""What the suites of the embedded gRPC services share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import grpc
import pytest

from tests.loop_thread import LoopThread

Served = Callable[[Sequence[Any]], AbstractContextManager[Any]]


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    loop_thread = LoopThread()
    yield loop_thread
    loop_thread.close()


@pytest.fixture(scope="session")
def serving(loop_thread: LoopThread) -> Served:
    """`with serving([handler]) as channel`: a channel to a server with these handlers."""

    @contextmanager
    def channel_to(handlers: Sequence[Any]) -> Iterator[Any]:
        with loop_thread.serving(handlers) as address, grpc.insecure_channel(address) as channel:
            yield channel

    return channel_to
