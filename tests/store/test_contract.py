"""What every Store promises, on each adapter."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import count

import pytest

from shared.store.limits import MAX_KEY_LENGTH, check_wire_size
from shared.store.packing import TEXT_CHARACTERS, Packing
from shared.store.port import (
    MAX_CHANGES,
    MAX_COMMIT_BYTES,
    MAX_DOCUMENT_BYTES,
    Change,
    Conflict,
    Create,
    Delete,
    Put,
    Replace,
    Store,
    TooLarge,
)

P = "acme|env-0011223344556677"
_ids = count(1)

A_LARGE_BODY = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp, above 1 MiB


async def commit(store: Store, *changes: Change, partition: str = P, commit_id: str = "") -> None:
    await store.commit(partition, commit_id or f"c-{next(_ids)}", changes)


async def version(store: Store, key: str) -> str:
    row = await store.get(P, key)
    assert row is not None
    return row.version


def noise(characters: int) -> str:
    """Text that hardly compresses: about 6 bits a character stay."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(random.Random(7).choices(alphabet, k=characters))  # noqa: S311 - data, no secret


async def test_what_was_created_is_read(store: Store) -> None:
    assert await store.get(P, "env") is None
    await commit(store, Create("env", {"name": "booking", "n": 1, "deep": {"list": [1, None, True, 2.5]}}))
    row = await store.get(P, "env")
    assert row is not None
    assert row.key == "env"
    assert row.document == {"name": "booking", "n": 1, "deep": {"list": [1, None, True, 2.5]}}
    assert row.version


async def test_a_row_is_read_as_its_json_and_shares_nothing_with_what_was_written(store: Store) -> None:
    written = {"tuple": (1, 2), "inner": {"a": 1}}
    await commit(store, Create("env", written))
    written["inner"]["a"] = 2
    first = await store.get(P, "env")
    assert first is not None
    assert first.document == {"tuple": [1, 2], "inner": {"a": 1}}
    first.document["inner"]["a"] = 3
    second = await store.get(P, "env")
    assert second is not None
    assert second.document["inner"] == {"a": 1}


async def test_every_write_changes_the_version(store: Store) -> None:
    seen = set()
    await commit(store, Create("env", {"n": 0}))
    seen.add(await version(store, "env"))
    await commit(store, Replace("env", {"n": 0}, await version(store, "env")))
    seen.add(await version(store, "env"))
    await commit(store, Put("env", {"n": 0}))
    seen.add(await version(store, "env"))
    assert len(seen) == 3


async def test_replacing_leaves_nothing_of_the_former_document(store: Store) -> None:
    await commit(store, Create("env", {"text": noise(300_000)}))
    await commit(store, Replace("env", {"small": True}, await version(store, "env")))
    row = await store.get(P, "env")
    assert row is not None
    assert row.document == {"small": True}


async def test_put_creates_and_replaces(store: Store) -> None:
    await commit(store, Put("svc-a", {"n": 1}))
    await commit(store, Put("svc-a", {"n": 2}))
    row = await store.get(P, "svc-a")
    assert row is not None
    assert row.document == {"n": 2}


async def test_delete_removes_the_version_it_names(store: Store) -> None:
    await commit(store, Create("env", {"n": 1}))
    stale = await version(store, "env")
    await commit(store, Replace("env", {"n": 2}, stale))
    with pytest.raises(Conflict):
        await commit(store, Delete("env", stale))
    await commit(store, Delete("env", await version(store, "env")))
    assert await store.get(P, "env") is None


async def test_an_empty_commit_is_nothing(store: Store) -> None:
    await commit(store)
    assert await store.list(P, "", limit=10) == []


async def test_a_commit_is_applied_as_a_whole_or_not_at_all(store: Store) -> None:
    await commit(store, Create("b", {"n": 0}), Create("gone", {"n": 0}))
    gone = await version(store, "gone")
    with pytest.raises(Conflict) as raised:
        await commit(store, Create("a", {"n": 1}), Delete("gone", gone), Create("b", {"n": 1}), Put("c", {"n": 1}))
    assert raised.value.key == "b"
    rows = await store.list(P, "", limit=10)
    assert [(row.key, row.document["n"]) for row in rows] == [("b", 0), ("gone", 0)]


async def test_a_conflict_names_the_first_row_in_the_way(store: Store) -> None:
    await commit(store, *[Create(key, {"n": 0}) for key in ("a", "b", "c")])
    fresh, stale = await version(store, "a"), await version(store, "b")
    await commit(store, Put("b", {"n": 1}))
    cases: list[tuple[list[Change], str]] = [
        ([Create("new", {}), Create("c", {})], "c"),
        ([Replace("a", {}, fresh), Replace("b", {}, stale), Create("c", {})], "b"),
        ([Replace("a", {}, fresh), Delete("b", stale)], "b"),
        ([Create("new", {}), Replace("absent", {}, stale)], "absent"),
        ([Create("new", {}), Delete("absent", stale)], "absent"),
    ]
    for changes, key in cases:
        with pytest.raises(Conflict) as raised:
            await commit(store, *changes)
        assert raised.value.key == key
    assert await store.get(P, "new") is None


async def test_partitions_do_not_see_each_other(store: Store) -> None:
    other = "acme|env-8899aabbccddeeff"
    await commit(store, Create("env", {"n": 1}))
    await commit(store, Create("env", {"n": 2}), partition=other)
    assert [row.document["n"] for row in await store.list(P, "", limit=10)] == [1]
    assert await store.get("acme|env-", "env") is None
    assert (await store.gather(other, ["env"]))["env"].document == {"n": 2}


async def test_a_commit_sent_again_is_no_conflict(store: Store) -> None:
    await commit(store, Create("env", {"n": 1}))
    changes: list[Change] = [Replace("env", {"n": 2}, await version(store, "env")), Create("log-1", {})]
    await commit(store, *changes, commit_id="again")
    after = await version(store, "env")
    await commit(store, *changes, commit_id="again")
    assert await version(store, "env") == after


async def test_a_commit_sent_again_is_recognised_although_one_of_its_rows_moved_on(store: Store) -> None:
    changes = [Create("env", {"n": 1}), Create("log-1", {})]
    await commit(store, *changes, commit_id="again")
    await commit(store, Replace("env", {"n": 2}, await version(store, "env")))
    await commit(store, *changes, commit_id="again")
    row = await store.get(P, "env")
    assert row is not None
    assert row.document == {"n": 2}


async def test_another_commit_with_the_same_rows_is_a_conflict(store: Store) -> None:
    await commit(store, Create("env", {"n": 1}), commit_id="mine")
    with pytest.raises(Conflict):
        await commit(store, Create("env", {"n": 1}), commit_id="other")


async def test_a_commit_of_deletes_sent_again_is_done(store: Store) -> None:
    await commit(store, Create("a", {}), Create("b", {}))
    deletes = [Delete("a", await version(store, "a")), Delete("b", await version(store, "b"))]
    await commit(store, *deletes, commit_id="gone")
    await commit(store, *deletes, commit_id="gone")
    await commit(store, Create("b", {"again": True}))
    with pytest.raises(Conflict):
        await commit(store, *deletes, commit_id="gone")


async def test_twenty_creators_make_one_row(store: Store) -> None:
    async def create(number: int) -> str:
        try:
            await commit(store, Create("idem-1", {"by": number}), Create(f"log-{number}", {}))
        except Conflict as conflict:
            return f"lost {conflict.key}"
        return "won"

    outcomes = await asyncio.gather(*(create(number) for number in range(20)))
    assert sorted(outcomes) == ["lost idem-1"] * 19 + ["won"]
    assert len(await store.list(P, "log-", limit=30)) == 1


async def test_twenty_writers_lose_no_update(store: Store) -> None:
    await commit(store, Create("seq", {"n": 0}))

    async def increment(number: int) -> None:
        while True:
            row = await store.get(P, "seq")
            assert row is not None
            successor = {"n": row.document["n"] + 1}
            try:
                await commit(store, Replace("seq", successor, row.version), Create(f"log-{successor['n']:02d}", {}))
            except Conflict:
                continue
            return

    await asyncio.gather(*(increment(number) for number in range(20)))
    row = await store.get(P, "seq")
    assert row is not None
    assert row.document == {"n": 20}
    assert len(await store.list(P, "log-", limit=30)) == 20


async def test_lists_are_in_key_order_and_page_by_the_last_key(store: Store) -> None:
    for start in range(0, 1100, 100):
        await commit(store, *[Create(f"n-{number:05d}", {"n": number}) for number in range(start, start + 100)])
    await commit(store, Create("m-z", {}), Create("n.", {}), Create("n", {}), Create("o", {}))
    everything = await store.list(P, "n-", limit=5000)
    assert [row.document["n"] for row in everything] == list(range(1100))
    assert [row.key for row in await store.list(P, "n-", limit=3)] == ["n-00000", "n-00001", "n-00002"]
    assert [row.key for row in await store.list(P, "n-", limit=2, after="n-01097")] == ["n-01098", "n-01099"]
    assert len(await store.list(P, "n-", limit=1001)) == 1001
    assert [row.key for row in await store.list(P, "n-", limit=1, after="a")] == ["n-00000"]
    assert await store.list(P, "n-", limit=1, after="o") == []
    assert await store.list(P, "n-", limit=0) == []
    assert [row.key for row in await store.list(P, "", limit=2)] == ["m-z", "n"]
    assert [row.key for row in await store.list(P, "", limit=9, after="n-01099")] == ["n.", "o"]


async def test_gather_reads_many_and_leaves_out_the_absent(store: Store) -> None:
    keys = [f"svc-{number:02d}" for number in range(40)]
    await commit(store, *[Create(key, {"key": key}) for key in keys[::2]])
    found = await store.gather(P, [*keys, keys[0]])
    assert {key: row.document["key"] for key, row in found.items()} == {key: key for key in keys[::2]}
    assert await store.gather(P, []) == {}


KEYS = [
    "a b",
    " a",
    "a ",
    "a'b",
    "''",
    "a|b",
    "a&b",
    "a+b",
    "a=b",
    "$a",
    "@a",
    "a$",
    "a!",
    "a~",
    "~",
    "(a)",
    '"a"',
    "a;b",
    "a,b",
]


async def test_awkward_keys_stay_apart_everywhere(store: Store) -> None:
    keys = [*KEYS, "A", "a", "key@odata.type", "--boundary", "x" * MAX_KEY_LENGTH]
    for partition in ("it's|me & you", "~a;|env-1", "or PartitionKey ne 'x'"):
        await commit(store, *[Create(key, {"key": key}) for key in keys], partition=partition)
        assert [row.key for row in await store.list(partition, "", limit=100)] == sorted(keys)
        assert set(await store.gather(partition, keys)) == set(keys)
        for key in keys:
            row = await store.get(partition, key)
            assert row is not None
            assert row.document == {"key": key}
            expected = [other for other in sorted(keys) if other.startswith(key)]
            assert [found.key for found in await store.list(partition, key, limit=100)] == expected


REFUSED = [
    "",
    "a/b",
    "a\\b",
    "a#b",
    "a?b",
    "a%b",
    "a%2Fb",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "é",
    "\u212a",
    "😀",
    "x" * (MAX_KEY_LENGTH + 1),
]


@pytest.mark.parametrize("key", REFUSED)
async def test_a_key_that_cannot_be_stored_is_absent_and_never_written(store: Store, key: str) -> None:
    await commit(store, Create("env", {}))
    assert await store.get(P, key) is None
    assert await store.get(key, "env") is None
    assert await store.gather(P, [key]) == {}
    assert await store.gather(key, ["env"]) == {}
    assert await store.list(key, "", limit=5) == []
    if key:
        assert await store.list(P, key, limit=5) == []
    for partition, row_key in ((P, key), (key, "env")):
        with pytest.raises(ValueError, match="not a key"):
            await commit(store, Put(row_key, {}), partition=partition)


DOCUMENTS = [
    {},
    {"": ""},
    {"text": 'é ß 漢 😀 \u2028 \u0000 \x7f \\ " \r\n--batch_1--\r\nPOST http://x/$batch HTTP/1.1\r\n\r\n{}'},
    {"lone": "\ud800", "PartitionKey": "other", "RowKey": "x", "odata.etag": "y", "doc0": "z", "schema": 9},
    {"big": 2**70, "small": -(2**63), "float": 1e-300, "date": "2026-06-11T12:00:00Z", "html": "<a href='x'>&amp;</a>"},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
async def test_documents_come_back_as_they_were(store: Store, document: dict[str, object]) -> None:
    await commit(store, Create("a", document), Put("b", document))
    found = await store.gather(P, ["a", "b"])
    assert [json.dumps(found[key].document) for key in ("a", "b")] == [json.dumps(document)] * 2


@A_LARGE_BODY
@pytest.mark.parametrize(
    "characters", [TEXT_CHARACTERS - 11, TEXT_CHARACTERS - 10, 65_536, 88_000, 500_000, 1_180_000], ids=str
)
async def test_big_documents_are_kept_whole(store: Store, characters: int) -> None:
    document = {"text": noise(characters)}
    await commit(store, Create("env", document))
    row = await store.get(P, "env")
    assert row is not None
    assert row.document == document
    assert [found.document for found in await store.list(P, "env", limit=1)] == [document]


async def test_a_document_beyond_the_limit_is_refused(store: Store) -> None:
    with pytest.raises(TooLarge) as raised:
        await commit(store, Create("first", {}), Create("env", {"text": noise(1_300_000)}))
    assert raised.value.what == "env"
    assert raised.value.limit == MAX_DOCUMENT_BYTES
    assert await store.get(P, "first") is None


async def test_what_is_no_json_is_refused(store: Store) -> None:
    for document in ({"n": float("nan")}, {"n": float("inf")}, {"n": {1, 2}}):
        with pytest.raises((ValueError, TypeError)):
            await commit(store, Create("env", document))
    assert await store.get(P, "env") is None


async def test_a_hundred_changes_fit_and_one_more_does_not(store: Store) -> None:
    await commit(store, *[Create(f"a-{number}", {"n": number}) for number in range(MAX_CHANGES)])
    assert len(await store.list(P, "a-", limit=200)) == MAX_CHANGES
    with pytest.raises(TooLarge) as raised:
        await commit(store, *[Create(f"b-{number}", {}) for number in range(MAX_CHANGES + 1)])
    assert (raised.value.what, raised.value.size) == ("changes", MAX_CHANGES + 1)
    assert await store.list(P, "b-", limit=1) == []


def filled(quotes: int) -> list[Change]:
    """100 changes, three of them compressed, whose transaction grows with `quotes`: the wire escapes those twice."""
    texts = [Create(f"t-{number:02d}", {"text": '"' * quotes}) for number in range(97)]
    return [*texts, *[Create(f"z-{number}", {"text": noise(60_000)}) for number in range(3)]]


def fits(changes: list[Change]) -> bool:
    packing = Packing()
    try:
        check_wire_size(P, {change.key: packing.pack(change.key, change.document, "c") for change in changes})
    except TooLarge:
        return False
    return True


@A_LARGE_BODY
async def test_the_largest_commit_that_passes_the_check_is_taken_and_the_next_is_refused(store: Store) -> None:
    low, high = 5_000, 15_000
    assert fits(filled(low))
    assert not fits(filled(high))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(filled(middle)) else (low, middle)
    await commit(store, *filled(low), commit_id="c")
    assert len(await store.list(P, "t-", limit=200)) == 97
    with pytest.raises(TooLarge) as raised:
        await commit(store, *filled(high), commit_id="c")
    assert (raised.value.what, raised.value.limit) == ("commit", MAX_COMMIT_BYTES)


async def test_a_row_may_be_named_once_per_commit(store: Store) -> None:
    with pytest.raises(ValueError, match="twice"):
        await commit(store, Create("env", {}), Put("env", {}))
    with pytest.raises(ValueError, match="needs an id"):
        await store.commit(P, "", [Create("env", {})])
