"""From the outbox rows to the topic: at once after the commit, and by the sweep for what was left.

A row is deleted after the broker took the message: a crash between the two sends an event twice, never not at all.
Flushes of one environment are coalesced; a broker that is down costs the caller nothing. A row that cannot be read stays
where it is, with an alert, and holds up nothing that comes after it.
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
from shared.kernel import clock, metrics
from shared.kernel.errors import RuntimeCloudError
from shared.store.port import Conflict, Delete, Row, Store
from shared.store.reading import read_all

log = logging.getLogger(__name__)
BATCH = 50
PREFIX = "out-"


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
    now: clock.Clock = clock.now
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
        except RuntimeCloudError as error:
            log.warning("outbox of %s waits for the sweep: %r", partition, error)
        finally:
            del self._running[partition]

    async def flush(self, partition: str) -> int:
        """Send what is left, oldest first; the number sent. Raises `Transient` when store or broker cannot be reached."""
        sent, after = 0, ""
        while rows := await self.store.list(partition, PREFIX, limit=BATCH, after=after):
            events = await self._events(partition, rows)
            if events:
                oldest = min(event.occurred_at for event in events.values())
                metrics.record(metrics.OUTBOX_LAG, (self.now() - oldest).total_seconds())
                await self.publisher.publish(list(events.values()))
                sent += len(events)
            forgotten = await self._forget(partition, [row for row in rows if row.key in events])
            if forgotten:
                after = max((row.key for row in rows if row.key not in events), default=after)
        return sent

    async def _events(self, partition: str, rows: Sequence[Row]) -> dict[str, Event]:
        """By key of the outbox row, in its order; without the rows that cannot be read."""
        pointers = {row.key: pointer for row in rows for pointer in read_all(Pointer, partition, [row])}
        wanted = list(dict.fromkeys(pointer.log_key for pointer in pointers.values()))
        entries = read_all(Entry, partition, (await self.store.gather(partition, wanted)).values())
        events = {event.event_id: event for entry in entries for event in entry.events}
        return {key: events[pointer.event_id] for key, pointer in pointers.items() if pointer.event_id in events}

    async def _forget(self, partition: str, rows: Sequence[Row]) -> bool:
        """False when another flush of the same rows was faster: what it left, the next round finds."""
        try:
            await self.store.commit(partition, self.draw(), [Delete(row.key, row.version) for row in rows])
        except Conflict:
            await asyncio.sleep(0)
            return False
        return True
