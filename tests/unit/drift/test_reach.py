"""What a scan looks at, and what it says of what it could not reach."""

from __future__ import annotations

import pytest

from shared.kernel.errors import Refused, Transient
from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.drift.model import Scan, ScanStatus
from shared.runtime.drift.sweep import scan_shard
from shared.runtime.environments.model import EnvironmentStatus
from shared.store import keys
from tests.unit.drift.scanning import drifted, findings, last_scan, scan, surveyed
from tests.unit.drift.world import SHARDS, TENANT, Cloud, World, image_of, observed, placed


@pytest.mark.parametrize("failure", [Transient("kubernetes"), Refused("kubernetes", "Forbidden")], ids=repr)
async def test_a_target_that_cannot_be_read_raises_and_resolves_nothing_and_the_scan_is_incomplete(
    world: World, failure: Exception
) -> None:
    await world.stand(placed("api"), placed("worker", target="container-apps"))
    world.aks.running = {"api": observed("api", image=image_of("1.4.1"))}
    await scan(world)
    world.aks.running, world.aks.failure = {}, failure
    await scan(world)
    by_service = {finding.service_id: finding for finding in await findings(world)}
    assert set(by_service) == {"api", "worker"}
    assert (by_service["api"].status, by_service["api"].occurrences) == (Status.OPEN, 1)
    assert (by_service["worker"].kind, by_service["worker"].occurrences) == ("MissingService", 2)
    scanned = await last_scan(world)
    assert (scanned.status, scanned.not_reached) == (ScanStatus.INCOMPLETE, ["api"])


async def test_a_target_that_the_platform_has_no_adapter_for_counts_as_not_reached(world: World) -> None:
    await world.stand(placed("api", target="functions"))
    await scan(world)
    assert (await last_scan(world)).not_reached == ["api"]


@pytest.mark.parametrize("status", [status for status in EnvironmentStatus if status != "Provisioned"])
async def test_only_a_provisioned_environment_is_looked_at(world: World, status: EnvironmentStatus) -> None:
    await world.stand(placed("api"), status=status)
    await scan(world)
    assert not world.aks.asked
    assert await last_scan(world) == Scan()


async def test_an_environment_that_was_listed_and_never_came_is_nothing(world: World) -> None:
    await scan(world)
    assert await world.rows() == {}


async def test_what_nobody_wants_resolves_only_when_every_target_was_read(world: World) -> None:
    await world.stand()
    world.aks.running = {"miner": observed("miner")}
    await scan(world)
    world.aks.failure = Transient("kubernetes")
    await scan(world)
    [finding] = await findings(world)
    assert finding.status is Status.OPEN
    assert (await last_scan(world)).not_reached == ["aks"]
    world.aks.failure, world.aks.running = None, {}
    await scan(world)
    [finding] = await findings(world)
    assert finding.status is Status.RESOLVED


async def test_a_shard_is_scanned_whole_though_one_of_its_environments_fails(world: World) -> None:
    numbers = [number for number in range(64) if _shard(f"env-{number:016x}") == 0][:10]
    worlds = [World(f"env-{number:016x}", world.store) for number in numbers]
    for one in worlds:
        await drifted(one)
    worlds[3].aks.failure = RuntimeError("a defect")
    elsewhere = World(next(f"env-{number:016x}" for number in range(64) if _shard(f"env-{number:016x}") == 1), world.store)
    await drifted(elsewhere)
    targets = _Together({one.environment.environment_id: one.aks for one in [*worlds, elsewhere]})
    await scan_shard(surveyed(world, {"aks": targets}), 0, world.later(300))
    assert [len(await findings(one)) for one in worlds] == [1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert await findings(elsewhere) == []


def _shard(environment_id: str) -> int:
    return keys.shard_of(keys.partition_of(TENANT, environment_id), SHARDS)


class _Together(Cloud):
    """One target, many environments."""

    def __init__(self, by_environment) -> None:
        super().__init__()
        self.by_environment = by_environment

    async def observe(self, site):
        return await self.by_environment[site.environment_id].observe(site)
