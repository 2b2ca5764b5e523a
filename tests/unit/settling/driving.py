"""Operations whose process died, and the rows that are left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.operations.model import Operation
from tests.unit.doubles.engine import Crash, Death
from tests.unit.doubles.hub import FakeHub
from tests.unit.doubles.world import World

SECOND = timedelta(seconds=1)


async def row(world: World, operation: Operation) -> Operation:
    return await world.operation(operation.operation_id)


async def crashed(hub: FakeHub, operation: Operation, at: int, death: Death = Death.UNRECORDED) -> None:
    """Started, and its process died at an activity."""
    await hub.start(operation)
    with pytest.raises(Crash):
        await hub.run(operation, dies_at=at, death=death)
