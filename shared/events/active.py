"""Which environments the sweep must look at: those with an unsettled operation or an unsent event.

A row is put before the commit that it announces. It is removed only if nobody has put it again since the sweep looked,
and not while that commit may still be under way: who looks between the two finds nothing to do yet, and an environment
that is not listed is looked at by nobody again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.journal import Place
from shared.kernel import clock
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.store import keys
from shared.store.port import Conflict, Delete, Put, Row, Store

PAGE = 500
COMES_WITHIN = timedelta(minutes=2)  # far beyond the life of a request: what it announced has come, or never will


class Listed(Record):
    tenant_id: str
    environment_id: EnvironmentId
    project_id: str | None = None
    marked_at: datetime | None = None

    @property
    def place(self) -> Place:
        return Place(self.tenant_id, self.environment_id, self.project_id)


@dataclass(frozen=True)
class Active:
    store: Store
    draw: clock.Draw
    shards: int
    clock: clock.Clock = clock.now

    async def mark(self, place: Place) -> None:
        if place.environment_id is None:
            return
        listed = Listed(
            tenant_id=place.tenant_id,
            environment_id=place.environment_id,
            project_id=place.project_id,
            marked_at=self.clock(),
        )
        shard = keys.active_shard(keys.shard_of(place.partition, self.shards))
        await self.store.commit(shard, self.draw(), [Put(place.partition, listed.document())])

    async def shard(self, shard: int) -> Sequence[Row]:
        """All of it, however long: who stands at the end is not to wait for ever."""
        rows: list[Row] = []
        while True:
            after = rows[-1].key if rows else ""
            page = await self.store.list(keys.active_shard(shard), "", limit=PAGE, after=after)
            rows.extend(page)
            if len(page) < PAGE:
                return rows

    async def unmark(self, shard: int, row: Row) -> None:
        """Take the environment off the list unless it was marked a moment ago, or again since `row` was read."""
        marked_at = Listed.read(row.document).marked_at
        if marked_at is not None and self.clock() - marked_at < COMES_WITHIN:
            return
        try:
            await self.store.commit(keys.active_shard(shard), self.draw(), [Delete(row.key, row.version)])
        except Conflict:
            return
