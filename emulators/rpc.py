"""Serve gRPC methods from async functions on the raw protobuf classes of Google's clients.

The raw classes (`type(Topic.pb(Topic()))`) are several times quicker than their proto-plus wrappers and are the
very messages that the official clients send, so nothing is generated or copied here.
A method that is not registered is answered UNIMPLEMENTED by gRPC itself.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from emulators import storage_full

Code = grpc.StatusCode

# Above the 10 MB that Pub/Sub takes, so that a request which is too large is refused by the service, in its
# words, and not by the transport.
_MOST_REQUEST_BYTES = 32 * 1024 * 1024


class Refused(Exception):
    """A call is answered with this gRPC status instead of a response."""

    def __init__(self, code: Any, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Method:
    """One unary method: proto-plus request and response classes (or raw ones) and the function that answers."""

    request: Any
    response: Any
    answer: Callable[[Any], Awaitable[Any]]


def raw(message_class: Any) -> Any:
    """The protobuf class behind a proto-plus class; a protobuf class is returned as it is."""
    return type(message_class.pb(message_class())) if hasattr(message_class, "pb") else message_class


def handler(service: str, methods: Mapping[str, Method]) -> Any:
    """A generic handler for the service with this full name, e.g. `google.pubsub.v1.Publisher`."""
    return grpc.method_handlers_generic_handler(
        service,
        {
            name: grpc.unary_unary_rpc_method_handler(
                _answering(method.answer),
                request_deserializer=raw(method.request).FromString,
                response_serializer=raw(method.response).SerializeToString,
            )
            for name, method in methods.items()
        },
    )


def server() -> Any:
    """A gRPC server without services.

    Ports are shared (SO_REUSEPORT) with the socket by which the supervisor reserves one: it is bound and never
    listens, so every connection comes here.
    """
    return grpc.aio.server(options=(("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", _MOST_REQUEST_BYTES)))


def _answering(answer: Callable[[Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def call(request: Any, context: Any) -> Any:
        try:
            return await answer(request)
        except Refused as refused:
            return await context.abort(refused.code, str(refused))
        except (sqlite3.Error, OSError) as error:
            if not storage_full.is_full(error):
                raise
            # what clients try again (https://google.aip.dev/194); RESOURCE_EXHAUSTED is for quotas
            return await context.abort(Code.UNAVAILABLE, storage_full.MESSAGE)

    return call
