"""One ARM for each test, on real sockets, behind TLS and the proxy; what was sent and answered is judged at the end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from localazure.arm.app import Application, application
from localazure.arm.jobs import JobRunner
from localazure.arm.platform_kinds import Cluster
from localazure.shelf import Shelf
from tests.localazure.arm.client import Client
from tests.localazure.arm.doubles import Runner, Vaults
from tests.support.certificates import self_signed
from tests.support.serving import serving

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, in one file; its own authority."""
    return self_signed(tmp_path_factory.mktemp("tls"), "management.azure.com").both


@dataclass
class Local:
    arm: Client
    application: Application
    workloads: Runner
    vaults: Vaults
    certificate: Path
    logs: Path

    def let_operations_take(self, seconds: float) -> None:
        """Those that begin from now on: for tests of what happens meanwhile, on a machine that is busy, too."""
        self.application.resources.operations.delay_seconds = seconds


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
    async with serving(app, certificate=certificate, lifespan="on") as port, tunnel(port) as proxy:
        client = Client(proxy, str(certificate))
        yield Local(client, app, workloads, vaults, certificate, tmp_path / "logs")
        await client.close()
    workloads.close()
    shelf.close()
    assert client.judging.offences == []
