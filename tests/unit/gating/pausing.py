"""A release whose gate fails and waits for a person, and the people who answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus, Phase
from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, component, deployment_of, image

PAUSE = {"failureLimit": 1, "onFailure": "Pause"}
BAD = image("api", "2")
POLL = 600.0  # seconds
Act = Callable[[], Awaitable[Any]]


async def failing(world: World, *more: dict[str, Any], **fields: Any) -> Operation:
    """What is stable runs `1`; a release of `2`, which is unhealthy, has begun."""
    await Engine(world).run(await world.deploy(component("api", "1")))
    world.prober.says[BAD] = HealthStatus.UNHEALTHY
    return await world.deploy(component("api", "2"), *more, **{"gate": PAUSE, **fields})


async def answered(world: World, operation: Operation, *acts: Act) -> Any:
    """Drive it to its end; each time it waits for a person, the next of `acts` happens."""
    return await Engine(world, meanwhile=list(acts), poll_seconds=POLL).run(operation)


async def outcome(world: World, operation: Operation) -> tuple[DeploymentStatus, OperationStatus]:
    deployment = await world.deployment(deployment_of(operation))
    return deployment.status, (await world.operation(operation.operation_id)).status


async def words(world: World, operation: Operation) -> str:
    """What the history says of the gate of wave 0."""
    history = (await world.deployment(deployment_of(operation))).rollout_history
    return next(entry.detail or "" for entry in history if entry.phase is Phase.HEALTH_GATING and entry.wave == 0)


class Answers:
    """What a person may do about a paused release."""

    def __init__(self, world: World, operation: Operation) -> None:
        self.world, self.operation, self.people = world, operation, People(world)
        self.seen: list[Operation] = []  # the operation each time somebody looked

    async def looks(self) -> None:
        self.seen.append(await self.world.operation(self.operation.operation_id))

    async def retries(self) -> None:
        """As it is: unhealthy still."""
        await self.looks()
        await self.people.retry(self.operation, "look again")

    async def mends_and_retries(self) -> None:
        self.world.prober.says[BAD] = HealthStatus.HEALTHY
        await self.retries()

    async def promotes(self) -> None:
        await self.looks()
        await self.people.promote(deployment_of(self.operation), "known and harmless")

    async def cancels(self) -> None:
        await self.looks()
        await self.people.cancel(self.operation, "not today")
