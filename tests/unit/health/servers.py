"""Servers on loopback for probes to meet: what they answer, how they misbehave, and whom they heard."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.kernel.clock import now
from shared.runtime.health.addresses import Networks
from shared.runtime.health.prober import Evidence, Prober

LOOPBACK = Networks.parse("127.0.0.0/8")
NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
HEALTHY = json.dumps({"status": "Healthy", "checks": [{"name": "sql", "status": "Healthy", "durationMs": 12}]}).encode()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Server:
    """Answers each connection with the same bytes, and remembers what it was asked."""

    port: int = 0
    host: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    dropped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


Behave = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(answer: bytes | Behave, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            server.requests.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            server.dropped.set()
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, server.host, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def prober(**options: Any) -> Prober:
    return Prober(options.pop("allowed", LOOPBACK), lambda: NOON, **{"timeout": 2.0, **options})


async def probed(answer: bytes | Behave, *, format: Any = "json", **options: Any) -> Evidence:
    async with serving(answer) as server:
        return await prober(**options).probe(server.url, "/health", format)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def trickling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def certificate(host: str) -> tuple[bytes, bytes]:
    """A self-signed certificate for `host` and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(minutes=5))
        .not_valid_after(now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )


@asynccontextmanager
async def listening_everywhere() -> AsyncIterator[tuple[int, list[str]]]:
    reached: list[str] = []

    def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(str(writer.get_extra_info("sockname")))
        writer.close()

    first = await asyncio.start_server(note, "127.0.0.1", 0)
    port = int(first.sockets[0].getsockname()[1])
    servers = [first]
    for host in ("127.0.0.2", "::1"):
        with suppress(OSError):  # a machine without that address has nothing to guard there
            servers.append(await asyncio.start_server(note, host, port))
    try:
        yield port, reached
    finally:
        for server in servers:
            server.close()
