"""A world with its consumers, and events as the subscription delivers them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from shared.events.envelope import Event, EventType
from shared.events.inbox import Inbox
from shared.events.outbox import body
from shared.runtime.consumers.consuming import Deps, consume
from shared.runtime.consumers.letter import read_letter
from shared.runtime.deployments.projection import Projection
from shared.runtime.drift.sweep import Deps as DriftDeps
from shared.store import keys
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.hub import FakeHub
from tests.unit.doubles.world import SIGNING_KEY, World, component


@dataclass
class Listening:
    world: World
    hub: FakeHub = field(init=False)
    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        self.hub = FakeHub(self.world)
        self.inbox = Inbox(self.world.store, self.world.clock, self.world.draw)
        self.projection = Projection(self.world.catalog, self.world.targets)

    def deps(self) -> Deps:
        world = self.world
        drift = DriftDeps(world.isolation, world.surveying, world.journal, world.index, SIGNING_KEY)
        return Deps(world.isolation, self.inbox, self.projection, drift, world.enforcing)

    async def hears(self, event: Event) -> None:
        await consume(self.deps(), read_letter(body(event)), self.hub)

    async def last(self, kind: EventType) -> Event:
        return (await self.world.events(kind))[-1]

    async def heard(self) -> list[str]:
        """What the inbox holds, without day and event."""
        rows = await self.world.store.list(self.world.partition, keys.INBOX, limit=1000)
        return sorted(row.key.rpartition("-")[2] for row in rows)


@pytest.fixture
async def world() -> World:
    return await World().provision()


@pytest.fixture
async def released(world: World) -> World:
    """`api` and `web` run, each on a target of its own."""
    await Engine(world).run(await world.deploy(component("api"), component("web", target="aks")))
    return world


@pytest.fixture
def listening(world: World) -> Listening:
    return Listening(world)
