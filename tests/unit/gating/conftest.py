"""One provisioned environment for each test, and the people who work with it."""

from __future__ import annotations

import pytest

from shared.operations.model import Operation
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World
from tests.unit.gating.pausing import Answers, failing


@pytest.fixture
async def world() -> World:
    return await World().provision()


@pytest.fixture
def people(world: World) -> People:
    return People(world)


@pytest.fixture
async def operation(world: World) -> Operation:
    return await failing(world)


@pytest.fixture
def answers(world: World, operation: Operation) -> Answers:
    return Answers(world, operation)
