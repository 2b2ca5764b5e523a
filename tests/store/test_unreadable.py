"""A poison row is one row: it neither passes as absent nor takes its neighbours with it. Older schemas are upgraded."""

from __future__ import annotations

import logging
import zlib
from typing import Any

import pytest

from shared.kernel.errors import Unreadable
from shared.kernel.record import Record
from shared.store.packing import Packing
from shared.store.port import Conflict, Create, Delete, Put, Replace
from shared.store.reading import read, read_all

P = "acme|env-0011223344556677"


class Service(Record):
    service_id: str
    replicas: int = 1


class Tag(Record):
    """All defaults: even an empty document would read as one."""

    text: str = ""


PACKED = zlib.compress(b'{"serviceId":"b"}' * 9000)
POISON: dict[str, dict[str, Any]] = {
    "of a newer release": {"doc": '{"serviceId":"b"}', "schema": 2, "commit": "c"},
    "schema zero": {"doc": '{"serviceId":"b"}', "schema": 0, "commit": "c"},
    "schema as text": {"doc": '{"serviceId":"b"}', "schema": "1", "commit": "c"},
    "without schema": {"doc": '{"serviceId":"b"}', "commit": "c"},
    "without document": {"schema": 1, "commit": "c"},
    "broken text": {"doc": '{"serviceId":', "schema": 1},
    "nested too deep": {"doc": "[" * 30_000, "schema": 1},
    "an array": {"doc": "[]", "schema": 1, "commit": "c"},
    "document as number": {"doc": 7, "schema": 1, "commit": "c"},
    "truncated": {"doc0": PACKED[:-5], "schema": 1, "commit": "c"},
    "no zlib": {"doc0": b"plain", "schema": 1, "commit": "c"},
    "first chunk missing": {"doc1": PACKED, "schema": 1, "commit": "c"},
    "chunk as text": {"doc0": "text", "schema": 1, "commit": "c"},
    "a bomb": {"doc0": zlib.compress(zlib.compress(b'"' + b"a" * 80_000_000 + b'"')), "schema": 1, "commit": "c"},
}


@pytest.mark.parametrize("columns", POISON.values(), ids=POISON)
async def test_a_row_that_cannot_be_read_is_one_row(bench: Any, columns: dict[str, Any], caplog: Any) -> None:
    store = bench.open()
    await store.commit(P, "c-1", [Create("svc-a", {"serviceId": "a"}), Create("svc-c", {"serviceId": "c"})])
    await bench.plant(store, P, "svc-b", columns)
    rows = await store.list(P, "svc-", limit=10)
    assert [row.key for row in rows] == ["svc-a", "svc-b", "svc-c"]
    with caplog.at_level(logging.ERROR):
        assert [service.service_id for service in read_all(Service, P, rows)] == ["a", "c"]
        assert read_all(Tag, P, rows[1:2]) == []
    assert [record.alert for record in caplog.records] == ["unreadable-row"] * 2
    assert caplog.records[0].rowKey == "svc-b"


async def test_it_is_no_absent_row(bench: Any) -> None:
    store = bench.open()
    await store.commit(P, "c-1", [Create("svc-a", {"serviceId": "a"})])
    await bench.plant(store, P, "svc-b", POISON["of a newer release"])
    found = await store.gather(P, ["svc-a", "svc-b"])
    assert set(found) == {"svc-a", "svc-b"}
    row = await store.get(P, "svc-b")
    for look in (lambda: row.document["serviceId"], lambda: dict(row.document), lambda: len(row.document)):
        with pytest.raises(Unreadable) as raised:
            look()
        assert (raised.value.partition, raised.value.key) == (P, "svc-b")
    with pytest.raises(Conflict):
        await store.commit(P, "c-2", [Create("svc-b", {"serviceId": "b"})])
    with pytest.raises(Unreadable):
        await store.commit(P, "c-3", [Put("svc-d", row.document)])


async def test_it_can_be_replaced_and_deleted_by_its_version(bench: Any) -> None:
    store = bench.open()
    await store.commit(P, "c-1", [Create("svc-a", {"serviceId": "a"})])
    for key in ("svc-b", "svc-c"):
        await bench.plant(store, P, key, POISON["broken text"])
    rows = await store.gather(P, ["svc-b", "svc-c"])
    changes = [Replace("svc-b", {"serviceId": "b"}, rows["svc-b"].version), Delete("svc-c", rows["svc-c"].version)]
    await store.commit(P, "c-2", changes)
    assert [row.document["serviceId"] for row in await store.list(P, "svc-", limit=10)] == ["a", "b"]


async def test_a_record_that_does_not_validate_is_unreadable_and_its_values_stay_out_of_the_log(
    bench: Any, caplog: Any
) -> None:
    store = bench.open()
    await store.commit(P, "c-1", [Create("svc-a", {"serviceId": ["hush"], "unknown": "hush"})])
    row = await store.get(P, "svc-a")
    with caplog.at_level(logging.ERROR), pytest.raises(Unreadable):
        read(Service, P, row)
    assert len(caplog.records) == 1
    assert "serviceId: string_type" in caplog.text
    assert "hush" not in caplog.text


async def test_an_older_schema_is_upgraded_when_it_is_read(bench: Any) -> None:
    upgrades = {
        1: lambda key, document: {**document, "replicas": 1} if key.startswith("svc-") else document,
        2: lambda key, document: {"serviceId": document["id"], "replicas": document["replicas"]},
    }
    store = bench.open(upgrades=upgrades)
    await store.commit(P, "c-1", [Create("svc-new", {"serviceId": "new", "replicas": 3})])
    await bench.plant(store, P, "svc-old", Packing().pack("svc-old", {"id": "old", "pad": "x" * 40_000}, "c-0"))
    await bench.plant(store, P, "svc-bad", Packing().pack("svc-bad", {"no": "id"}, "c-0"))
    found = read_all(Service, P, await store.list(P, "svc-", limit=10))
    assert found == [Service(service_id="new", replicas=3), Service(service_id="old", replicas=1)]


def test_a_gap_in_the_upgrades_is_refused() -> None:
    for upgrades in ({2: lambda key, document: document}, {1: dict, 3: dict}):
        with pytest.raises(ValueError, match="no gap"):
            Packing(upgrades)
