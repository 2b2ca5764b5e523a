"""Releases driven to their end."""

from __future__ import annotations

from typing import Any

from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import World, deployment_of


async def released(world: World, *components: dict[str, Any], **fields: Any) -> str:
    """A release that was rolled out to its end; the deployment's id."""
    operation = await world.deploy(*components, **fields)
    await Engine(world).run(operation)
    return deployment_of(operation)


async def rolled_back(world: World, deployment_id: str, **fields: Any) -> str:
    """A rollback that a person asked for, driven to its end; the id of the deployment that it is."""
    operation = await world.roll_back(deployment_id, **fields)
    await Engine(world).run(operation)
    return deployment_of(operation)
