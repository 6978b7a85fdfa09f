"""Ask a server of this machine for many things over few connections, and keep what each answer said and took.

A client of a few lines on asyncio: a usual one would take more of the machine than the server that is measured.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """`took_s` counts from when the request was due, so that a server that lets others wait is seen to."""

    status: int
    body: bytes
    took_s: float


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A request, as it goes over the wire; `_` in a header's name stands for `-`."""
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{said}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def at_rate(url: str, requests: Sequence[bytes], a_second: float) -> list[Answer]:
    """Send each request when it is due, however long those before it take. 0 as status: no answer came."""

    async def run() -> list[Answer]:
        free: list[_Connection] = []
        begun = time.perf_counter()

        async def one(number: int, request: bytes) -> Answer:
            due = begun + number / a_second
            await asyncio.sleep(due - time.perf_counter())
            connection = free.pop() if free else _Connection(url)
            answer = await connection.ask(request, due)
            free.append(connection)
            return answer

        answers = await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))
        for connection in free:
            connection.close()
        return answers

    return asyncio.run(run())


def as_fast_as_it_goes(url: str, request: Callable[[int], bytes], *, seconds: float, connections: int) -> list[Answer]:
    """So many clients for so long, each of which sends its next request when it has the answer to the last."""

    async def run() -> list[Answer]:
        begun = time.perf_counter()
        answers: list[Answer] = []
        numbers = iter(range(1 << 62))

        async def client(numbers: Iterator[int]) -> None:
            connection = _Connection(url)
            while (now := time.perf_counter()) - begun < seconds:
                answers.append(await connection.ask(request(next(numbers)), now))
            connection.close()

        await asyncio.gather(*(client(numbers) for _ in range(connections)))
        return answers

    return asyncio.run(run())


class _Connection:
    """Kept alive, and opened again when the server has closed it in between."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, due: float) -> Answer:
        try:
            status, body = await self._ask(request)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            status, body = 0, type(error).__name__.encode()
        return Answer(status, body, time.perf_counter() - due)

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
