"""From the outbox to the broker: in order, at least once, at nobody's cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import ClassVar

import pytest

from shared.events.envelope import EventType, Payload
from shared.events.outbox import BATCH, Outbox, body
from shared.kernel.errors import Transient
from shared.store.port import Row
from tests.unit.operations.world import World, place

PLACE = place()


class Numbered(Payload):
    event_type: ClassVar = EventType.INVENTORY_UPDATED
    number: int


async def emit(world: World, times: int = 1) -> None:
    for number in range(times):
        tx = world.transaction(PLACE)
        tx.emit(Numbered(number=number))
        await world.journal.commit(tx)


def left(world: World) -> list[str]:
    return sorted(key for key in world.store.partition(PLACE.partition) if key.startswith("out-"))


async def test_events_leave_in_order_and_once(world: World) -> None:
    await emit(world, BATCH + 3)
    assert await world.outbox.flush(PLACE.partition) == BATCH + 3
    assert [event.sequence for event in world.broker.events] == list(range(1, BATCH + 4))
    assert left(world) == []
    assert await world.outbox.flush(PLACE.partition) == 0


async def test_a_crash_between_send_and_delete_sends_twice_and_never_not_at_all(world: World) -> None:
    await emit(world, 2)
    world.broker.dies_after_taking = 1
    with pytest.raises(Transient):
        await world.outbox.flush(PLACE.partition)
    assert left(world) == ["out-000000000001", "out-000000000002"]
    await world.outbox.flush(PLACE.partition)
    ids = [event.event_id for event in world.broker.events]
    assert ids[:2] == ids[2:], "the same ids: whoever drops a repeated one sees each once"
    assert left(world) == []


async def test_two_flushes_at_once_lose_nothing(world: World) -> None:
    await emit(world, 5)
    other = Outbox(world.store, world.broker, world.draw)
    await asyncio.gather(world.outbox.flush(PLACE.partition), other.flush(PLACE.partition))
    assert {event.sequence for event in world.broker.events} == {1, 2, 3, 4, 5}
    assert len(world.broker.events) <= 10
    assert left(world) == []


async def test_a_broker_that_is_away_costs_the_caller_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await emit(world)
    world.broker.down = True
    world.outbox.nudge(PLACE)
    await world.outbox.drain()
    assert left(world) == ["out-000000000001"]
    assert "waits for the sweep" in caplog.text
    world.broker.down = False
    world.outbox.nudge(PLACE)
    await world.outbox.drain()
    assert left(world) == []


async def test_a_store_that_is_away_costs_the_caller_nothing(world: World) -> None:
    await emit(world)
    world.store.down = True
    world.outbox.nudge(PLACE)
    await world.outbox.drain()
    world.store.down = False
    assert left(world) == ["out-000000000001"]


async def test_nudges_of_one_environment_become_one_flush_and_none_is_missed(world: World) -> None:
    await emit(world)
    for _ in range(5):
        world.outbox.nudge(PLACE)
    await asyncio.sleep(0)
    await emit(world)
    world.outbox.nudge(PLACE)
    await world.outbox.drain()
    assert [event.sequence for event in world.broker.events] == [1, 2]
    assert left(world) == []


async def test_an_event_that_comes_while_a_flush_is_about_to_end_leaves_too(world: World) -> None:
    reads, late = world.store.list, [1]

    async def reading(partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        rows = await reads(partition, prefix, limit=limit, after=after)
        if not rows and late:
            late.pop()
            await emit(world)
            world.outbox.nudge(PLACE)
        return rows

    world.store.list = reading  # type: ignore[method-assign]
    world.outbox.nudge(PLACE)
    await world.outbox.drain()
    assert [event.sequence for event in world.broker.events] == [1]


async def test_an_unreadable_row_holds_up_nothing_and_stays_with_an_alert(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await emit(world, 2)
    world.store.plant(PLACE.partition, "out-000000000000", {"nonsense": 1})
    with caplog.at_level(logging.ERROR):
        assert await world.outbox.flush(PLACE.partition) == 2
    assert [event.sequence for event in world.broker.events] == [1, 2]
    assert left(world) == ["out-000000000000"]
    assert [record.__dict__.get("alert") for record in caplog.records] == ["unreadable-row"]


async def test_an_event_is_sent_as_its_envelope(world: World) -> None:
    await emit(world)
    await world.outbox.flush(PLACE.partition)
    assert body(world.broker.events[0]).startswith(b'{"eventId":"evt-')
    assert b'"projectId":"proj"' in body(world.broker.events[0])
