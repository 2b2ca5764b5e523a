"""Ticks of the health sweep: whom they look at, and what comes twice, at once, cut off or in great numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from shared.kernel.errors import Transient
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.sweep import check_environment, check_shard
from shared.store import keys
from tests.unit.drift.world import NOON, SHARDS, TENANT, Cloud, World, nothing, placed
from tests.unit.health.ticks import (
    HEALTHY,
    UNHEALTHY,
    Answers,
    changes,
    check,
    deps_of,
    health,
    stand,
)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)], ids=["the same tick again", "an older tick"])
async def test_a_stale_tick_is_dropped_before_it_asks_anybody(world: World, answers: Answers, late: timedelta) -> None:
    await stand(world, "api")
    tick = await check(world, answers)
    before = await world.rows()
    await check_environment(deps_of(world, answers), world.place, tick - late)
    assert await world.rows() == before
    assert len(answers.asked) == 1


async def test_of_two_sweeps_at_once_the_one_that_is_later_to_write_is_dropped(world: World, answers: Answers) -> None:
    await stand(world, "api")
    newer = world.time + timedelta(seconds=60)

    async def faster() -> None:
        world.aks.before = nothing
        await check_environment(deps_of(world, answers), world.place, newer)
        answers.by_address["http://api"] = (UNHEALTHY, [], "http-500")

    world.aks.before = faster
    await check(world, answers)
    row = await health(world)
    assert (row.started_at, row.services["api"].status) == (newer, HEALTHY)
    assert await changes(world) == [("api", "Unknown", "Healthy")]


@pytest.mark.parametrize("status", [status for status in EnvironmentStatus if status != "Provisioned"])
async def test_only_a_provisioned_environment_is_looked_at(
    world: World, answers: Answers, status: EnvironmentStatus
) -> None:
    await world.stand(placed("api"), status=status)
    await check(world, answers)
    assert not world.aks.asked
    assert await world.row(keys.HEALTH) is None


async def test_an_environment_that_was_listed_and_never_came_is_nothing(world: World, answers: Answers) -> None:
    await check(world, answers)
    assert await world.rows() == {}


async def test_an_environment_without_services_has_no_row(world: World, answers: Answers) -> None:
    await world.stand()
    await check(world, answers)
    assert await world.row(keys.HEALTH) is None


async def test_an_environment_is_looked_at_while_an_operation_runs(world: World, answers: Answers) -> None:
    await stand(world, "api")
    await world.deploy(ends=False)
    await check(world, answers)
    assert (await health(world)).services["api"].status is HEALTHY


async def test_a_target_is_asked_once_whatever_the_number_of_services(world: World, answers: Answers) -> None:
    await stand(world, *[f"service-{number:02d}" for number in range(30)])
    await check(world, answers)
    assert len(world.aks.asked) == 1


async def test_more_changes_than_a_transaction_takes_are_told_in_several(world: World, answers: Answers) -> None:
    await stand(world, *[f"service-{number:03d}" for number in range(90)])
    tick = await check(world, answers)
    assert sorted(len(entry.events) for entry in await world.log()) == [10, 40, 40]
    assert len({service for service, _, _ in await changes(world)}) == len(await changes(world)) == 90
    row = await health(world)
    assert (row.started_at, len(row.services)) == (tick, 90)


async def test_what_a_crash_between_two_transactions_cut_off_is_told_by_the_next_tick(
    world: World, answers: Answers
) -> None:
    await stand(world, *[f"service-{number:03d}" for number in range(90)])
    get = world.store.get

    async def crash(partition: str, key: str):
        if key == keys.HEALTH:
            raise Transient("tables")
        return await get(partition, key)

    world.store.get = crash  # type: ignore[method-assign]
    with pytest.raises(Transient):
        await check(world, answers)
    world.store.get = get  # type: ignore[method-assign]
    assert len(await changes(world)) == 40
    assert (await health(world)).started_at < NOON  # no tick was completed, and no reader takes it for one
    await check(world, answers)
    told = await changes(world)
    assert len({service for service, _, _ in told}) == len(told) == 90


async def test_a_shard_is_checked_whole_though_some_of_its_environments_fail(
    world: World, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.environments.sweeping.PAGE", 3)  # of the list
    names = [f"env-{number:016x}" for number in range(64)]
    worlds = [World(name, world.store) for name in names if _shard(name) == 0][:10]
    for one in worlds:
        await stand(one, "api")
    worlds[3].aks.failure = RuntimeError("a defect")
    await worlds[5].put(keys.HEALTH, {"nonsense": True})
    aks = _Together({one.environment.environment_id: one.aks for one in worlds})
    await check_shard(deps_of(world, answers, {"aks": aks}), 0, world.later(30))
    assert [len(await changes(one)) for one in worlds] == [1, 1, 1, 0, 1, 0, 1, 1, 1, 1]
    assert aks.most == 9


def _shard(environment_id: str) -> int:
    return keys.shard_of(keys.partition_of(TENANT, environment_id), SHARDS)


class _Together(Cloud):
    """One target, many environments; counts how many are looked at together."""

    def __init__(self, by_environment: Mapping[str, Cloud]) -> None:
        super().__init__()
        self.by_environment = by_environment
        self.now = self.most = 0

    async def observe(self, site):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return await self.by_environment[site.environment_id].observe(site)
