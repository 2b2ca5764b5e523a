"""What a look at the infrastructure found, posted by the next scan."""

from __future__ import annotations

from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks, ResourceChange, ResourceDifference
from tests.unit.drift.scanning import findings, scan
from tests.unit.drift.world import NOON, World


async def looked(world: World, *resources: str, generation: int = 1) -> bool:
    """The provisioner's look, a moment after the last one."""
    found = [ResourceDifference(resource=one, change=ResourceChange.UPDATE, properties=["sku"]) for one in resources]
    at = world.later(1)
    look = InfrastructureLook(started_at=at, completed_at=at, generation=generation, differences=found)
    return await Looks(world.store, world.draw).record(world.place, look)


async def test_what_a_look_at_the_infrastructure_found_is_one_finding_of_the_environment(world: World) -> None:
    await world.stand()
    assert await looked(world, "vault::kv")
    await scan(world)
    [finding] = await findings(world)
    assert (finding.kind, finding.service_id, finding.severity, finding.owner) == (
        "InfrastructureMismatch",
        None,
        "High",
        "unknown",
    )
    assert (finding.desired, finding.actual) == ("vault::kv: as provisioned", "vault::kv: changed (sku)")
    await looked(world)
    await scan(world)
    assert [one.status for one in await findings(world)] == [Status.RESOLVED]
    await looked(world, "vault::kv")
    await scan(world)
    assert [one.status for one in await findings(world)] == [Status.REOPENED]


async def test_a_look_from_before_an_operation_neither_raises_nor_resolves(world: World) -> None:
    await world.stand()
    assert await looked(world, "vault::kv")
    await scan(world)
    await looked(world)
    await world.deploy(ends=True)
    await scan(world)
    assert [(one.status, one.occurrences) for one in await findings(world)] == [(Status.OPEN, 1)]
    assert not await looked(world, generation=1)
    assert await looked(world, generation=2)


async def test_a_look_that_an_operation_or_a_later_look_overtook_is_not_kept(world: World) -> None:
    await world.stand()
    assert await looked(world, "vault::kv")
    old = InfrastructureLook(started_at=NOON, completed_at=NOON, generation=1, differences=[])
    assert not await Looks(world.store, world.draw).record(world.place, old)
    await world.deploy(ends=False)
    assert not await looked(world, generation=2)
