"""A provisioned environment whose log a test writes row by row, on a store that counts what is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.access.caller import Caller
from shared.events.journal import Cause, Transaction
from shared.runtime.timeline.reading import Filter, Timeline
from shared.store.memory import MemoryStore
from shared.store.port import Row
from tests.unit.doubles.world import CALLER, World


@dataclass
class CountingStore(MemoryStore):
    """Remembers the keys that range reads brought."""

    brought: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        rows = await super().list(partition, prefix, limit=limit, after=after)
        self.brought += [row.key for row in rows]
        return rows


@dataclass
class Log:
    world: World
    store: CountingStore

    async def write(self, kind: str, summary: str = "", **cause: Any) -> None:
        about = Cause("ada", "control-plane", CALLER.trace_id, **cause)
        await self.world.journal.commit(Transaction(self.world.place, about, kind, "resource-1", summary))

    async def write_each_second(self, *kinds: str) -> list[datetime]:
        """One entry a second, told "0", "1", …; their instants."""
        instants = []
        for number, kind in enumerate(kinds):
            self.world.clock.advance(1)
            instants.append(self.world.clock())
            await self.write(kind, str(number))
        self.store.brought.clear()
        return instants

    async def page(self, *, limit: int = 50, after: str = "", caller: Caller = CALLER, **wanted: Any) -> Any:
        return await Timeline(self.store).page(caller, self.world.environment_id, Filter(**wanted), limit, after)

    async def told(self, **wanted: Any) -> list[str]:
        return [entry["summary"] for entry in (await self.page(**wanted)).entries]
