"""The ports of a stack: opened by the supervisor, kept while the processes that serve them come and go."""

import socket
import struct
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from local.data_dir import StackError

API = "api"
BIGQUERY = "bigquery"
SENDGRID = "sendgrid"

# Requests that wait while a function is started again.
_BACKLOG = 1024

# Within this a client of a function sends more, or its connection is closed: gunicorn itself waits for the rest of a
# request for ever, and each such wait takes a thread.
_RECEIVE_TIMEOUT_S = 5


class Ports:
    """Listening sockets of 127.0.0.1 by name, and a port reserved for gRPC. Raises StackError for a port in use."""

    def __init__(self, api_port: int, functions: Iterable[str]) -> None:
        with ExitStack() as opened:
            # The API's first: it is the one that a user chose, and that may be in use.
            self._listening = {API: opened.enter_context(_listen(api_port))}
            for name in {BIGQUERY, SENDGRID, *functions} - {API}:
                self._listening[name] = opened.enter_context(_listen(0))
            self._grpc = opened.enter_context(_reserve())
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def grpc(self) -> int:
        """The port that the gRPC server binds."""
        return int(self._grpc.getsockname()[1])

    def port(self, name: str) -> int:
        """The port of a listening socket."""
        return int(self._listening[name].getsockname()[1])

    def url(self, name: str) -> str:
        """The URL that a listening socket answers at, without a slash at its end."""
        return f"http://127.0.0.1:{self.port(name)}"

    def fd(self, name: str) -> int:
        """A listening socket, to be passed on to the process that serves it."""
        return self._listening[name].fileno()


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections have it from the socket that accepts them; servers that never block do not meet it.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _RECEIVE_TIMEOUT_S, 0))
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
    except OverflowError:
        listening.close()
        raise StackError(f"{port} is no port; choose one from 0 to 65535") from None
    except OSError as error:
        listening.close()
        why = error.strerror or str(error)
        raise StackError(f"cannot use port {port}: {why}; choose another with --port, 0 for any free one") from None
    return listening


def _reserve() -> socket.socket:
    """A port that no other process is given. It is bound and never listens: gRPC takes no open socket, but shares
    the port (SO_REUSEPORT), and so gets every connection.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved
