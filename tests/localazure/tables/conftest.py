"""An Azurite of this session, and a proxy before it for each test, on real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.data.tables.aio import TableClient

from localazure.control import Faults, Mode, Traffic
from localazure.supervisor.node import find_azurite, find_node
from localazure.supervisor.trouble import Trouble
from localazure.tables import TablesProxy
from shared.store.connection import Account, Patience, Policies
from shared.store.table import TableStore

ROOT = Path(__file__).parents[3]
# The account that every Azurite has, from its README.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
STARTED_WITHIN = 30.0  # seconds


def connection_string(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};"
        f"TableEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Azurite:
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        try:
            command = [find_node(), str(find_azurite(ROOT))]
        except Trouble as missing:
            pytest.skip(str(missing))
        options = ["--silent", "--skipApiVersionCheck", "--loose", "--disableTelemetry", "--inMemoryPersistence"]
        listen = ["--tableHost", "127.0.0.1", "--tablePort", str(self.port)]
        self.process = subprocess.Popen(
            [*command, *options, *listen],
            cwd=self.folder,
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTED_WITHIN
        while not self._listens():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    made = Azurite(free_port(), tmp_path_factory.mktemp("azurite"))
    made.start()
    yield made
    made.stop()


@dataclass
class Counting(SansIOHTTPPolicy[Any, Any]):
    """What a client sends, retries included."""

    sent: list[str] = field(default_factory=list)

    def on_request(self, request: Any) -> None:
        self.sent.append(f"{request.http_request.method} {request.http_request.url.rpartition('/')[2]}")


class Way:
    """A proxy, what is made to fail there, what it counted, and clients on both sides of it."""

    def __init__(self, upstream: int) -> None:
        self.faults, self.traffic = Faults(), Traffic()
        self.proxy = TablesProxy(
            0,
            upstream,
            lambda: self.faults.strike("tables"),
            lambda method, path, status: self.traffic.count("tables", method, path, status),
        )
        self.faults.register("tables", self.proxy)
        self.upstream = upstream
        self.table = f"t{uuid4().hex}"
        self._opened: list[Any] = []

    async def fail(self, mode: Mode, rate: float = 1.0, seconds: float = 30.0) -> None:
        await self.faults.impose("tables", mode, rate, seconds)

    def client(self, *, through: bool = True, **options: Any) -> TableClient:
        port = self.proxy.port if through else self.upstream
        client = TableClient.from_connection_string(connection_string(port), self.table, use_env_settings=False, **options)
        self._opened.append(client)
        return client

    def store(self, counting: Counting, **patience: float) -> TableStore:
        account = Account(connection_string=connection_string(self.proxy.port))
        policies = Policies(per_attempt=[counting])
        store = TableStore(account, table=self.table, policies=policies, patience=Patience(**patience))
        self._opened.append(store)
        return store

    @property
    def counted(self) -> dict[tuple[str, str, int], int]:
        rows = self.traffic.document().get("tables", [])
        return {(row["method"], row["path"], row["status"]): row["count"] for row in rows}

    async def close(self) -> None:
        await self.faults.lift()
        for each in self._opened:
            await each.close()
        await self.proxy.stop()


@pytest.fixture
async def way(azurite: Azurite) -> AsyncIterator[Way]:
    made = Way(azurite.port)
    await made.proxy.start()
    yield made
    await made.close()


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def way_to() -> Any:
    """A way to any port, which the test itself starts and closes."""
    return Way


@pytest.fixture
def unused_port() -> int:
    return free_port()
