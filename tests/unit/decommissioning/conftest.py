"""One provisioned environment for each test, and the people who work with it."""

from __future__ import annotations

import pytest

from tests.unit.doubles.people import People
from tests.unit.doubles.world import World


@pytest.fixture
async def world() -> World:
    return await World().provision()


@pytest.fixture
def people(world: World) -> People:
    return People(world)
