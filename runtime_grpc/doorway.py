"""The way of every call, from the socket to its servicer: one interceptor, the outermost, and one door.

    initial metadata (`cs-schema-version`) → token → scope → request → servicer, and around all of it the wall

Nothing that is raised inside gets out as it is (`statuses`). Requests arrive as bytes and are read behind the token: who
may not ask learns nothing of how it was asked, and bytes that are no message are the caller's fault and not ours. Answers
leave as bytes: what is served often is serialised once.

`grpc.health.v1` is behind the wall and in front of the door: probes carry no token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from runtime_grpc.statuses import UnknownMethod, refuse
from shared.access.authoriser import Authoriser, require_scope
from shared.access.caller import Caller
from shared.http.headers import SCHEMA_VERSION, SCHEMA_VERSION_HEADER
from shared.kernel import lines
from shared.kernel.errors import InvalidToken, MalformedRequest
from shared.kernel.telemetry import Span, SpanKind, span
from shared.kernel.trace import continued

INITIAL_METADATA = ((SCHEMA_VERSION_HEADER, SCHEMA_VERSION),)
AUTHORIZATION, TRACEPARENT = "authorization", "traceparent"

Behaviour = Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Call:
    """An authenticated call as a servicer sees it. `expires_at`: seconds since the epoch; a stream ends there."""

    caller: Caller
    expires_at: float
    context: Any

    async def send(self, message: bytes) -> None:
        """Returns when the transport took it: a slow reader holds up its own stream and nobody else's."""
        await self.context.write(message)

    async def receive(self) -> bytes | None:
        """The next message of the caller's stream; None after the last one."""
        message = await self.context.read()
        return None if message is grpc.aio.EOF else message


@dataclass(frozen=True)
class Method:
    """One rpc of runtime.proto. `request` is the message's class; None where the servicer reads the stream itself."""

    service: str  # full name
    name: str
    scope: str
    request: Any
    servicer: Callable[..., Awaitable[Any]]

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"


@dataclass(frozen=True)
class Door:
    authoriser: Authoriser

    def handler(self, method: Method, descriptor: Any) -> Any:
        """What grpc runs for the method; its shape is the descriptor's."""

        async def one(raw: Any, context: Any) -> Any:
            call = await self.enter(method.scope, context)
            return await (method.servicer(call) if method.request is None else method.servicer(call, read(method, raw)))

        if not descriptor.server_streaming:
            return grpc.unary_unary_rpc_method_handler(one)
        if descriptor.client_streaming:
            return grpc.stream_stream_rpc_method_handler(one)
        return grpc.unary_stream_rpc_method_handler(one)

    async def enter(self, scope: str, context: Any) -> Call:
        """Raises `InvalidToken`, `InsufficientScope`, `Transient("issuer")` without keys."""
        metadata = context.invocation_metadata()
        claims = await self.authoriser.claims(_single(metadata, AUTHORIZATION))
        lines.add(tenant_id=claims.tenant_id)
        caller = Caller(claims.tenant_id, claims.subject, claims.client_id, claims.scopes, lines.fields().trace_id)
        require_scope(caller, (scope,))
        return Call(caller, claims.expires_at, context)


class Wall(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpcio has no types
    """The outermost interceptor. A method's handler is wrapped once and kept."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        method: str = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            found = await continuation(handler_call_details)
            if found is None:  # never kept: callers make up as many names as they like
                return grpc.stream_stream_rpc_method_handler(walled(method, _unknown))
            wrapped = self._wrapped[method] = _wrapped(method, found)
        return wrapped


def _wrapped(method: str, handler: Any) -> Any:
    codecs = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.unary_unary:
        return grpc.unary_unary_rpc_method_handler(walled(method, handler.unary_unary), **codecs)
    if handler.unary_stream:
        return grpc.unary_stream_rpc_method_handler(walled(method, handler.unary_stream), **codecs)
    return grpc.stream_stream_rpc_method_handler(walled(method, handler.stream_stream), **codecs)


def walled(method: str, behaviour: Behaviour) -> Behaviour:
    """`behaviour` with its initial metadata before and its errors as statuses after it."""

    async def call(request: Any, context: Any) -> Any:
        parent = continued(_sent_trace(context.invocation_metadata()))
        with span(method.removeprefix("/"), SpanKind.SERVER, parent, rpc__system="grpc") as opened:
            return await inside(request, context, opened)

    async def inside(request: Any, context: Any, opened: Span) -> Any:
        try:
            await context.send_initial_metadata(INITIAL_METADATA)
            return await behaviour(request, context)
        except (grpc.aio.AbortError, grpc.aio.InternalError):  # refused already; or the caller is gone, which grpc knows
            raise
        except Exception as error:  # the outermost place: whatever it is becomes a status, without its text
            await refuse(context, error, method, opened.trace_id)

    return call


def read(method: Method, raw: bytes) -> Any:
    """The request of a method. Raises `MalformedRequest` for bytes that are none."""
    try:
        return method.request.FromString(raw)
    except DecodeError:
        raise MalformedRequest({"": ["is no message of this method"]}) from None


def _sent_trace(metadata: Any) -> str | None:
    """As of a request: the traceparent that the caller sent."""
    sent = [value for name, value in metadata or () if name == TRACEPARENT]
    return sent[0] if len(sent) == 1 and isinstance(sent[0], str) else None


def _single(metadata: Any, name: str) -> str | None:
    """The value of a key; None without one. Raises `InvalidToken` for two: which one counts must not be a guess."""
    values = [value for key, value in metadata or () if key == name]
    if len(values) > 1 or not all(isinstance(value, str) for value in values):
        raise InvalidToken("more than one authorization")
    return values[0] if values else None


async def _unknown(request: Any, context: Any) -> None:
    raise UnknownMethod
