"""One environment for each test."""

from __future__ import annotations

import pytest

from tests.unit.doubles.platform import Platform
from tests.unit.drift.drifted import Drifted
from tests.unit.drift.world import World
from tests.unit.rehearsal.stage import component, environment, released


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def drifted() -> Drifted:
    platform = Platform()
    ident = await environment(platform)
    await released(platform, ident, component("api", "1", replicas=2, env={"LEVEL": "info"}), component("web", "1"))
    return Drifted(platform, ident)
