"""An environment whose services run with secrets."""

from __future__ import annotations

import pytest

from tests.unit.rotation.ground import Ground, settled_ground


@pytest.fixture
async def ground() -> Ground:
    return await settled_ground()
