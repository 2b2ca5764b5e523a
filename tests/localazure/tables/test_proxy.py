"""Table Storage through the proxy, with the real client against the real Azurite."""

from __future__ import annotations

import asyncio
import time

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError, ServiceResponseError

from localazure.control import Mode, faults
from shared.kernel.errors import Transient
from shared.store.port import Conflict, Create, Put

ONCE = {"retry_total": 0}


def entity(key: str, **columns: object) -> dict[str, object]:
    return {"PartitionKey": "p", "RowKey": key, **columns}


async def test_everything_passes_as_without_it_and_is_counted_without_keys(way):
    table = way.client()
    await table.create_table()
    await table.create_entity(entity("a b'%é", value=1))
    assert (await table.get_entity("p", "a b'%é"))["value"] == 1
    await table.update_entity(entity("a b'%é", value=2))
    assert [row["value"] async for row in table.query_entities("PartitionKey eq 'p'")] == [2]
    with pytest.raises(ResourceNotFoundError):
        await table.get_entity("p", "nowhere")
    await table.delete_entity("p", "a b'%é")
    assert way.counted == {
        ("POST", "/Tables", 201): 1,
        ("POST", f"/{way.table}", 201): 1,
        ("GET", f"/{way.table}(PartitionKey,RowKey)", 200): 1,
        ("PATCH", f"/{way.table}(PartitionKey,RowKey)", 204): 1,
        ("GET", f"/{way.table}()", 200): 1,
        ("GET", f"/{way.table}(PartitionKey,RowKey)", 404): 1,
        ("DELETE", f"/{way.table}(PartitionKey,RowKey)", 204): 1,
    }


async def test_a_batch_of_a_hundred_rows_is_one_request_and_its_rows_come_back(way):
    table = way.client()
    await table.create_table()
    text = "x" * 9_000
    answers = await table.submit_transaction([("create", entity(f"{n:03}", text=text)) for n in range(100)])
    assert len(answers) == 100
    assert way.counted[("POST", "/$batch", 202)] == 1
    rows = [row async for row in table.query_entities("PartitionKey eq 'p'")]
    assert [row["RowKey"] for row in rows] == [f"{n:03}" for n in range(100)]
    assert all(row["text"] == text for row in rows)


async def test_many_clients_at_once_are_kept_apart(way):
    table = way.client()
    await table.create_table()
    await asyncio.gather(*(table.create_entity(entity(f"{n}", value=n)) for n in range(50)))
    found = await asyncio.gather(*(table.get_entity("p", f"{n}") for n in range(50)))
    assert [row["value"] for row in found] == list(range(50))


async def test_down_refuses_connections_and_cuts_open_ones_until_lifted(way):
    table = way.client(**ONCE)
    await table.create_table()
    await way.fail(Mode.DOWN)
    for _ in range(2):
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            await table.create_entity(entity("a"))
    direct = way.client(through=False)
    assert [row async for row in direct.list_entities()] == []  # Azurite itself is still there, for whoever looks at rows
    await way.faults.lift()
    await table.create_entity(entity("a"))


async def test_slow_holds_each_request_until_the_fault_ends(way, monkeypatch):
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.3)
    table = way.client(**ONCE)
    await table.create_table()
    await way.fail(Mode.SLOW)
    started = time.monotonic()
    await table.create_entity(entity("a"))
    assert time.monotonic() - started >= 0.29
    monkeypatch.setattr(faults, "SLOW_SECONDS", 30)
    waiting = asyncio.create_task(table.create_entity(entity("b")))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await way.faults.lift()
    await asyncio.wait_for(waiting, 2)


async def test_error_is_a_failure_in_the_services_own_shape_and_nothing_was_done(way):
    table = way.client(**ONCE)
    await table.create_table()
    await way.fail(Mode.ERROR)
    with pytest.raises(HttpResponseError) as failed:
        await table.submit_transaction([("create", entity("a")), ("create", entity("b"))])
    assert (failed.value.status_code, failed.value.error_code) == (500, "InternalError")
    with pytest.raises(HttpResponseError, match="internal error"):
        await table.get_entity("p", "a")
    await way.faults.lift()
    assert [row async for row in table.list_entities()] == []
    assert way.counted[("POST", "/$batch", 500)] == 1


async def test_throttled_is_server_busy_with_retry_after_and_the_sdk_tries_again_then(way):
    table = way.client(**ONCE)
    await table.create_table()
    await way.fail(Mode.THROTTLE)
    with pytest.raises(HttpResponseError) as busy:
        await table.create_entity(entity("a"))
    headers = busy.value.response.headers
    assert (busy.value.status_code, headers["x-ms-error-code"], headers["Retry-After"]) == (503, "ServerBusy", "1")
    patient = way.client()
    waiting = asyncio.create_task(patient.create_entity(entity("a")))
    await asyncio.sleep(0.2)
    await way.faults.lift()
    await waiting
    assert way.counted[("POST", f"/{way.table}", 503)] == 2


async def test_a_share_of_the_requests_is_hit(way):
    table = way.client(**ONCE)
    await table.create_table()
    drawn = iter([0.9, 0.1, 0.7, 0.2])
    way.faults._chance = lambda: next(drawn)
    await way.fail(Mode.ERROR, rate=0.5)
    outcomes = []
    for n in range(4):
        try:
            await table.create_entity(entity(f"{n}"))
            outcomes.append(201)
        except HttpResponseError as failed:
            outcomes.append(failed.status_code)
    assert outcomes == [201, 500, 201, 500]


async def test_a_lost_acknowledgement_is_a_batch_that_was_done_and_a_connection_that_ended(way):
    table = way.client(**ONCE)
    await table.create_table()
    await way.fail(Mode.ACK_LOST)
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        await table.submit_transaction([("create", entity(f"{n:03}")) for n in range(100)])
    direct = way.client(through=False)
    assert len([row async for row in direct.list_entities()]) == 100
    assert way.counted[("POST", "/$batch", 202)] == 1
    await way.faults.lift()
    assert len([row async for row in table.list_entities()]) == 100


async def test_the_store_recognises_its_own_commit_after_a_lost_acknowledgement(way, counting):
    store = way.store(counting)
    await store.commit("p", "c0", [Create("first", {"n": 0})])
    # Only the batch is hit: the store finds out by reading.
    way.faults._chance = iter([0.0, *[0.9] * 100]).__next__
    await way.fail(Mode.ACK_LOST, rate=0.5)
    await store.commit("p", "c1", [Create("second", {"n": 1}), Put("third", {"n": 2})])
    await way.faults.lift()
    assert {row.key: row.document for row in await store.list("p", "", limit=9)} == {
        "first": {"n": 0},
        "second": {"n": 1},
        "third": {"n": 2},
    }
    done = sum(count for (_, path, status), count in way.counted.items() if (path, status) == ("/$batch", 202))
    assert done >= 2
    with pytest.raises(Conflict):
        await store.commit("p", "c2", [Create("second", {"n": 3})])


async def test_with_one_answer_in_ten_lost_every_commit_of_the_store_lands_once(way, counting):
    store = way.store(counting)
    await store.commit("p", "c", [Create("start", {})])
    drawn = iter(range(10_000))
    way.faults._chance = lambda: 0.0 if next(drawn) % 10 == 3 else 0.9
    await way.fail(Mode.ACK_LOST, rate=0.1)
    for n in range(40):
        await store.commit("p", f"c{n}", [Create(f"row{n:02}", {"n": n})])
    await way.faults.lift()
    rows = await store.list("p", "row", limit=100)
    assert [row.document["n"] for row in rows] == list(range(40))


async def test_a_store_that_is_throttled_for_longer_than_its_patience_says_so(way, counting):
    store = way.store(counting, budget=1.5)
    await store.commit("p", "c0", [Create("first", {})])
    await way.fail(Mode.THROTTLE)
    with pytest.raises(Transient):
        await store.commit("p", "c1", [Create("second", {})])


async def test_until_azurite_is_there_the_answer_is_server_busy(way_to, unused_port):
    way = way_to(unused_port)
    await way.proxy.start()
    try:
        table = way.client(**ONCE)
        for _ in range(2):
            with pytest.raises(HttpResponseError) as busy:
                await table.create_table()
            assert (busy.value.status_code, busy.value.error_code) == (503, "ServerBusy")
        assert way.counted == {("POST", "/Tables", 503): 2}
    finally:
        await way.close()
