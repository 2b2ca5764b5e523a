"""What the sweep has to look at: listed before there is something to find, unlisted when there surely is not."""

from __future__ import annotations

from shared.events.active import COMES_WITHIN, PAGE, Active, Listed
from shared.events.journal import Place
from shared.store import keys
from shared.store.port import Row
from tests.unit.operations.world import World, place

PLACE = place()


async def listed(world: World) -> list[Row]:
    return [row for shard in range(world.active.shards) for row in await world.active.shard(shard)]


def shard_of(world: World) -> int:
    return keys.shard_of(PLACE.partition, world.active.shards)


async def test_a_marked_environment_is_listed_once_in_its_shard(world: World) -> None:
    await world.active.mark(PLACE)
    await world.active.mark(PLACE)
    (row,) = await world.active.shard(shard_of(world))
    assert Listed.read(row.document).place == PLACE


async def test_an_idle_environment_is_unlisted(world: World) -> None:
    await world.active.mark(PLACE)
    world.time.now += COMES_WITHIN
    (row,) = await listed(world)
    await world.active.unmark(shard_of(world), row)
    assert await listed(world) == []


async def test_one_that_got_work_since_the_sweep_looked_stays_listed(world: World) -> None:
    await world.active.mark(PLACE)
    world.time.now += COMES_WITHIN
    (row,) = await listed(world)
    await world.active.mark(PLACE)
    await world.active.unmark(shard_of(world), row)
    assert len(await listed(world)) == 1


async def test_one_whose_announced_commit_may_still_come_stays_listed(world: World) -> None:
    """mark - the sweep looks and finds nothing yet - unmark - commit: the work would be found by nobody."""
    await world.active.mark(PLACE)
    (row,) = await listed(world)
    world.time.passes(seconds=1)
    await world.active.unmark(shard_of(world), row)
    assert len(await listed(world)) == 1


async def test_two_sweeps_may_unlist_the_same_environment(world: World) -> None:
    await world.active.mark(PLACE)
    world.time.now += COMES_WITHIN
    (row,) = await listed(world)
    await world.active.unmark(shard_of(world), row)
    await world.active.unmark(shard_of(world), row)
    assert await listed(world) == []


async def test_what_never_reached_an_environment_is_not_listed(world: World) -> None:
    await world.active.mark(Place("connectsoft", None))
    assert await listed(world) == []


async def test_a_long_list_is_read_to_its_end(world: World) -> None:
    world.active = Active(world.store, world.draw, shards=1, clock=world.time)
    for number in range(2 * PAGE + 1):
        await world.active.mark(place(own=f"{number:016x}"))
    assert len(await listed(world)) == 2 * PAGE + 1
