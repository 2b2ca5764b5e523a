"""An Azurite of this session, and a proxy before it for each test, on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.data.tables.aio import TableClient

from localazure.control import Faults, Mode, Traffic
from localazure.tables import TablesProxy
from shared.store.connection import Account, Patience, Policies
from shared.store.table import TableStore
from tests.support.azurite import Azurite, connection_string
from tests.support.ports import free_port


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    made = Azurite(tmp_path_factory.mktemp("azurite"))
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
