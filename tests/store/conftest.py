"""One bench per adapter: the in-memory twin, and Table Storage on a real Azurite that this session starts.

Without Node or Azurite (`make setup`) the Azurite half is a stated skip. Every request of the Azurite half passes a policy
that fails a query without a partition key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.data.tables.aio import TableClient

from shared.store.connection import Account, Patience, Policies
from shared.store.memory import MemoryStore
from shared.store.packing import Upgrade
from shared.store.table import TableStore
from tests.support.azurite import Azurite, connection_string
from tests.support.ports import free_port


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a running Azurite."""
    made = Azurite(tmp_path_factory.mktemp("azurite"))
    made.start()
    yield connection_string(made.port)
    made.stop()


@dataclass
class Traffic(SansIOHTTPPolicy[Any, Any]):
    """Counts what reaches the wire and fails any query that could leave its partition."""

    batches: int = 0
    reads: int = 0
    urls: list[str] = field(default_factory=list)

    def on_request(self, request: Any) -> None:
        url = str(request.http_request.url)
        self.urls.append(url)
        self.batches += url.endswith("/$batch")
        if request.http_request.method == "GET":
            self.reads += 1
            assert "PartitionKey=" in url or "$filter=PartitionKey%20eq%20" in url, f"leaves the partition: {url}"


@dataclass
class MemoryBench:
    def open(self, *, upgrades: Mapping[int, Upgrade] | None = None) -> MemoryStore:
        return MemoryStore(upgrades)

    async def plant(self, store: MemoryStore, partition: str, key: str, columns: Mapping[str, Any]) -> None:
        store.plant(partition, key, dict(columns))

    async def close(self) -> None:
        pass


@dataclass
class TableBench:
    text: str
    traffic: Traffic = field(default_factory=Traffic)
    name: str = field(default_factory=lambda: f"t{uuid4().hex}")
    opened: list[TableStore] = field(default_factory=list)

    def open(
        self,
        *,
        upgrades: Mapping[int, Upgrade] | None = None,
        patience: Patience | None = None,
        per_attempt: tuple[Any, ...] = (),
    ) -> TableStore:
        policies = Policies(per_attempt=(self.traffic, *per_attempt))
        store = TableStore(Account(self.text), table=self.name, upgrades=upgrades, patience=patience, policies=policies)
        self.opened.append(store)
        return store

    async def plant(self, _store: TableStore, partition: str, key: str, columns: Mapping[str, Any]) -> None:
        async with TableClient.from_connection_string(self.text, self.name) as client:
            await client.upsert_entity({"PartitionKey": partition, "RowKey": key, **columns}, mode="replace")

    async def close(self) -> None:
        for store in self.opened:
            await store.close()


@pytest.fixture(params=["memory", "azurite"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[MemoryBench | TableBench]:
    made = MemoryBench() if request.param == "memory" else TableBench(request.getfixturevalue("azurite"))
    yield made
    await made.close()


@pytest.fixture
async def store(bench: MemoryBench | TableBench) -> MemoryStore | TableStore:
    return bench.open()


@pytest.fixture
async def tables(azurite: str) -> AsyncIterator[TableBench]:
    """The Azurite bench alone, for what only a wire can lose."""
    made = TableBench(azurite)
    yield made
    await made.close()


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture
def account_at() -> Callable[[int], Account]:
    return lambda port: Account(connection_string(port))
