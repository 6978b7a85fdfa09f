"""A loop in a thread of its own, on which embedded gRPC services run for clients that block."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from emulators import rpc


class LoopThread:
    """Runs coroutines on one loop, like the services process does."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, function: Callable[[], Any]) -> Any:
        async def work() -> Any:
            return function()

        return self.run(work())

    @contextmanager
    def channel_to(self, handlers: Sequence[Any]) -> Iterator[Any]:
        """A channel to a server with these handlers."""
        with self.serving(handlers) as address, grpc.insecure_channel(address) as channel:
            yield channel

    @contextmanager
    def serving(self, handlers: Sequence[Any]) -> Iterator[str]:
        """The address, host:port, of a gRPC server with these handlers on a free port."""

        async def start() -> tuple[Any, int]:
            server = rpc.server()
            server.add_generic_rpc_handlers(handlers)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            return server, port

        server, port = self.run(start())
        try:
            yield f"127.0.0.1:{port}"
        finally:
            self.run(server.stop(None))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
