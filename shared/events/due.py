"""When an environment is to be looked at again: rows in the order of their time, so that a tick reads what is due, no more.

A row is put before the commit that makes something due, stays at least until that commit has come or never will, and is
taken away after what was due has been done and the next look has been put: a crash in between costs a look that finds
nothing to do. What a row finds is decided by what stands then, so rows may be too many and too early, never too few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.events.active import COMES_WITHIN, Listed
from shared.events.journal import Place
from shared.kernel import clock
from shared.store import keys
from shared.store.port import Conflict, Delete, Put, Row, Store

AT_A_TIME = 100


def _instant(at: datetime) -> str:
    """Sorts as time does."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


@dataclass(frozen=True)
class Due:
    store: Store
    draw: clock.Draw
    shards: int
    clock: clock.Clock = clock.now

    async def announce(self, place: Place, at: datetime) -> None:
        """`put`, ahead of the commit that makes something due."""
        await self._put(place, at, self.clock())

    async def put(self, place: Place, at: datetime) -> None:
        """Key: (instant, environment)."""
        await self._put(place, at, None)

    async def _put(self, place: Place, at: datetime, marked_at: datetime | None) -> None:
        if place.environment_id is None:
            return
        listed = Listed(
            tenant_id=place.tenant_id,
            environment_id=place.environment_id,
            project_id=place.project_id,
            marked_at=marked_at,
        )
        shard = keys.due_shard(keys.shard_of(place.partition, self.shards))
        await self.store.commit(shard, self.draw(), [Put(f"{_instant(at)}|{place.partition}", listed.document())])

    async def now(self, shard: int) -> Sequence[Row]:
        """What is due in a shard, the longest overdue first; the rest of a crowd comes with the next tick."""
        rows = await self.store.list(keys.due_shard(shard), "", limit=AT_A_TIME)
        return [row for row in rows if row.key < f"{_instant(self.clock())}~"]

    async def done(self, shard: int, row: Row) -> None:
        marked_at = Listed.read(row.document).marked_at
        if marked_at is not None and self.clock() - marked_at < COMES_WITHIN:
            return
        try:
            await self.store.commit(keys.due_shard(shard), self.draw(), [Delete(row.key, row.version)])
        except Conflict:  # put again, or taken away by another worker
            return
