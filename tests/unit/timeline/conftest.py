"""A provisioned environment, with a log that a test writes row by row or without."""

from __future__ import annotations

import pytest

from tests.unit.doubles.world import World
from tests.unit.timeline.log import CountingStore, Log


@pytest.fixture
async def log() -> Log:
    store = CountingStore()
    return Log(await World(store=store).provision(), store)


@pytest.fixture
async def world() -> World:
    return await World().provision()
