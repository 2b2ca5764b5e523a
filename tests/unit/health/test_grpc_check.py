"""gRPC health as the prober asks for it: of real gRPC servers, of servers that speak something else, of hostile ones."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from shared.runtime.health.addresses import Address, Networks
from shared.runtime.health.prober import Evidence, Prober
from tests.unit.health.servers import certificate, http

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
SERVING = health_pb2.HealthCheckResponse.ServingStatus


class Broken(health_pb2_grpc.HealthServicer):
    """Ends each call as it is told to."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code

    async def Check(self, request: Any, context: Any) -> Any:
        await context.abort(self.code, "no")


class Silent(health_pb2_grpc.HealthServicer):
    async def Check(self, request: Any, context: Any) -> Any:
        await asyncio.sleep(30)


@asynccontextmanager
async def grpc_server(servicer: Any, credentials: Any = None) -> AsyncIterator[int]:
    server = grpc.aio.server()
    if servicer is not None:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    at = "127.0.0.1:0"
    port = server.add_secure_port(at, credentials) if credentials else server.add_insecure_port(at)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def asked(port: int, *, host: str = "127.0.0.1", scheme: str = "http", **options: Any) -> Evidence:
    prober = Prober(Networks.parse("127.0.0.0/8"), lambda: NOON, **{"timeout": 5.0, **options})
    return await prober.probe(f"{scheme}://{host}:{port}", "/health", "grpc")


@pytest.mark.parametrize(
    ("word", "status", "detail"),
    [
        (SERVING.SERVING, "Healthy", None),
        (SERVING.NOT_SERVING, "Unhealthy", "not-serving"),
        (SERVING.UNKNOWN, "Unknown", "grpc-unknown"),
        (SERVING.SERVICE_UNKNOWN, "Unknown", "grpc-service-unknown"),
    ],
)
async def test_a_server_says_how_it_is(word: int, status: str, detail: str | None) -> None:
    servicer = health.aio.HealthServicer()
    await servicer.set("", word)
    async with grpc_server(servicer) as port:
        evidence = await asked(port)
    assert (evidence.status, evidence.detail, evidence.evaluated_at) == (status, detail, NOON)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Unhealthy"),
        (grpc.StatusCode.INTERNAL, "Unhealthy"),
        (grpc.StatusCode.NOT_FOUND, "Unhealthy"),
        (grpc.StatusCode.UNIMPLEMENTED, "Unknown"),
    ],
)
async def test_a_call_that_fails_is_its_status(code: grpc.StatusCode, status: str) -> None:
    async with grpc_server(Broken(code)) as port:
        evidence = await asked(port)
    assert (evidence.status, evidence.detail) == (status, f"grpc-{code.value[0]}")


async def test_a_server_without_the_health_service_does_not_tell() -> None:
    async with grpc_server(None) as port:
        evidence = await asked(port)
    assert (evidence.status, evidence.detail) == ("Unknown", "grpc-12")


async def test_a_server_that_does_not_answer_is_unknown_in_time() -> None:
    async with grpc_server(Silent()) as port:
        evidence = await asked(port, timeout=0.3)
    assert (evidence.status, evidence.detail) == ("Unknown", "timeout")


async def test_over_tls_it_is_asked_for_by_the_urls_name_with_alpn() -> None:
    made, key = certificate("svc.example")
    servicer = health.aio.HealthServicer()
    await servicer.set("", SERVING.SERVING)

    async def here(host: str, port: int) -> Sequence[Address]:
        return [IPv4Address("127.0.0.1")]

    trusting = {"resolver": here, "tls": lambda: ssl.create_default_context(cadata=made.decode())}
    async with grpc_server(servicer, grpc.ssl_server_credentials([(key, made)])) as port:
        good = await asked(port, host="svc.example", scheme="https", **trusting)
        other = await asked(port, host="other.example", scheme="https", **trusting)
        untrusted = await asked(port, host="svc.example", scheme="https", resolver=here)
    assert (good.status, good.detail) == ("Healthy", None)
    assert (other.status, other.detail) == (untrusted.status, untrusted.detail) == ("Unknown", "tls")


async def test_the_guard_holds_for_grpc_too() -> None:
    servicer = health.aio.HealthServicer()
    await servicer.set("", SERVING.SERVING)
    async with grpc_server(servicer) as port:
        guarded = Prober(Networks(), lambda: NOON)
        evidence = await guarded.probe(f"http://127.0.0.1:{port}", "/health", "grpc")
    assert (evidence.status, evidence.detail) == ("Unknown", "blocked-address")


# Servers that are none.

SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8)
RESET = b"\x00\x00\x04\x03\x00\x00\x00\x00\x01" + bytes(4)


def frames(*parts: bytes) -> bytes:
    return SETTINGS + b"".join(parts)


def headers(*fields: tuple[bytes, bytes], end: bool = False) -> bytes:
    """A HEADERS frame of stream 1, every field a literal without indexing."""
    block = b"".join(b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields)
    return len(block).to_bytes(3, "big") + b"\x01" + (b"\x05" if end else b"\x04") + b"\x00\x00\x00\x01" + block


def data(payload: bytes, *, end: bool = False) -> bytes:
    return len(payload).to_bytes(3, "big") + b"\x00" + (b"\x01" if end else b"\x00") + b"\x00\x00\x00\x01" + payload


OK = (b":status", b"200")
GRPC = (b"content-type", b"application/grpc+proto")
DONE = headers((b"grpc-status", b"0"), end=True)
HOSTILE = {
    "HTTP/1.1": (http("200 OK", b'{"status":"Healthy"}'), "Unknown", "bad-response"),
    "nothing": (b"", "Unhealthy", "disconnected"),
    "a banner": (b"SSH-2.0-x\r\n" * 9, "Unknown", "bad-response"),
    "settings and no answer": (frames(), "Unhealthy", "disconnected"),
    "goes away": (frames(GOAWAY), "Unhealthy", "disconnected"),
    "resets": (frames(RESET), "Unhealthy", "disconnected"),
    "serves": (frames(headers(OK, GRPC), data(b"\x00\x00\x00\x00\x02\x08\x01"), DONE), "Healthy", None),
    "says nothing at all": (frames(headers(OK, GRPC), DONE), "Unknown", "bad-response"),
    "an empty word": (frames(headers(OK, GRPC), data(bytes(5)), DONE), "Unknown", "grpc-unknown"),
    "a word from the future": (
        frames(headers(OK, GRPC), data(b"\x00\x00\x00\x00\x02\x08\x63"), DONE),
        "Unknown",
        "grpc-unknown",
    ),
    "two messages": (
        frames(headers(OK, GRPC), data(b"\x00\x00\x00\x00\x02\x08\x01" * 2), DONE),
        "Unknown",
        "bad-response",
    ),
    "compressed": (frames(headers(OK, GRPC), data(b"\x01\x00\x00\x00\x02\x08\x01"), DONE), "Unknown", "bad-response"),
    "no message": (frames(headers(OK, GRPC), data(b"\x00\x00\x00\x00\x02\xff\xff"), DONE), "Unknown", "bad-response"),
    "serves and has no status": (
        frames(headers(OK, GRPC), data(b"\x00\x00\x00\x00\x02\x08\x01", end=True)),
        "Unknown",
        "bad-response",
    ),
    "serves and fails": (
        frames(headers(OK, GRPC), data(b"\x00\x00\x00\x00\x02\x08\x01"), headers((b"grpc-status", b"14"), end=True)),
        "Unhealthy",
        "grpc-14",
    ),
    "an odd status": (frames(headers(OK, GRPC, (b"grpc-status", b"-1"), end=True)), "Unknown", "bad-response"),
    "a document over HTTP/2": (
        frames(headers(OK, (b"content-type", b"application/json")), data(b"{}", end=True)),
        "Unknown",
        "not-grpc",
    ),
    "a redirect": (
        frames(headers((b":status", b"302"), (b"location", b"http://127.0.0.1/"), end=True)),
        "Unknown",
        "redirect",
    ),
    "not here": (frames(headers((b":status", b"404"), end=True)), "Unhealthy", "http-404"),
    "endless": (frames(headers(OK, GRPC), *[data(bytes(16_000))] * 5), "Unknown", "too-large"),
    "broken frames": (frames(b"\xff" * 64), "Unhealthy", "disconnected"),
}

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(("answer", "status", "detail"), HOSTILE.values(), ids=HOSTILE)
async def test_whatever_comes_back_is_judged_and_raises_nothing(answer: bytes, status: str, detail: str | None) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"SM\r\n\r\n")
        await reader.readexactly(9)  # the settings' head: the client speaks
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        evidence = await asked(server.sockets[0].getsockname()[1])
    assert (evidence.status, evidence.detail) == (status, detail)
