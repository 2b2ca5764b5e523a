"""The hub forgets an orchestration that had committed its operation's end and still owed what follows."""

from __future__ import annotations

import pytest

from shared.events.active import Listed
from shared.operations.model import Operation, OperationStatus
from shared.runtime.decommissioning import orchestrator as decommission
from shared.runtime.environments.index import LISTED
from shared.store import keys
from shared.store.port import Put
from tests.unit.doubles.engine import Crash
from tests.unit.doubles.hub import FakeHub, Sweeping
from tests.unit.doubles.people import People
from tests.unit.doubles.world import TENANT, World, begun, component
from tests.unit.settling.driving import SECOND


@pytest.fixture
def hub(world: World) -> FakeHub:
    return FakeHub(world)


@pytest.fixture
def sweep(world: World, hub: FakeHub) -> Sweeping:
    return Sweeping(world, hub)


async def _dies() -> None:
    raise Crash


async def ended_and_died(hub: FakeHub, operation: Operation, owed: str) -> None:
    await hub.start(operation)
    with pytest.raises(Crash):
        await hub.run(operation, before={owed: _dies})
    assert (await hub.world.operation(operation.operation_id)).status is OperationStatus.SUCCEEDED


async def listed(world: World) -> dict[str, str]:
    """environment -> its status, as the tenant's list says it."""
    rows = await world.store.list(keys.tenant_partition(TENANT), keys.list_prefix(LISTED), limit=10)
    found = [row.document["environment"] for row in rows]
    return {one["environmentId"]: one["status"] for one in found}


async def swept(world: World) -> list[str]:
    rows = [
        row for shard in range(world.index.shards) for row in await world.store.list(keys.all_shard(shard), "", limit=9)
    ]
    return [row.key for row in rows]


async def listed_for_sweeps(world: World) -> None:
    """As a provisioning lists it."""
    shard = keys.all_shard(keys.shard_of(world.partition, world.index.shards))
    listed = Listed(tenant_id=TENANT, environment_id=world.environment_id)
    await world.store.commit(shard, world.draw(), [Put(world.partition, listed.document())])


async def test_a_decommissioned_environment_is_forgotten(
    world: World, people: People, hub: FakeHub, sweep: Sweeping
) -> None:
    await listed_for_sweeps(world)
    operation = await world.deploy(component("api"))
    await hub.start(operation)
    await hub.run(operation)
    await ended_and_died(hub, begun(await people.decommission()), decommission.FORGET)
    hub.lose()
    await sweep.tick()
    assert (await world.inventory(), await swept(world)) == ({}, [])
    assert set((await listed(world)).values()) == {"Decommissioned"}


async def test_what_its_orchestration_still_does_is_left_to_it(
    world: World, people: People, hub: FakeHub, sweep: Sweeping
) -> None:
    await listed_for_sweeps(world)
    await ended_and_died(hub, begun(await people.decommission()), decommission.FORGET)
    await sweep.tick()
    assert await swept(world) == [world.partition]
    hub.lose()
    await sweep.tick(later=SECOND)
    assert await swept(world) == []
