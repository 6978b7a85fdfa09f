"""Proxies between a function and its services, which count its calls and let one of them go wrong.

Every call counts, reads too. What goes wrong is what can: the function is killed before or after the service acted, the
answer is lost, or the service acts and says 503, so that the client's own retry finds its work done.
"""

import contextlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import grpc

from tests.e2e.conftest import processes

Fault = Literal["kill before", "kill after", "lose the answer", "act and say 503", "say 503"]
FAULTS: tuple[Fault, ...] = ("kill before", "kill after", "lose the answer", "act and say 503")
_SAYS_503 = {"error": {"code": 503, "message": "try again", "errors": [{"reason": "backendError", "message": "-"}]}}
_OWN_HEADERS = {"transfer-encoding", "connection", "content-length", "date", "server"}


def kill_worker(group: int) -> None:
    """kill -9 to the workers of a function's process group; gunicorn, their parent, starts others."""
    members = [(pid, parent) for pid, parent, leader, _ in processes() if leader == group]
    parents = {parent for _, parent in members}
    for pid, _ in members:
        if pid not in parents:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@dataclass
class Faults:
    """Counts calls; lets the armed one go wrong. `kill` ends the function's process."""

    kill: Callable[[], None] = lambda: None
    upstream: dict[str, str] = field(default_factory=dict)
    """host:port by service; to be known before the first call."""
    always: Callable[[str, bytes], Fault | None] = lambda _path, _body: None
    """What happens to each call of this path and body, whatever its number."""
    names: list[str] = field(default_factory=list)
    """The calls since `arm`, as `service METHOD path`."""
    _armed: tuple[Fault, int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, fault: Fault | None = None, number: int = 0) -> None:
        """Count from 1 again, and let the call of that number go wrong once."""
        with self._lock:
            self.names, self._armed = [], (fault, number) if fault else None

    @property
    def fired(self) -> bool:
        """Whether there was a call of the armed number."""
        with self._lock:
            return self._armed is not None and len(self.names) >= self._armed[1]

    def counted(self, name: str, path: str = "", body: bytes = b"") -> Fault | None:
        """Count a call; what is to go wrong with it."""
        with self._lock:
            self.names.append(name)
            if self._armed and len(self.names) == self._armed[1]:
                return self._armed[0]
        return self.always(path, body)

    def by_kind(self) -> Counter[str]:
        """How many calls of each kind there were: ids of jobs and the query string left off."""
        return Counter(self.names)


class _Lost(Exception):
    """The caller hears nothing."""


@contextmanager
def http_proxy(faults: Faults, service: str) -> Iterator[str]:
    """The URL of a proxy for an HTTP service."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            name = f"{service} {self.command} {self.path.partition('?')[0]}"
            fault = faults.counted(name, self.path, body)
            try:
                status, headers, data = self.answer(fault, body)
            except _Lost:
                self.close_connection = True
                return
            self.send_response(status)
            for header, value in headers:
                if header.lower() not in _OWN_HEADERS:
                    self.send_header(header, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def answer(self, fault: Fault | None, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            if fault == "kill before":
                faults.kill()
                raise _Lost
            refused = 503, [("Content-Type", "application/json")], json.dumps(_SAYS_503).encode()
            if fault == "say 503":
                return refused
            with contextlib.closing(HTTPConnection(faults.upstream[service], timeout=60)) as connection:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                data = answer.read()
            if fault == "kill after":
                faults.kill()
            if fault in ("kill after", "lose the answer"):
                raise _Lost
            return refused if fault == "act and say 503" else (answer.status, answer.getheaders(), data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            """Nothing: a test says what matters."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """A killed client leaves its connection: that is what this is for."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def grpc_proxy(faults: Faults, service: str) -> Iterator[str]:
    """The address of a proxy for a gRPC service with unary calls."""
    with ExitStack() as cleanup:

        class Forward(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
            def service(self, details: Any) -> Any:
                def call(request: bytes, context: Any) -> bytes:
                    fault = faults.counted(f"{service} {details.method.rpartition('/')[2]}", details.method, request)
                    answer = b""
                    if fault not in ("kill before", "say 503"):
                        with grpc.insecure_channel(faults.upstream[service]) as channel:
                            answer = channel.unary_unary(details.method)(request, timeout=20)
                    if fault in ("kill before", "kill after"):
                        faults.kill()
                    if fault:
                        context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
                    return answer

                return grpc.unary_unary_rpc_method_handler(call)

        server = grpc.server(cleanup.enter_context(ThreadPoolExecutor(8)), handlers=(Forward(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()
