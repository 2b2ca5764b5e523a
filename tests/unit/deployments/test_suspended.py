"""A tenant that is suspended while its release is under way: what has touched a target goes on, what has not ends."""

from __future__ import annotations

from shared.access.binding import BindingStatus
from shared.operations.model import OperationStatus
from shared.runtime.deployments import orchestrator
from shared.runtime.deployments.model import DeploymentStatus
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import World, component, deployment_of, image


async def suspended(world: World, before: str) -> tuple[OperationStatus, DeploymentStatus, str | None]:
    """How a release ends when its tenant is suspended right before one of its activities."""
    operation = await world.deploy(component("api"))

    async def suspend() -> None:
        await world.bind_tenant(status=BindingStatus.SUSPENDED)

    await Engine(world, before={before: suspend}).run(operation)
    ended, deployment = await world.operation(operation.operation_id), await world.deployment(deployment_of(operation))
    return ended.status, deployment.status, ended.error.code if ended.error else None


async def test_a_release_that_has_touched_nothing_ends(world: World) -> None:
    ended = await suspended(world, orchestrator.PREPARE)
    assert ended == (OperationStatus.FAILED, DeploymentStatus.FAILED, "TenantSuspended")
    assert world.apps.effects == []
    assert (await world.environment()).hold is None


async def test_a_release_that_has_begun_goes_on_to_its_end(world: World) -> None:
    assert await suspended(world, orchestrator.APPLY) == (OperationStatus.SUCCEEDED, DeploymentStatus.COMPLETED, None)
    assert world.apps.serves("api") == image("api", "1")
