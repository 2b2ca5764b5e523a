"""Which ticks of a sweep are still worth their work, so that a slow platform does not slow itself down further.

Invariants: a tick that later ones overtook is not caught up (a message that waited, or is delivered again); of one kind and
shard, one sweep at a time is under way in this process, and a tick that meets it is left out: two looks at the same thing
would only take each other's time, and the next tick comes soon. Other processes are kept apart by what is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.events.work import WorkKind
from shared.kernel.clock import Clock

LEAST = timedelta(seconds=10)  # a tick may be this late, however short the interval
FORGOTTEN = timedelta(minutes=2)  # a sweep that takes longer hangs, and must not keep all others from their turn


@dataclass
class Ticks:
    """One per process. Not thread-safe: it belongs to the event loop that sweeps."""

    clock: Clock
    _under_way: dict[tuple[WorkKind, int], datetime] = field(default_factory=dict)

    def overtaken(self, tick: datetime, interval: float) -> bool:
        """Whether later ticks have come since; `interval` between two, in seconds."""
        return self.clock() - tick > max(timedelta(seconds=interval), LEAST)

    @contextmanager
    def turn(self, kind: WorkKind, shard: int) -> Iterator[bool]:
        """Whether the block may sweep: not while an earlier sweep of the same kind and shard is under way."""
        key, began = (kind, shard), self.clock()
        earlier = self._under_way.get(key)
        if earlier is not None and began - earlier < FORGOTTEN:
            yield False
            return
        self._under_way[key] = began
        try:
            yield True
        finally:
            if self._under_way.get(key) == began:
                del self._under_way[key]
