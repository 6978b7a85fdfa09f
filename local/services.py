"""The process of the embedded services: BigQuery, Pub/Sub, KMS, Secret Manager and the SendGrid sink.

One event loop serves three ports of 127.0.0.1: gRPC (Pub/Sub, KMS and Secret Manager), BigQuery's HTTP, and the
HTTP of the SendGrid sink, where `GET /pubsub` also shows what Pub/Sub still owes:
`{"push_held": false, "subscriptions": {name: {"unacked", "in_flight", "push_endpoint"}}}`, and
`POST /pubsub/hold` and `/pubsub/release` stop pushing and go on. HTTP is answered last: once it is, all is up.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulators import rpc
from emulators.bigquery import create_app
from emulators.bigquery.api.server import serving
from emulators.kms import KeyManagement
from emulators.pubsub import Broker, handlers
from emulators.secret_manager import SecretManager
from emulators.sendgrid import Sink
from local.data_dir import Keys, read_keys


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: this process ends all its servers together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(options: argparse.Namespace, keys: Keys) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    directory: Path = options.data_dir
    async with contextlib.AsyncExitStack() as cleanup:
        key_management = KeyManagement(directory / "kms.sqlite")
        cleanup.callback(key_management.close)
        secret_manager = SecretManager(directory / "secret_manager.sqlite")
        cleanup.callback(secret_manager.close)
        sink = Sink(directory / "sendgrid.sqlite", keys.sendgrid_key)
        cleanup.callback(sink.close)
        grpc_server = rpc.server()
        grpc_server.add_generic_rpc_handlers((key_management.handler(), secret_manager.handler()))
        routes = sink.routes()
        if not options.no_pubsub:
            broker = Broker(directory / "pubsub.sqlite", push_held=options.hold_push)
            cleanup.push_async_callback(broker.close)
            broker.start()
            grpc_server.add_generic_rpc_handlers(handlers(broker))
            routes += pubsub_routes(broker)
        grpc_server.add_insecure_port(f"127.0.0.1:{options.grpc_port}")
        await grpc_server.start()
        cleanup.push_async_callback(grpc_server.stop, 0.2)
        (directory / "bigquery").mkdir(exist_ok=True)
        app = create_app(directory / "bigquery")
        _ = app.service  # opened here, so that a directory that cannot be used ends the start
        await cleanup.enter_async_context(serving(app, socket.socket(fileno=options.bigquery_fd)))
        await cleanup.enter_async_context(_http(Starlette(routes=routes), options.sendgrid_fd))
        await stop.wait()


def pubsub_routes(broker: Broker) -> list[Route]:
    """A look into Pub/Sub for people, tools and tests; Google's API has no such call."""

    async def show(request: Request) -> Response:  # noqa: ARG001 - a route's signature
        subscriptions = {
            name: {
                "unacked": subscription.backlog.unacked,
                "in_flight": subscription.backlog.leased,
                "push_endpoint": subscription.push_endpoint,
            }
            for name, subscription in broker.subscriptions.items()
        }
        return JSONResponse({"push_held": broker.push_held, "subscriptions": subscriptions})

    async def release(request: Request) -> Response:
        broker.release_push()
        return await show(request)

    async def hold(request: Request) -> Response:
        await broker.hold_push()
        return await show(request)

    return [
        Route("/pubsub", show, methods=["GET"]),
        Route("/pubsub/release", release, methods=["POST"]),
        Route("/pubsub/hold", hold, methods=["POST"]),
    ]


@contextlib.asynccontextmanager
async def _http(app: Any, listening_fd: int) -> Any:
    """Serve an ASGI app on a listening socket that the supervisor opened and keeps."""
    config = uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    listening = socket.socket(fileno=listening_fd)
    serving = asyncio.create_task(server.serve([listening]))
    while not server.started:
        if serving.done():
            serving.result()
            raise RuntimeError("an HTTP service ended while it started; its log says why")
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def main() -> None:
    """Parse the command line, serve."""
    parser = argparse.ArgumentParser(prog="local.services", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--bigquery-fd", type=int, required=True, help="listening socket")
    parser.add_argument("--sendgrid-fd", type=int, required=True, help="listening socket")
    parser.add_argument("--no-pubsub", action="store_true", help="Google's emulator is used instead")
    parser.add_argument("--hold-push", action="store_true", help="start as after POST /pubsub/hold")
    options = parser.parse_args()
    uvloop.run(serve(options, read_keys(options.data_dir)))


if __name__ == "__main__":
    main()
