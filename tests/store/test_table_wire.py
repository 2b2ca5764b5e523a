"""What only a wire can do: lose an acknowledgement, keep silent, forget the table. And what we put on it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError, ServiceResponseTimeoutError
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.data.tables.aio import TableClient

from shared.kernel.errors import Transient
from shared.store.connection import Account, Patience
from shared.store.port import Change, Conflict, Create, Delete, Put, Replace
from shared.store.table import TableStore

P = "acme|env-0011223344556677"
IMPATIENT = Patience(connect=0.3, read=0.3, budget=1.0)


class Wire(AsyncHTTPPolicy[Any, Any]):
    """Does to the first `times` transactions what its subclass says."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times

    async def send(self, request: Any) -> Any:
        if self.times and request.http_request.url.endswith("/$batch"):
            self.times -= 1
            return await self.disturb(request)
        return await self.next.send(request)

    async def disturb(self, request: Any) -> Any:
        raise NotImplementedError


class LosesTheAnswer(Wire):
    async def disturb(self, request: Any) -> Any:
        response = await self.next.send(request)
        await response.http_response.read()
        raise ServiceResponseTimeoutError("lost")


class NeverArrives(Wire):
    async def disturb(self, request: Any) -> Any:
        raise ServiceRequestError("reset")


class BreaksBothWays(Wire):
    async def disturb(self, request: Any) -> Any:
        if self.times % 2:
            await (await self.next.send(request)).http_response.read()
        raise ServiceResponseError("broken")


class AnswersBusyAfterTheFact(Wire):
    """azure-core itself repeats the POST then, and the repetition meets our own rows."""

    async def disturb(self, request: Any) -> Any:
        response = await self.next.send(request)
        response.http_response.status_code = 503
        return response


@pytest.mark.parametrize("wire", [LosesTheAnswer, NeverArrives, AnswersBusyAfterTheFact], ids=lambda kind: kind.__name__)
async def test_a_lost_acknowledgement_is_success(tables: Any, wire: type[Wire]) -> None:
    calm = tables.open()
    await calm.commit(P, "c-0", [Create("env", {"n": 0}), Create("out-1", {}), Create("out-2", {})])
    rows = await calm.gather(P, ["env", "out-1", "out-2"])
    writes: list[Change] = [
        Replace("env", {"n": 1}, rows["env"].version),
        Create("log-1", {}),
        Delete("out-1", rows["out-1"].version),
    ]
    for commit_id, changes in (
        ("writes", writes),
        ("deletes", [Delete("out-2", rows["out-2"].version)]),
        ("puts", [Put("svc-a", {"n": 1})]),
    ):
        await tables.open(per_attempt=(wire(),)).commit(P, commit_id, changes)
    found = await calm.list(P, "", limit=10)
    assert [(row.key, row.document.get("n")) for row in found] == [("env", 1), ("log-1", None), ("svc-a", 1)]


async def test_a_real_conflict_behind_a_lost_acknowledgement_is_still_one(tables: Any) -> None:
    await tables.open().commit(P, "theirs", [Create("env", {"by": "them"})])
    with pytest.raises(Conflict) as raised:
        await tables.open(per_attempt=(LosesTheAnswer(),)).commit(P, "ours", [Create("log-1", {}), Create("env", {})])
    assert raised.value.key == "env"
    assert await tables.open().get(P, "log-1") is None


async def test_a_wire_that_stays_broken_is_transient_and_the_commit_can_be_sent_later(tables: Any) -> None:
    store = tables.open(per_attempt=(NeverArrives(times=100),))
    with pytest.raises(Transient) as raised:
        await store.commit(P, "c-1", [Create("env", {})])
    assert raised.value.dependency == "tables"
    await tables.open().commit(P, "c-1", [Create("env", {})])


async def test_twenty_writers_on_a_bad_wire_lose_no_update(tables: Any) -> None:
    await tables.open().commit(P, "c-0", [Create("seq", {"n": 0})])
    stores = [tables.open(per_attempt=(BreaksBothWays(times=9),)) for _ in range(4)]

    async def increment(number: int) -> None:
        store, tries = stores[number % 4], 0
        while True:
            row = await store.get(P, "seq")
            assert row is not None
            tries += 1
            log = Create(f"log-{number:02d}", {"n": row.document["n"] + 1})
            try:
                await _until_known(
                    store, f"w-{number}-{tries}", Replace("seq", {"n": row.document["n"] + 1}, row.version), log
                )
            except Conflict:
                continue
            return

    await asyncio.gather(*(increment(number) for number in range(20)))
    logged = [row.document["n"] for row in await stores[0].list(P, "log-", limit=100)]
    assert sorted(logged) == list(range(1, 21))


async def _until_known(store: TableStore, commit_id: str, *changes: Change) -> None:
    while True:
        try:
            return await store.commit(P, commit_id, changes)
        except Transient:
            continue


async def test_one_batch_per_commit_and_one_read_per_question(tables: Any) -> None:
    store, traffic = tables.open(), tables.traffic
    await store.commit(P, "c-1", [Create("env", {})])
    assert traffic.batches == 1
    await store.commit(P, "c-2", [Create(f"svc-{number}", {}) for number in range(100)])
    assert (traffic.batches, traffic.reads) == (2, 0)
    await store.get(P, "env")
    await store.gather(P, [f"svc-{number}" for number in range(14)])
    await store.list(P, "svc-", limit=100)
    assert (traffic.batches, traffic.reads) == (2, 3)
    assert sum(url.endswith("/Tables") for url in traffic.urls) == 1


async def test_the_suite_notices_a_query_that_leaves_the_partition(tables: Any) -> None:
    await tables.open().commit(P, "c-1", [Create("env", {})])
    policies = {"per_retry_policies": [tables.traffic]}
    async with TableClient.from_connection_string(tables.text, tables.name, **policies) as client:
        with pytest.raises(AssertionError, match="leaves the partition"):
            await anext(client.query_entities("RowKey eq 'env'"))


async def test_a_table_that_vanished_is_made_again(tables: Any) -> None:
    store = tables.open()
    for action in ("commit", "get", "gather", "list"):
        await store.commit(P, f"c-{action}", [Put("env", {"n": 1})])
        async with TableClient.from_connection_string(tables.text, tables.name) as client:
            await client.delete_table()
        if action == "commit":
            await store.commit(P, "c-again", [Create("env", {})])
            assert await store.get(P, "env")
        elif action == "get":
            assert await store.get(P, "env") is None
        elif action == "gather":
            assert await store.gather(P, ["env"]) == {}
        else:
            assert await store.list(P, "", limit=5) == []


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """The port of a server that accepts and never answers."""
    closing = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    closing.set()
    server.close()
    await server.wait_closed()


async def calls(store: TableStore) -> AsyncIterator[Any]:
    yield store.get(P, "env")
    yield store.gather(P, ["env"])
    yield store.list(P, "", limit=1)
    yield store.commit(P, "c-1", [Create("env", {})])


async def test_a_store_that_refuses_connections_is_transient_at_once(account_at: Any, unused_port: int) -> None:
    store = TableStore(account_at(unused_port))
    started = time.monotonic()
    async for call in calls(store):
        with pytest.raises(Transient):
            await call
    assert time.monotonic() - started < 5
    await store.close()


async def test_a_store_that_keeps_silent_is_transient_within_its_budget(account_at: Any, silent: int) -> None:
    store = TableStore(account_at(silent), patience=IMPATIENT)
    async for call in calls(store):
        started = time.monotonic()
        with pytest.raises(Transient):
            await call
        assert time.monotonic() - started < IMPATIENT.budget + 0.5
    await store.close()
    await store.close()


async def test_a_refused_credential_is_transient_and_tells_nothing(azurite: str) -> None:
    store = TableStore(Account(azurite.replace("AccountKey=E", "AccountKey=F")))
    with pytest.raises(Transient):
        await store.get(P, "env")
    await store.close()


def test_an_account_is_a_connection_string_or_an_endpoint_with_a_credential() -> None:
    for arguments in ({}, {"endpoint": "https://x"}, {"connection_string": "x", "endpoint": "y", "credential": object()}):
        with pytest.raises(ValueError, match="connection string"):
            Account(**arguments)


def test_the_sdk_is_imported_on_first_use_only() -> None:
    code = """
import sys, shared.store.table, shared.store.memory, shared.store.reading
print([name for name in sys.modules if name.startswith(("azure", "aiohttp"))])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
