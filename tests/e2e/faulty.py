"""Proxies between a function and its services, which count its calls and let one of them go wrong.

Every call counts, reads too. What goes wrong is what can: the function is killed before or after the service acted, the
answer is lost, or the service acts and says 503, so that the client's own retry finds its work done. A job can also be
said to run for as long as a test likes.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import grpc

from tests.e2e.conftest import processes

Fault = Literal["kill before", "kill after", "lose the answer", "act and say 503", "say quotaExceeded"]
FAULTS: tuple[Fault, ...] = ("kill before", "kill after", "lose the answer", "act and say 503")
_REFUSALS: dict[str, tuple[int, str]] = {
    "act and say 503": (503, "backendError"),
    "say quotaExceeded": (403, "quotaExceeded"),  # which the client does not retry (facts 8)
}
# So long jobs.getQueryResults waits for the end of a job; BigQuery may answer at any time that it is not complete.
_RESULTS_WAIT_S = 2.0
_OWN_HEADERS = {"transfer-encoding", "connection", "content-length", "date", "server"}


def kill_worker(group: int, port: int) -> None:
    """kill -9 to the worker of a function's process group that holds this end of a connection.

    gunicorn, the worker's parent, starts another: as a container that dies takes along its own requests alone.
    """
    workers = [pid for pid, _, leader, _ in processes() if leader == group and pid != group]
    for pid in holders(port) & set(workers):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def holders(port: int) -> set[int]:
    """The processes that a connection from this local port belongs to."""
    if not Path("/proc/net/tcp").exists():
        found = subprocess.run(["lsof", "-t", "-nP", f"-iTCP:{port}"], capture_output=True, text=True, check=False)
        return {int(pid) for pid in found.stdout.split()}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{line[9]}]" for line in lines if int(line[1].rpartition(":")[2], 16) == port}
    found_pids = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it is another user's, or gone
            if str(entry.readlink()) in sockets:
                found_pids.add(int(entry.parts[2]))
    return found_pids


@dataclass
class Faults:
    """Counts calls; lets the armed one go wrong. `kill` ends the process that calls from this port."""

    kill: Callable[[int], None] = lambda _port: None
    upstream: dict[str, str] = field(default_factory=dict)
    """host:port by service; to be known before the first call."""
    always: Callable[[str, bytes], Fault | None] = lambda _path, _body: None
    """What happens to each call of this path and body, whatever its number."""
    names: list[str] = field(default_factory=list)
    """The calls since `arm` that count, as `service METHOD path`."""
    _held: bytes = b""
    _finished: threading.Event = field(default_factory=threading.Event)
    _of: str = ""
    _armed: tuple[Fault, int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, fault: Fault | None = None, number: int = 0, *, of: str = "") -> None:
        """Count from 1 again, and let the call of that number go wrong once: of those whose name has `of` in it."""
        with self._lock:
            self.names, self._of, self._armed = [], of, (fault, number) if fault else None

    @property
    def fired(self) -> bool:
        """Whether there was a call of the armed number."""
        with self._lock:
            return self._armed is not None and len(self.names) >= self._armed[1]

    @contextmanager
    def running(self, jobs: str) -> Iterator[None]:
        """Within the block BigQuery says of jobs with `jobs` in their id that they run."""
        self._held = jobs.encode()
        self._finished.clear()
        try:
            yield
        finally:
            self._held = b""
            self._finished.set()

    def is_held(self, path: str, body: bytes) -> bool:
        """Whether a call is about a job that is said to run."""
        return bool(self._held) and (self._held in path.encode() or self._held in body)

    def await_end(self) -> None:
        """Wait as jobs.getQueryResults does, for a while or until no job is held any more."""
        self._finished.wait(_RESULTS_WAIT_S)

    def counted(self, name: str, path: str = "", body: bytes = b"") -> Fault | None:
        """Count a call; what is to go wrong with it."""
        with self._lock:
            if self._of not in name:
                return None
            self.names.append(name)
            if self._armed and len(self.names) == self._armed[1]:
                return self._armed[0]
        return self.always(path, body)


class _Lost(Exception):
    """The caller hears nothing."""


def _refusal(fault: Fault) -> tuple[int, list[tuple[str, str]], bytes]:
    status, reason = _REFUSALS[fault]
    error = {"code": status, "message": "try again", "errors": [{"reason": reason, "message": "try again"}]}
    return status, [("Content-Type", "application/json")], json.dumps({"error": error}).encode()


def _running(data: bytes) -> bytes:
    """What jobs.insert, jobs.get or jobs.getQueryResults answer of a job that is not done."""
    said = json.loads(data)
    if "jobComplete" in said:
        return json.dumps({"jobReference": said["jobReference"], "jobComplete": False}).encode()
    return json.dumps({**said, "status": {"state": "RUNNING"}}).encode()


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
                faults.kill(self.client_address[1])
                raise _Lost
            if fault == "say quotaExceeded":
                return _refusal(fault)
            if "/queries/" in self.path and faults.is_held(self.path, body):
                faults.await_end()
            with contextlib.closing(HTTPConnection(faults.upstream[service], timeout=60)) as connection:
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                data = answer.read()
            if answer.status == 200 and faults.is_held(self.path, body):
                data = _running(data)
            if fault == "kill after":
                faults.kill(self.client_address[1])
            if fault in ("kill after", "lose the answer"):
                raise _Lost
            return _refusal(fault) if fault else (answer.status, answer.getheaders(), data)

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
                    if fault != "kill before":
                        with grpc.insecure_channel(faults.upstream[service]) as channel:
                            answer = channel.unary_unary(details.method)(request, timeout=20)
                    if fault in ("kill before", "kill after"):
                        faults.kill(int(context.peer().rpartition(":")[2]))
                    if fault:
                        context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
                    return answer

                return grpc.unary_unary_rpc_method_handler(call)

        server = grpc.server(cleanup.enter_context(ThreadPoolExecutor(8)), handlers=(Forward(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()
