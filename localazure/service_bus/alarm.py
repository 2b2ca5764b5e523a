"""One timer for everything a broker does by the clock: locks and messages that run out, messages that become due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls `ring` not before the earliest time asked for; `ring` answers when it wants to be called next (or infinity).

    Silent until `start` and after `stop`: times asked for meanwhile are found by the ring that `start` makes.
    """

    def __init__(self, ring: Callable[[float], float]) -> None:
        self._ring = ring
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: tuple[float, asyncio.TimerHandle] | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.at(time.time())

    def stop(self) -> None:
        if self._next is not None:
            self._next[1].cancel()
        self._loop = self._next = None

    def at(self, moment: float) -> None:
        """Ask to be called at a time (seconds since 1970)."""
        if self._loop is None or (self._next is not None and self._next[0] <= moment):
            return
        if self._next is not None:
            self._next[1].cancel()
        self._next = (moment, self._loop.call_later(max(0.0, moment - time.time()), self._call))

    def _call(self) -> None:
        self._next = None
        now = time.time()
        moment = self._ring(now)
        if moment != float("inf"):
            self.at(max(moment, now + 0.001))
