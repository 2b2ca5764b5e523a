"""Streams that stay open: how many a tenant may have on this replica, and what ends one from outside.

A stream ends when its token does, or when somebody has a reason (the binding is gone, the server ends): at once, also
while it waits for a reader that does not read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from shared.kernel.clock import Clock
from shared.kernel.errors import InvalidToken, RuntimeCloudError, TooManyRequests

RETRY_AFTER = 5.0  # seconds
EXPIRED = "the token has expired"


class Stream:
    def __init__(self) -> None:
        self._reason: RuntimeCloudError | None = None
        self._scope: asyncio.Timeout | None = None

    async def run(self, seconds: float, work: Awaitable[None]) -> None:
        """Do `work` for so long at most, the time that is left of its token. Raises `InvalidToken` then, or the reason
        that ends it before."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)) as scope:
                self._scope = scope
                if self._reason is not None:
                    self.end(self._reason)
                await work
        except TimeoutError:
            if not scope.expired():  # somebody else's
                raise
            raise self._reason or InvalidToken(EXPIRED) from None
        finally:
            self._scope = None

    def end(self, reason: RuntimeCloudError) -> None:
        self._reason = reason
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())


class Streams:
    def __init__(self, per_tenant: int, clock: Clock) -> None:
        self._per_tenant = per_tenant
        self._clock = clock
        self._count: Counter[str] = Counter()
        self._open: set[Stream] = set()
        self._ended: RuntimeCloudError | None = None

    @contextmanager
    def one(self, tenant_id: str) -> Iterator[Stream]:
        """Holds a place for as long as the block runs. Raises `TooManyRequests` when there is none: beyond the limit a
        stream is refused, not queued. Raises the reason once all have been ended."""
        if self._ended is not None:
            raise self._ended
        if self._count[tenant_id] >= self._per_tenant:
            raise TooManyRequests(RETRY_AFTER)
        stream = Stream()
        self._count[tenant_id] += 1
        self._open.add(stream)
        try:
            yield stream
        finally:
            self._open.discard(stream)
            self._count[tenant_id] -= 1
            if not self._count[tenant_id]:
                del self._count[tenant_id]

    def left(self, expires_at: float) -> float:
        """Seconds until a token that expires then (seconds since the epoch). No leeway: that is for clocks, not for use."""
        return expires_at - self._clock().timestamp()

    def end(self, reason: RuntimeCloudError) -> None:
        """End every stream, now and from now on."""
        self._ended = reason
        for stream in list(self._open):
            stream.end(reason)
