"""Proxies between a function and its services, which kill the function right after one of its calls has taken effect.

A call counts when it may change something: all but GET, and every gRPC call. The killed function gets no answer.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc


@dataclass
class Killer:
    """Counts calls; the one that is `armed` is the last that the function makes."""

    kill: Callable[[], None]
    upstream: dict[str, str] = field(default_factory=dict)
    """host:port by service; to be known before the first call."""
    armed: int = 0
    count: int = 0
    names: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, number: int) -> None:
        """Count from 1 again and kill after that call; 0 kills nothing."""
        with self._lock:
            self.armed, self.count, self.names = number, 0, []

    def counted(self, name: str) -> bool:
        """Count a call that has taken effect; whether the function was killed for it, and is to hear nothing."""
        with self._lock:
            self.count += 1
            self.names.append(name)
            hit = bool(self.armed) and self.count == self.armed
            late = bool(self.armed) and self.count > self.armed
        if hit:
            self.kill()
        return hit or late


@contextmanager
def http_proxy(killer: Killer, service: str) -> Iterator[str]:
    """The URL of a proxy for an HTTP service."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = HTTPConnection(killer.upstream[service], timeout=60)
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            if self.command != "GET" and killer.counted(f"{self.command} {self.path.partition('?')[0]}"):
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - names of http.server

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A killed client leaves its connection: that is what this is for."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def grpc_proxy(killer: Killer, service: str) -> Iterator[str]:
    """The address of a proxy for a gRPC service with unary calls."""
    with ExitStack() as cleanup:

        class Forward(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
            def service(self, details: Any) -> Any:
                def call(request: bytes, context: Any) -> bytes:
                    with grpc.insecure_channel(killer.upstream[service]) as channel:
                        answer: bytes = channel.unary_unary(details.method)(request, timeout=20)
                    if killer.counted(details.method):
                        context.abort(grpc.StatusCode.CANCELLED, "the caller is gone")
                    return answer

                return grpc.unary_unary_rpc_method_handler(call)

        server = grpc.server(cleanup.enter_context(ThreadPoolExecutor(4)), handlers=(Forward(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()
