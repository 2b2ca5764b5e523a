"""The broker is away for a minute under load: every call is answered, and afterwards every event arrives, with its effect
once."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import cast

import pytest

from shared.azure.messaging import Messaging
from shared.events.inbox import Inbox
from shared.events.outbox import PREFIX, Outbox
from shared.events.receiving import Receiving
from shared.kernel.clock import draw, now
from shared.store.memory import MemoryStore
from shared.store.revision import Revised
from tests.localazure.service_bus.conftest import HostedBroker
from tests.messaging.listener import Listener
from tests.unit.doubles.hub import FakeHub, Sweeping
from tests.unit.doubles.world import World, image
from tests.unit.internal.conftest import Api

AWAY = 60.0  # seconds
WORKERS, PAUSE = 4, 0.05
PATIENCE = 120.0  # seconds, far more than anything takes

# The client leaves its socket to the garbage collector when the other end goes away.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(AWAY + 2 * PATIENCE),
]


@pytest.fixture(autouse=True)
def collected() -> object:
    yield
    gc.collect()


@dataclass
class Load:
    """Callers that never stop: each call changes a service and so makes an event."""

    api: Api
    statuses: list[int] = field(default_factory=list)
    _one_more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def _call(self, service_id: str) -> None:
        for number in count():
            body = {"target": "aks", "image": image(service_id, str(number)), "replicas": 1}
            seen = self.api.world.clock() + timedelta(milliseconds=number)
            answer = await self.api.ask("PUT", f"/services/{service_id}", {**body, "observedAt": seen})
            self.statuses.append(answer.status)
            async with self._one_more:
                self._one_more.notify_all()
            await asyncio.sleep(PAUSE)

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        workers = [asyncio.create_task(self._call(f"cache-{number}")) for number in range(WORKERS)]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def answered(self, more: int) -> None:
        """Until so many more calls were answered."""
        wanted = len(self.statuses) + more
        async with asyncio.timeout(PATIENCE), self._one_more:
            await self._one_more.wait_for(lambda: len(self.statuses) >= wanted)


@dataclass
class Ordered(Listener):
    """Also notes the sequence of what it hears."""

    sequences: set[int] = field(default_factory=set)

    async def take(self, body: bytes, message_id: str) -> None:
        self.sequences.add(json.loads(body)["sequence"])
        await super().take(body, message_id)


async def test_a_broker_that_is_away_costs_no_call_and_loses_or_doubles_nothing(
    hosted: HostedBroker, messaging: Messaging
) -> None:
    world = await World(store=cast(MemoryStore, Revised(MemoryStore()))).provision()
    outbox = Outbox(world.store, messaging, world.draw)
    world.journal = replace(world.journal, sent=outbox.nudge)
    load = Load(Api(world))
    async with load.going():
        await load.answered(10)
        hosted.stop()
        before = len(load.statuses)
        await asyncio.sleep(AWAY)
        assert len(load.statuses) > before, "calls are answered while the broker is away"
        hosted.start()
        await load.answered(10)
    await outbox.drain()
    await swept(world, messaging)
    events = await world.events()
    assert set(load.statuses) == {200}
    assert len(events) >= len(load.statuses)

    store = MemoryStore()
    heard = Ordered(Receiving(messaging, asyncio.sleep), Inbox(store, now, draw), store)
    listening = heard.listen(hosted.connection_string, lambda: len(heard.heard) >= len(events))
    await asyncio.wait_for(listening, PATIENCE)
    assert heard.sequences == set(range(1, len(events) + 1)), "no gap"
    assert set(heard.heard) == {event.event_id for event in events}
    assert await heard.effects(world.partition) == len(events), "each once"


async def swept(world: World, messaging: Messaging) -> None:
    """The upkeep sweep, tick by tick, until nothing is left to be sent."""
    sweep = Sweeping(world, FakeHub(world), broker=messaging)  # type: ignore[arg-type] - a publisher, as its own is
    async with asyncio.timeout(PATIENCE):
        while await world.store.list(world.partition, PREFIX, limit=1):
            await sweep.tick()
            await asyncio.sleep(PAUSE)
