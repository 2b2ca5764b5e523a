"""What every test of the sweep begins with."""

from __future__ import annotations

import pytest

from tests.unit.drift.world import World
from tests.unit.health.ticks import Answers


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def answers() -> Answers:
    return Answers()
