"""The ASGI application: routes, bodies, errors as JSON.

Routing is by hand because each request costs the client a query's latency: two dictionary look-ups instead of a
regular expression per route.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import re
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote

from emulators import storage_full
from emulators.bigquery.access.callers import ANYBODY, Caller
from emulators.bigquery.access.methods import needs
from emulators.bigquery.errors import ApiError, disk_full, invalid, not_found, not_implemented

if TYPE_CHECKING:
    from emulators.bigquery.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOG = logging.getLogger("emulators.bigquery")
# A request's body; jobs.insert page says 10 MB, media uploads are larger.
MAX_BODY = 512 * 1024 * 1024
# Up to so many rows are worked on in the event loop: a few milliseconds.
FEW_ROWS = 300
T = TypeVar("T")
# Query parameters of every method; https://cloud.google.com/apis/docs/system-parameters
_SYSTEM_PARAMETERS = {
    "$.xgafv", "$alt", "$fields", "$prettyPrint", "access_token", "alt", "callback", "fields", "key", "oauth_token",
    "prettyPrint", "quotaUser", "userIp", "uploadType", "upload_protocol",
}  # fmt: skip
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass
class Request:
    """One request: path parts after the project, query parameters, headers, body."""

    method: str
    project: str
    parts: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    service: Service
    base_url: str = ""
    caller: Caller = ANYBODY

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises invalid."""
        try:
            value = json.loads(self.body or b"{}", parse_constant=_no_constant)
            if _SURROGATE.search(self.body):
                json.dumps(value, ensure_ascii=False).encode()  # half a character is none
        except (ValueError, RecursionError):
            raise ApiError(400, "parseError", "Parse Error") from None
        if not isinstance(value, dict):
            raise ApiError(400, "parseError", "Parse Error: the body must be a JSON object")
        return value

    def only(self, *names: str) -> None:
        """Raise badRequest for a query parameter that is neither among these nor one of every method's."""
        for name in self.query:
            if name not in names and name not in _SYSTEM_PARAMETERS:
                raise ApiError(
                    400,
                    "badRequest",
                    f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                    f"Field '{name}' could not be found in request message.",
                )

    def integer(self, name: str, default: int, *, low: int = 0) -> int:
        """A query parameter as a number of 64 bits; raises invalid."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        try:
            number = int(text)
        except ValueError:
            raise invalid(f"Invalid value '{text}' for {name}: it must be a number") from None
        if not low <= number < 2**63:
            raise invalid(f"Invalid value '{text}' for {name}: it must be at least {low} and less than 2^63")
        return number


@dataclass
class Response:
    """A status and a JSON body; None is an empty body."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


class App:
    """ASGI application over one service, which its lifespan opens and closes.

    `open_service` makes it; a server that knows no lifespan gets it with the first request.
    """

    def __init__(self, open_service: Callable[[], Service], routes: dict[tuple[str, ...], dict[str, Handler]]) -> None:
        self._open = open_service
        self._routes = routes
        self._service: Service | None = None

    @property
    def service(self) -> Service:
        """The service, opened when first needed."""
        if self._service is None:
            self._service = self._open()
        return self._service

    def close(self) -> None:
        """Close the service; a later request opens it again."""
        if self._service is not None:
            self._service.close()
            self._service = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"the embedded BigQuery serves HTTP, not {scope['type']}")
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        query = scope["query_string"].decode("latin-1")
        body = await _body(receive)
        status, listed, content = await self.answer(scope["method"], path, query, headers, body)
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": content})

    async def answer(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and content for one request; `headers` have lower-case names. Raises nothing."""
        try:
            response = await self._respond(method, path, query, headers, body)
            content = b"" if response.body is None else await _encoded(response.body)
        except ApiError as error:
            response = Response(error.body(), error.status)
            content = _dumps(response.body)
        except Exception as error:  # noqa: BLE001 - the client gets an answer, the log the fault
            if storage_full.is_full(error):
                refused = disk_full()
            else:
                # 501, not 500: Google's clients repeat internalError for ten minutes, and a fault of ours stays one
                _LOG.exception("request failed")
                refused = not_implemented("this request: it met a fault of the embedded service, see its log")
            response = Response(refused.body(), refused.status)
            content = _dumps(response.body)
        listed = [(b"content-length", b"%d" % len(content))]
        if response.body is not None:
            listed.append((b"content-type", b"application/json; charset=UTF-8"))
        listed += [(k.encode(), v.encode()) for k, v in response.headers.items()]
        return response.status, listed, content

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                _ = self.service
                await send({"type": "lifespan.startup.complete"})
            else:
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _respond(
        self, method: str, path: str, query_string: str, headers: dict[str, str], body: bytes
    ) -> Response:
        method = headers.get("x-http-method-override", method)
        content = _decoded(body, headers.get("content-encoding", "identity").lower())
        parts = path.strip("/").split("/")
        if "%" in path:
            parts = [unquote(p) for p in parts]
        if parts == [""]:
            return Response({"kind": "bigquery#embedded"})
        if parts[0] == "emulator":
            act = self._routes.get(tuple(parts), {}).get(method)
            if act is None:
                raise not_found(f"Not found: {path}")
            return await act(Request(method, "", parts, _query(query_string), headers, content, self.service))
        upload = parts[0] in {"upload", "resumable"}
        project, rest = _resource(parts[1:] if upload else parts, path)
        shape = _shape(rest, upload=upload)
        handler = self._routes.get(shape, {}).get(method)
        if handler is None:
            if not rest or rest[0] in {"datasets", "jobs", "queries", "serviceAccount"}:
                raise not_implemented(f"{method} {'/'.join(shape) or 'projects'}")
            raise not_found(f"Not found: {path}")
        host = headers.get("host", "127.0.0.1")
        query = _query(query_string)
        caller = self.service.access.caller(headers.get("authorization"))
        if caller.is_checked:
            for permission, resource in needs(shape, method, project, rest, query):
                caller.need(permission, resource)
        url = f"http://{host}"
        return await handler(Request(method, project, rest, query, headers, content, self.service, url, caller))


def _decoded(body: bytes, encoding: str) -> bytes:
    """The body as its Content-Encoding says; raises badRequest for one that is not known, or if it is too large."""
    if encoding == "gzip":
        body = _unpacked(body)
    elif encoding not in {"identity", ""}:
        raise ApiError(400, "badRequest", f"Unknown Content-Encoding {encoding}; known: gzip, identity")
    if len(body) > MAX_BODY:
        raise _too_large()
    return body


def _resource(parts: list[str], path: str) -> tuple[str, list[str]]:
    """The project that a path names, and what it names of it; raises notFound for no path of this API."""
    if parts[:1] == ["bigquery"]:
        parts = parts[1:]
    if parts[:2] != ["v2", "projects"]:
        raise not_found(f"Not found: {path}")
    return (parts[2] if len(parts) > 2 else ""), parts[3:]


def _shape(rest: list[str], *, upload: bool) -> tuple[str, ...]:
    """The path as the routes have it: ids are *."""
    if rest[:1] == ["jobs"] and len(rest) == 3:
        return ("jobs", "*", rest[2])
    named = tuple(part if i % 2 == 0 else "*" for i, part in enumerate(rest))
    return ("upload", *named) if upload else named


def _query(text: str) -> dict[str, str]:
    """The query parameters; one that is repeated is a list with commas."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


async def _body(receive: Receive) -> bytes:
    """The whole body; of one that is too large no more than shows that it is."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more and size <= MAX_BODY:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = bool(message.get("more_body"))
    return b"".join(pieces)


def _too_large() -> ApiError:
    return ApiError(413, "uploadTooLarge", f"The body is larger than {MAX_BODY} bytes")


def _unpacked(body: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(body)) as packed:
            content = packed.read(MAX_BODY + 1)
    except (OSError, EOFError, zlib.error):
        raise ApiError(400, "badRequest", "The body is not what its Content-Encoding says: gzip") from None
    if len(content) > MAX_BODY:
        raise _too_large()
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


async def _encoded(body: Any) -> bytes:
    """JSON; of many rows in a thread, so that others need not wait for it."""
    if isinstance(body, dict) and len(body.get("rows") or ()) > FEW_ROWS:
        return await asyncio.get_running_loop().run_in_executor(None, _dumps, body)
    return _dumps(body)


def _dumps(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


async def in_thread(rows: int, work: Callable[[], T]) -> T:
    """Do work on so many rows: few at once, many in a thread."""
    if rows <= FEW_ROWS:
        return work()
    return await asyncio.get_running_loop().run_in_executor(None, work)
