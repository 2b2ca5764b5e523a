"""From the outbox rows to the topic: at once after the commit, and by the sweep for what was left.

A row is deleted after the broker took the message: a crash between the two sends an event twice, never not at all.
Flushes of one environment are coalesced; a broker that is down costs the caller nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.events.envelope import Event
from shared.events.journal import Entry, Place, Pointer
from shared.kernel import clock
from shared.kernel.errors import Transient
from shared.store.port import Conflict, Delete, Row, Store

log = logging.getLogger(__name__)
BATCH = 50


class Publisher(Protocol):
    async def publish(self, events: Sequence[Event]) -> None:
        """Hand the events to the broker, in order; raises `Transient` when it cannot be reached."""


def body(event: Event) -> bytes:
    return json.dumps(event.document(), separators=(",", ":")).encode()


@dataclass
class Outbox:
    store: Store
    publisher: Publisher
    draw: clock.Draw
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _again: set[str] = field(default_factory=set)

    def nudge(self, place: Place) -> None:
        """Flush soon, in the background of the running loop; never raises."""
        partition = place.partition
        if partition in self._running:
            self._again.add(partition)
            return
        task = asyncio.get_running_loop().create_task(self._background(partition))
        self._running[partition] = task

    async def drain(self) -> None:
        """Wait for the flushes that are under way (shutdown)."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _background(self, partition: str) -> None:
        try:
            while True:
                self._again.discard(partition)
                await self.flush(partition)
                if partition not in self._again:
                    return
        except Transient as error:
            log.warning("outbox of %s waits for the sweep: %s", partition, error.dependency)
        finally:
            del self._running[partition]

    async def flush(self, partition: str) -> int:
        """Send what is left, oldest first; the number sent. Raises `Transient` when store or broker cannot be reached."""
        sent = 0
        while rows := await self.store.list(partition, "out-", limit=BATCH):
            await self.publisher.publish(await self._events(partition, rows))
            await self._forget(partition, rows)
            sent += len(rows)
        return sent

    async def _events(self, partition: str, rows: Sequence[Row]) -> list[Event]:
        pointers = [Pointer.read(row.document) for row in rows]
        entries = await self.store.gather(partition, list({pointer.log_key for pointer in pointers}))
        events = {event.event_id: event for row in entries.values() for event in Entry.read(row.document).events}
        return [events[pointer.event_id] for pointer in pointers]

    async def _forget(self, partition: str, rows: Sequence[Row]) -> None:
        try:
            await self.store.commit(partition, self.draw(), [Delete(row.key, row.version) for row in rows])
        except Conflict:  # another flush of the same rows was faster; what it left, the next round finds
            await asyncio.sleep(0)
