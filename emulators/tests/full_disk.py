"""A service in a process of its own, whose disk is full when the test says so.

RLIMIT_FSIZE stands for the disk: nothing can be written beyond it in a file (EFBIG), as nothing can on a full one
(ENOSPC). The limit lies within a file's first page, so that a write is cut in two as well.

python -m emulators.tests.full_disk KIND DIR, then a line `full` or `space` on stdin each time; it answers `ok`.
"""

import asyncio
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from emulators import rpc
from emulators.bigquery import create_app
from emulators.kms import KeyManagement
from emulators.pubsub import Broker, handlers
from emulators.secret_manager import SecretManager
from emulators.sendgrid import Sink
from emulators.sendgrid import create_app as sink_app

_HALF_A_PAGE = 2048


def _limit(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


def _obey() -> None:
    for line in sys.stdin:
        _limit(_HALF_A_PAGE if line.strip() == "full" else resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        sys.stdout.write("ok\n")
        sys.stdout.flush()


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


async def _grpc(make: Callable[[], Any]) -> None:
    server = rpc.server()
    server.add_generic_rpc_handlers(make())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _say(port)
    await server.wait_for_termination()


async def _http(app: Any) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    _say(server.servers[0].sockets[0].getsockname()[1])
    await serving


def main() -> None:
    """Serve until killed."""
    kind, directory = sys.argv[1], Path(sys.argv[2])
    threading.Thread(target=_obey, daemon=True).start()
    path = directory / "store.sqlite"
    if kind == "bigquery":
        asyncio.run(_http(create_app(directory)))
    elif kind == "sendgrid":
        asyncio.run(_http(sink_app(Sink(path, "SG.right"))))
    elif kind == "pubsub":
        asyncio.run(_grpc(lambda: handlers(Broker(path))))
    else:
        store: Any = KeyManagement if kind == "kms" else SecretManager
        asyncio.run(_grpc(lambda: (store(path).handler(),)))


if __name__ == "__main__":
    main()
