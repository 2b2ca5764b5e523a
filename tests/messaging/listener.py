"""Who hears events: each exactly once in effect, whatever comes twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from azure.servicebus.aio import ServiceBusClient

from shared.events.inbox import Inbox
from shared.events.receiving import Received, Receiving
from shared.kernel import channels
from shared.kernel.record import Record
from shared.runtime.consumers.letter import Letter, read_letter
from shared.store.memory import MemoryStore
from shared.store.port import Change, Create, Replace

COUNTER = "counter"


class Count(Record):
    effects: int


@dataclass
class Listener:
    """Its effect is one more in a row of the environment, in the transaction of the receipt."""

    receiving: Receiving
    inbox: Inbox
    store: MemoryStore
    heard: Counter[str] = field(default_factory=Counter)  # by event, however often it came
    turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def take(self, body: bytes, message_id: str) -> None:
        await self.receiving.take(Received(channels.OWN, message_id, body), read_letter, self._hear)

    async def _hear(self, letter: Letter) -> None:
        self.heard[letter.event_id] += 1
        partition = letter.place.partition

        async def count(receipt: Change) -> bool:
            row = await self.store.get(partition, COUNTER)
            effects = (Count.read(row.document).effects if row else 0) + 1
            document = Count(effects=effects).document()
            change: Change = Replace(COUNTER, document, row.version) if row else Create(COUNTER, document)
            await self.store.commit(partition, f"commit-{letter.event_id}", [change, receipt])
            return True

        async with self.turns.setdefault(partition, asyncio.Lock()):
            await self.inbox.once(partition, letter.event_id, letter.occurred_at, count)

    async def effects(self, partition: str) -> int:
        row = await self.store.get(partition, COUNTER)
        return Count.read(row.document).effects if row else 0

    async def listen(self, connection: str, until: Callable[[], bool]) -> None:
        """Take everything from the app's subscription, with the real client, until the condition holds."""
        async with (
            ServiceBusClient.from_connection_string(connection) as client,
            client.get_subscription_receiver(channels.EVENTS, channels.OWN) as receiver,
        ):
            while not until():
                for message in await receiver.receive_messages(100, max_wait_time=0.5):
                    await self.take(b"".join(message.body), message.message_id)
                    await receiver.complete_message(message)
