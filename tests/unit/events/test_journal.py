"""One change is one transaction: the rows, the log row, the events and their numbers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

import pytest

from shared.events.envelope import EventType, Payload
from shared.events.journal import Cause, Journal, Pointer, Transaction
from shared.kernel.canonical import sha256
from shared.kernel.errors import ConcurrentChange, Transient
from shared.kernel.record import Record
from shared.kernel.trace import traceparent_of
from shared.store import keys
from shared.store.port import Conflict
from tests.unit.operations.world import NOON, TENANT, TRACE, World, place

PLACE = place()


class Thing(Record):
    value: int


class Synced(Payload):
    event_type: ClassVar = EventType.CONFIGURATION_SYNCED
    value: int


class Updated(Payload):
    event_type: ClassVar = EventType.INVENTORY_UPDATED


def events_of(world: World) -> list[Any]:
    return sorted((event for entry in world.log(PLACE.partition) for event in entry.events), key=lambda one: one.sequence)


def changing(world: World, key: str = "thing-1", value: int = 1) -> Transaction:
    tx = world.transaction(PLACE)
    tx.create(key, Thing(value=value))
    tx.emit(Synced(value=value), module_id="module-a")
    return tx


async def test_a_commit_writes_the_change_its_log_row_and_its_events_together(world: World) -> None:
    await world.journal.commit(changing(world))
    rows = world.store.partition(PLACE.partition)
    (log_key,) = [key for key in rows if key.startswith("log-")]
    assert set(rows) == {"thing-1", log_key, "seq", "out-000000000001"}
    (entry,) = world.log(PLACE.partition)
    assert (entry.actor, entry.client_id, entry.kind, entry.resource) == (
        "ada",
        "control-plane",
        "thing.changed",
        "thing-1",
    )
    assert (entry.at, entry.trace_id, entry.outcome) == (NOON, TRACE, "Allowed")
    pointer = Pointer.read(rows["out-000000000001"].document)
    assert (pointer.log_key, pointer.event_id) == (log_key, entry.events[0].event_id)
    assert world.sent == [PLACE]


async def test_an_event_is_the_canonical_envelope(world: World) -> None:
    await world.journal.commit(changing(world))
    (event,) = events_of(world)
    assert event.document() == {
        "eventId": event.event_id,
        "eventType": "ConfigurationSynced",
        "tenantId": TENANT,
        "projectId": "proj",
        "moduleId": "module-a",
        "traceId": TRACE,
        "correlationId": "corr-" + TRACE.removeprefix("trace-"),
        "causationId": TRACE,
        "occurredAt": "2026-06-11T12:00:00Z",
        "sequence": 1,
        "payload": {"value": 1},
    }
    sent_by = traceparent_of(TRACE)
    properties = event.properties(sent_by)
    assert properties["cs-tenant-id"] == TENANT
    assert properties["traceparent"] == sent_by
    assert properties["cloudEvents:id"] == event.event_id
    assert properties["cloudEvents:time"] == "2026-06-11T12:00:00Z"
    assert {name for name in properties if name.startswith("cloudEvents:")} >= {
        "cloudEvents:specversion",
        "cloudEvents:type",
    }


async def test_what_caused_a_change_is_told_by_its_event(world: World) -> None:
    for number, cause in enumerate(
        [Cause("s", "c", TRACE, operation_id="op-1"), Cause("s", "c", TRACE, operation_id="op-1", caused_by="evt-1")]
    ):
        tx = Transaction(PLACE, cause, "thing.changed", "thing-1", "")
        tx.create(f"thing-{number}", Thing(value=1))
        tx.emit(Updated())
        await world.journal.commit(tx)
    assert [event.causation_id for event in events_of(world)] == ["op-1", "evt-1"]


async def test_a_change_without_events_takes_no_number_and_lists_nothing(world: World) -> None:
    tx = world.transaction(PLACE)
    tx.create("thing-1", Thing(value=1))
    await world.journal.commit(tx)
    assert {key.partition("-")[0] for key in world.store.partition(PLACE.partition)} == {"thing", "log"}
    assert set(world.store.everything) == {PLACE.partition}
    assert world.sent == []


async def test_several_events_of_one_change_are_numbered_in_its_order(world: World) -> None:
    tx = changing(world)
    tx.emit(Updated())
    await world.journal.commit(tx)
    await world.journal.commit(changing(world, "thing-2"))
    assert [(event.sequence, event.event_type) for event in events_of(world)] == [
        (1, "ConfigurationSynced"),
        (2, "RuntimeInventoryUpdated"),
        (3, "ConfigurationSynced"),
    ]


async def test_the_log_tells_what_was_and_what_is(world: World) -> None:
    await world.journal.commit(changing(world))
    row = await world.store.get(PLACE.partition, "thing-1")
    assert row is not None
    tx = world.transaction(PLACE)
    tx.replace(row, Thing(value=2))
    world.time.passes(seconds=1)
    await world.journal.commit(tx)
    changed, created = world.log(PLACE.partition)
    assert created.before is None
    assert created.after == sha256({"thing-1": sha256({"value": 1})})
    assert changed.before == created.after
    assert changed.after == sha256({"thing-1": sha256({"value": 2})})


async def test_a_lost_race_for_a_row_is_the_callers_and_writes_nothing(world: World) -> None:
    await world.journal.commit(changing(world))
    before = world.store.partition(PLACE.partition)
    with pytest.raises(Conflict) as conflict:
        await world.journal.commit(changing(world))
    assert conflict.value.key == "thing-1"
    assert world.store.partition(PLACE.partition) == before
    assert len(world.sent) == 1


async def test_fifty_racing_commits_all_land_and_number_their_events_without_gaps(world: World) -> None:
    await asyncio.gather(*[world.journal.commit(changing(world, f"thing-{number}", number)) for number in range(50)])
    rows = world.store.partition(PLACE.partition)
    assert Counter(key.partition("-")[0] for key in rows) == {"thing": 50, "log": 50, "out": 50, "seq": 1}
    events = events_of(world)
    assert [event.sequence for event in events] == list(range(1, 51))
    assert {event.payload["value"] for event in events} == set(range(50))
    assert len({event.event_id for event in events}) == 50


async def test_the_processes_of_a_crowd_all_land(world: World) -> None:
    """Other processes take no turns with ours: there the tries have to do."""
    processes = [Journal(world.store, world.active, world.time, world.draw, world.sent.append) for _ in range(6)]
    await asyncio.gather(
        *[process.commit(changing(world, f"thing-{number}", number)) for number, process in enumerate(processes)]
    )
    assert [event.sequence for event in events_of(world)] == list(range(1, 7))


async def test_a_number_that_cannot_be_taken_is_given_up_and_nothing_is_written(world: World) -> None:
    other = world.transaction

    async def overtake() -> None:
        tx = other(PLACE)
        tx.emit(Updated())
        saved, world.store.interludes = world.store.interludes, []
        await Journal(world.store, world.active, world.time, world.draw, world.sent.append).commit(tx)
        world.store.interludes = saved

    async def nothing() -> None:
        """Ahead of the commit that lists the environment."""

    world.store.interludes = [nothing, *[overtake] * 8]
    with pytest.raises(ConcurrentChange):
        await world.journal.commit(changing(world))
    assert "thing-1" not in world.store.partition(PLACE.partition)
    assert [event.sequence for event in events_of(world)] == list(range(1, 9))


async def test_a_lost_acknowledgement_repeats_the_same_events_and_no_others(world: World) -> None:
    world.store.loses_acknowledgements = 2
    await world.journal.commit(changing(world))
    assert [event.sequence for event in events_of(world)] == [1]
    await world.outbox.flush(PLACE.partition)
    assert [event.event_id for event in world.broker.events] == [events_of(world)[0].event_id]


async def test_an_event_id_follows_from_the_commit_and_not_from_chance(world: World) -> None:
    other = World()
    await world.journal.commit(changing(world))
    await other.journal.commit(changing(other))
    assert events_of(world)[0].event_id == events_of(other)[0].event_id
    assert events_of(world)[0].event_id.startswith("evt-")
    assert len(events_of(world)[0].event_id) == 36


async def test_the_environment_is_listed_for_the_sweep_before_the_commit(world: World) -> None:
    listed: list[int] = []

    async def look() -> None:
        shard = keys.shard_of(PLACE.partition, world.active.shards)
        listed.append(len(world.store.partition(keys.active_shard(shard))))

    world.store.interludes = [look, look]
    await world.journal.commit(changing(world))
    assert listed == [0, 1]


async def test_a_store_that_is_away_is_told_as_transient(world: World) -> None:
    world.store.down = True
    with pytest.raises(Transient):
        await world.journal.commit(changing(world))
    world.store.down = False
    assert world.store.everything == {}
