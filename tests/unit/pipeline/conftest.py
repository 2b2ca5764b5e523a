from __future__ import annotations

import pytest

from tests.unit.operations.world import World
from tests.unit.pipeline.api import Api


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def world() -> World:
    return World()
