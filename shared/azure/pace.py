"""Staying inside Azure Resource Manager's limits: token buckets per subscription, one for reads and one for writes.

ARM refills 25 reads and 10 writes a second per subscription and principal, on top of a burst ("Understand how Azure
Resource Manager throttles requests"). Whoever would have to wait longer than `patience` is told so at once: an activity
that sleeps holds a worker. A 429 closes the bucket for as long as its `Retry-After` says, for everybody.

Sweeps come back by themselves; what somebody waits for must not queue behind them. What is asked `in_the_background`
leaves the `RESERVED` part of the bucket alone: a flood of it slows itself down and nobody else.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shared.kernel.buckets import Bucket, Limit
from shared.kernel.errors import Transient

READS = Limit(rate=25, burst=250)
WRITES = Limit(rate=10, burst=200)
PATIENCE = 5.0  # seconds
RESERVED = 0.8  # of a burst: more than what the background may draw ahead within its patience

_background: ContextVar[bool] = ContextVar("background", default=False)


@contextmanager
def in_the_background() -> Iterator[None]:
    """What is asked within the block, and by the tasks it begins, takes what others leave."""
    before = _background.set(True)
    try:
        yield
    finally:
        _background.reset(before)


class Pace:
    """`clock` counts seconds and never goes back; `sleep` takes seconds."""

    def __init__(
        self,
        *,
        reads: Limit = READS,
        writes: Limit = WRITES,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._patience = patience
        self._sleep = sleep
        self._reads: dict[str, Bucket] = defaultdict(lambda: Bucket(reads, clock))
        self._writes: dict[str, Bucket] = defaultdict(lambda: Bucket(writes, clock))

    async def turn(self, subscription: str, method: str) -> None:
        """Wait for this request's turn. Raises `Transient` when that would take longer than `patience`."""
        bucket = self._bucket(subscription, method)
        if (wait := bucket.draw(RESERVED if _background.get() else 0.0)) > self._patience:
            bucket.give_back()
            raise Transient("arm", retry_after=wait)
        if wait > 0:
            await self._sleep(wait)

    def throttled(self, subscription: str, method: str, seconds: float) -> None:
        """ARM answered 429: nobody asks again for so long."""
        self._bucket(subscription, method).close_for(seconds)

    def _bucket(self, subscription: str, method: str) -> Bucket:
        return (self._reads if method in ("GET", "HEAD") else self._writes)[subscription.lower()]
