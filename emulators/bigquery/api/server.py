"""HTTP/1.1 for the application: parsed by httptools, each answer one write.

An ASGI server serves the application as well; this one costs a request a third of that, and small query jobs are two
requests each.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools

from emulators.bigquery.api.http import MAX_BODY, App

# How long requests in progress have to end when the server is stopped.
_GRACE_S = 2.0
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}  # a stopped job
_STATUS = {status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in _PHRASES.items()}


@dataclass
class _Message:
    """A request as it arrives."""

    url: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    method: str = ""
    keep_alive: bool = True


class _Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other."""

    def __init__(self, app: App, connections: set[_Connection]) -> None:
        self._app = app
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._message = _Message()
        self._waiting: deque[_Message] = deque()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None

    # -- from the transport ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)

    # -- from the parser -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._message = _Message()

    def on_url(self, url: bytes) -> None:
        self._message.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._message.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._message.method = self._parser.get_method().decode("ascii")
        self._message.keep_alive = self._parser.should_keep_alive()
        if self._message.headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._message.body.append(body)
        self._message.size += len(body)
        if self._message.size > MAX_BODY:
            self._refuse(413)

    def on_message_complete(self) -> None:
        if self._transport.is_closing():
            return
        self._waiting.append(self._message)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    # -- answering -------------------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        try:
            while self._waiting and not self._transport.is_closing():
                message = self._waiting.popleft()
                await self._answer(message)
                if not message.keep_alive:
                    self._transport.close()
        finally:
            self._task = None

    async def _answer(self, message: _Message) -> None:
        path, _, query = message.url.decode("latin-1").partition("?")
        body = b"".join(message.body)
        status, headers, content = await self._app.answer(message.method, path, query, message.headers, body)
        head = [_STATUS[status], *(b"%b: %b\r\n" % pair for pair in headers), b"\r\n"]
        if not self._transport.is_closing():
            self._transport.write(b"".join(head) + (b"" if message.method == "HEAD" else content))

    def _refuse(self, status: int) -> None:
        """Answer what cannot be read as a request, and hang up."""
        if not self._transport.is_closing():
            self._transport.write(_STATUS[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self._transport.close()

    async def end(self) -> None:
        """Hang up after the answer in progress."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_GRACE_S)
        self._transport.close()


@contextlib.asynccontextmanager
async def serving(app: App, listening: socket.socket) -> AsyncIterator[None]:
    """Serve on a bound socket while inside; at the end answers in progress are given, and the service is closed."""
    loop = asyncio.get_running_loop()
    connections: set[_Connection] = set()
    server = await loop.create_server(lambda: _Connection(app, connections), sock=listening, backlog=1024)
    try:
        yield
    finally:
        server.close()
        if connections:
            await asyncio.wait([loop.create_task(connection.end()) for connection in connections])
        await loop.run_in_executor(None, app.close)


async def serve(app: App, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT; `started` is called when requests are answered."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(app, listening):
        started()
        await stop.wait()
