"""The same api and world as the other internal routes have."""

from __future__ import annotations

from tests.unit.internal.conftest import api, world

__all__ = ["api", "world"]
