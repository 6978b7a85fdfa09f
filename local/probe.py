"""Ask a process of the stack whether it is up, or to do a thing, with a timeout on everything."""

import http.client
import socket
import time
from urllib.parse import urlsplit

from local.child import Child
from local.data_dir import StackError

_START_TIMEOUT_S = 60.0
_CALL_TIMEOUT_S = 2.0
_PAUSE_S = 0.02


def await_answer(child: Child, url: str) -> None:
    """Wait until GET of `url` is answered, whatever the status. Raises StackError when the process dies before.

    The listening socket is the supervisor's, so a request that comes early waits in its queue.
    """
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _is_answered("GET", url):
        if child.deaths or time.monotonic() > deadline:
            what = "ended while it started" if child.deaths else f"did not answer within {_START_TIMEOUT_S:.0f} s"
            raise StackError(f"{child.name} {what}; the end of {child.log}:\n{child.last_lines()}")
        time.sleep(_PAUSE_S)


def post(url: str) -> None:
    """POST without a body. Raises StackError when nothing answers."""
    if not _is_answered("POST", url):
        raise StackError(f"nothing answers at {url}")


def is_listening(url: str) -> bool:
    """Whether connections are taken at the address of `url`: of a process that is only slow, too."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), _CALL_TIMEOUT_S).close()
    except (OSError, ValueError):  # nobody, or no address
        return False
    return True


def _is_answered(method: str, url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_CALL_TIMEOUT_S)
    try:
        connection.request(method, parts.path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()
