"""POST bodies to one endpoint over kept-alive connections, as cheaply as asyncio can.

Pushing is the hot path of the stack: one message is one request, and the function processes should be the limit,
not this side. Hence a protocol on httptools instead of a general client.
"""

import asyncio
import contextlib
from typing import cast
from urllib.parse import urlsplit

import httptools

# gunicorn closes a connection that was idle for 2 s; one that was idle for less is safe to use again.
_MOST_IDLE_S = 1.0


class Endpoint:
    """Connections to one http:// URL; as many as there are requests at the same time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            "User-Agent: CloudPubSub-Google\r\nAccept: */*\r\nContent-Length: "
        ).encode()
        self._idle: list[tuple[float, _Connection]] = []

    async def post(self, body: bytes) -> int:
        """The status of the answer; raises OSError when there is none. The caller sets the timeout."""
        connection = self._reusable() or await self._connect()
        try:
            status = await connection.ask(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        except BaseException:  # cancelled by the caller's timeout too: the answer would meet the next request
            connection.close()
            raise
        if connection.reusable:
            self._idle.append((asyncio.get_running_loop().time(), connection))
        else:
            connection.close()
        return status

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    def _reusable(self) -> "_Connection | None":
        oldest = asyncio.get_running_loop().time() - _MOST_IDLE_S
        while self._idle:
            since, connection = self._idle.pop()
            if since >= oldest and connection.reusable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: asyncio.Future[int] | None = None
        self.reusable = True

    async def ask(self, request: bytes) -> int:
        """Send one request, wait for its answer's last byte, return the status."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close without waiting."""
        self.reusable = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are of classes of their own

    def data_received(self, data: bytes) -> None:
        """asyncio: part of an answer."""
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"answer is not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: closed by either side."""
        self._fail(exc or ConnectionError("connection closed before the answer ended"))

    def on_message_complete(self) -> None:
        """httptools: the answer has ended."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status == 100:
            return
        # An interim status ends our request but not the exchange: 102 counts as an answer to a push (facts 18).
        self.reusable = self._parser.should_keep_alive() and status >= 200
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        with contextlib.suppress(asyncio.InvalidStateError):
            if self._answer is not None:
                self._answer.set_exception(error)
