"""What was heard already: a message that comes again has no second effect.

A row per message and listener stands in the partition that the effect changes, and is part of the effect's own transaction:
whoever finds it knows that the effect is there, too. Its key begins with the day the message was made, which every copy of
it says alike, so that old rows are found in one read. They go a week after they were written; nobody sends a message again
that late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from shared.kernel.clock import Clock, Draw
from shared.kernel.record import Record
from shared.store import keys
from shared.store.port import Change, Conflict, Create, Delete, Row, Store

KEPT = timedelta(days=7)
PURGED_AT_ONCE = 90  # in one transaction

Effect = Callable[[Change], Awaitable[bool]]


class Heard(Record):
    at: datetime


@dataclass(frozen=True)
class Inbox:
    store: Store
    clock: Clock
    draw: Draw
    _purged: dict[str, date] = field(default_factory=dict)  # by partition, when this process last looked for old rows

    async def once(self, partition: str, message_id: str, made_at: datetime, effect: Effect) -> bool:
        """Let `effect` happen unless it has. False when it had.

        `effect` gets the row that says so, writes it with whatever it changes and answers True, or changes nothing and
        answers False. `message_id` names message and listener. Raises what `effect` raises; `Transient`.
        """
        key = keys.inbox(made_at, message_id)
        if await self.store.get(partition, key) is not None:
            return False
        receipt = Create(key, Heard(at=self.clock()).document())
        try:
            if not await effect(receipt):
                await self.store.commit(partition, self.draw(), [receipt])
        except Conflict as conflict:
            if conflict.key != key:
                raise
            return False
        await self._purge(partition)
        return True

    async def _purge(self, partition: str) -> None:
        """Once a day, in each partition that hears something."""
        now = self.clock()
        if self._purged.get(partition) == now.date():
            return
        last = keys.inbox(now - KEPT, "")
        while True:
            rows = await self.store.list(partition, keys.INBOX, limit=PURGED_AT_ONCE)
            old = [Delete(row.key, row.version) for row in rows if row.key < last and self._is_old(row)]
            if not old:
                break
            try:
                await self.store.commit(partition, self.draw(), old)
            except Conflict:  # another worker is at it
                break
        self._purged[partition] = now.date()

    def _is_old(self, row: Row) -> bool:
        """By when it was heard: an event that waited for weeks may come again just after it came."""
        return self.clock() - Heard.read(row.document).at > KEPT
