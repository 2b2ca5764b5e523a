"""Time and chance that a test decides: sleeping moves the clock, drawing counts up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class FakeClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def advance_to(self, at: datetime) -> None:
        self.now = max(self.now, at)


class Draws:
    """16 hex digits, never twice; `first` keeps two sources apart."""

    def __init__(self, first: int = 1) -> None:
        self._numbers = count(first)

    def __call__(self) -> str:
        return f"{next(self._numbers):016x}"
