"""The hub forgets an orchestration that had committed its operation's end and still owed what follows."""

from __future__ import annotations

import pytest

from shared.kernel.errors import Transient
from shared.operations.model import Operation, OperationStatus
from shared.runtime.decommissioning import orchestrator as decommission
from shared.runtime.deployments import orchestrator as deployment
from shared.runtime.environments.index import LISTED
from shared.store import keys
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


async def test_the_inventory_follows_a_promotion(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    await ended_and_died(hub, await world.deploy(component("api")), deployment.PROJECT)
    await world.delete(keys.service("api"))  # as if it had not fitted into the promotion's own transaction
    hub.lose()
    await sweep.tick()
    assert set(await world.inventory()) == {"api"}


async def test_a_decommissioned_environment_is_forgotten(
    world: World, people: People, hub: FakeHub, sweep: Sweeping
) -> None:
    operation = await world.deploy(component("api"))
    await hub.start(operation)
    await hub.run(operation)
    await ended_and_died(hub, begun(await people.decommission()), decommission.FORGET)
    hub.lose()
    await sweep.tick()
    assert (await world.inventory(), await swept(world)) == ({}, [])
    assert set((await listed(world)).values()) == {"Decommissioned"}


async def test_what_its_orchestration_still_does_is_left_to_it(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    await ended_and_died(hub, await world.deploy(component("api")), deployment.PROJECT)
    await world.delete(keys.service("api"))
    await sweep.tick()
    assert await world.inventory() == {}
    hub.lose()
    await sweep.tick(later=SECOND)
    assert set(await world.inventory()) == {"api"}


async def test_addresses_that_a_target_could_not_tell_are_asked_for_again(world: World, hub: FakeHub) -> None:
    operation = await world.deploy(component("api"))
    await hub.start(operation)

    async def goes_away() -> None:
        world.apps.fail("observe", "", Transient("arm"))

    await hub.run(operation, before={deployment.PROJECT: goes_away})
    assert (await world.inventory())["api"].endpoint_url is not None
