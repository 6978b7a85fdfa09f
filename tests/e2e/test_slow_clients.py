"""Clients that begin a request and do not end it well: nothing is done for them, the others are served."""

import socket
import time
from contextlib import ExitStack

import httpx
import pytest

from local.functions import FUNCTIONS
from local.stack import Ready

pytestmark = pytest.mark.timeout(120)

# More than the API has threads.
CLIENTS = next(one.threads for one in FUNCTIONS if one.name == "api") + 4
# gunicorn looks for data for 5 s, and what has begun may pause for 5 s: together, and room for a busy machine.
MOST_S = 20.0


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /api/v1/customers/onboard HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["half a header", "half a body"],
)
def test_half_sent_requests_do_not_keep_others_out(stack: Ready, begun: bytes) -> None:
    with ExitStack() as clients:
        for _ in range(CLIENTS):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", int(stack.api.rpartition(":")[2]))))
            client.sendall(begun)
        started = time.monotonic()
        assert httpx.get(f"{stack.api}/healthz", timeout=MOST_S).status_code == 200
        assert time.monotonic() - started < MOST_S


def test_a_body_that_does_not_come_is_408(stack: Ready) -> None:
    with socket.create_connection(("127.0.0.1", int(stack.api.rpartition(":")[2])), timeout=MOST_S) as client:
        client.sendall(b"POST /api/v1/customers/onboard HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        answer = client.recv(4_096)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
        b"Content-Length: 3\r\n\r\n{}",
        b"Content-Length: 13\r\n\r\n",
    ],
    ids=["no size of a chunk", "no end of a chunk", "cut off", "cut off before it began"],
)
def test_a_body_that_is_not_whole_is_400(stack: Ready, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(stack.api.rpartition(":")[2])), timeout=MOST_S) as client:
        client.sendall(b"POST /api/v1/customers/onboard HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + sent)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"bad_request"' in answer
