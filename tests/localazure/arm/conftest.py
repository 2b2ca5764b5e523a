"""One ARM for each test, on real sockets, behind TLS and the proxy; what was sent and answered is judged at the end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from localazure.arm.app import Application, application
from localazure.arm.jobs import JobRunner
from localazure.arm.platform_kinds import Cluster
from localazure.shelf import Shelf
from tests.localazure.arm.client import Client
from tests.localazure.arm.doubles import Runner, Vaults

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, in one file; its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "management.azure.com")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("management.azure.com"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "leaf.pem"
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + built.public_bytes(encoding))
    return path


@dataclass
class Local:
    arm: Client
    application: Application
    workloads: Runner
    vaults: Vaults
    certificate: Path
    logs: Path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextlib.asynccontextmanager
async def tunnel(port: int) -> AsyncIterator[str]:
    """A CONNECT proxy whose every way leads to `port`."""

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        upstream, sink = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(copy(reader, sink), copy(upstream, writer))

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    proxy.close()


@contextlib.asynccontextmanager
async def serving(app: Application, certificate: Path) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, port=0, ssl_certfile=certificate, log_level="error", lifespan="on", timeout_graceful_shutdown=1
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()  # without the main loop, whose ticks of 0.1 s every test would wait for
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


@pytest_asyncio.fixture
async def local(certificate: Path, tmp_path: Path) -> AsyncIterator[Local]:
    shelf, workloads, vaults = Shelf(tmp_path / "services.sqlite"), Runner(), Vaults()
    app = application(
        shelf,
        workloads,
        jobs=JobRunner(logs=tmp_path / "logs", project=ROOT, environment={"FROM_SETTINGS": "settings"}),
        authorise=lambda token: token == "good",
        vaults=vaults,
        cluster=Cluster("https://127.0.0.1:6443", "-----BEGIN CERTIFICATE-----"),
        tls=server_context(certificate),
        delay_seconds=0.05,
        startup_seconds=0.5,
    )
    async with serving(app, certificate) as port, tunnel(port) as proxy:
        client = Client(proxy, str(certificate))
        yield Local(client, app, workloads, vaults, certificate, tmp_path / "logs")
        await client.close()
    workloads.close()
    shelf.close()
    assert client.judging.offences == []
