"""The durable timers of all instances that wait, on the event loop instead of in a sleeping thread each.

A timer that was forgotten, or armed again for another time, does not fire. All methods hold the backend's lock.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

_LONGEST_WAIT = 3600.0  # seconds one loop timer sleeps; the wall clock may be set meanwhile


class DurableTimers:
    """`fire` is told the instance, the timer and the time it was for, on the loop, with `lock` held."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, lock: threading.RLock, fire: Callable[[str, int, datetime], None]
    ) -> None:
        self._loop, self._lock, self._fire = loop, lock, fire
        self._armed: dict[str, dict[int, datetime]] = {}  # instance -> timer -> when it fires

    def arm(self, instance_id: str, timer: int, fire_at: datetime) -> None:
        """From any thread."""
        with self._lock:
            self._armed.setdefault(instance_id, {})[timer] = fire_at
        self._loop.call_soon_threadsafe(self._wait, instance_id, timer, fire_at)

    def cancel(self, instance_id: str, timers: Iterable[int]) -> None:
        with self._lock:
            for timer in timers:
                self._armed.get(instance_id, {}).pop(timer, None)

    def forget(self, instance_id: str) -> None:
        """Cancel all timers of an instance."""
        with self._lock:
            self._armed.pop(instance_id, None)

    def _wait(self, instance_id: str, timer: int, fire_at: datetime) -> None:
        with self._lock:
            if self._armed.get(instance_id, {}).get(timer) != fire_at:
                return
            left = (fire_at - datetime.now(UTC)).total_seconds()
            if left > 0:
                self._loop.call_later(min(left, _LONGEST_WAIT), self._wait, instance_id, timer, fire_at)
                return
            del self._armed[instance_id][timer]
            self._fire(instance_id, timer, fire_at)
