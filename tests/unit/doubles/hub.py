"""A hub that the settle sweep can ask, and that can lose what it knew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.container.work import Work
from shared.events.envelope import Event
from shared.events.outbox import Outbox
from shared.kernel.errors import Transient
from shared.operations.hub import InstanceState
from shared.operations.model import Operation
from shared.runtime.environments.activities import stop_job
from shared.runtime.upkeep.following import Following
from shared.runtime.upkeep.settling import Settling
from shared.runtime.upkeep.sweep import Deps, keep_shard
from tests.unit.doubles.engine import Engine, History
from tests.unit.doubles.world import SHARDS, World

ACTIVITY_LIMIT = timedelta(minutes=10)


@dataclass
class FakeHub:
    """Implements `shared.operations.hub.Hub`: what is started waits until the test runs it."""

    world: World
    states: dict[str, InstanceState] = field(default_factory=dict)
    histories: dict[str, History] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    down: bool = False

    async def start(self, operation: Operation) -> None:
        self._reached()
        self.started.append(operation.instance_id)
        self.states[operation.instance_id] = InstanceState.WORKING
        self.histories[operation.instance_id] = History()

    async def wake(self, instance_id: str) -> None:
        self._reached()
        self.woken.append(instance_id)

    async def state(self, operation: Operation) -> InstanceState:
        self._reached()
        return self.states.get(operation.instance_id, InstanceState.MISSING)

    async def terminate(self, operation: Operation) -> None:
        self._reached()
        if self.states.get(operation.instance_id) is InstanceState.WORKING:
            self.terminated.append(operation.instance_id)
            self.states[operation.instance_id] = InstanceState.ENDED

    def _reached(self) -> None:
        if self.down:
            raise Transient("hub")

    def lose(self) -> None:
        """Its storage is wiped."""
        self.states.clear()
        self.histories.clear()

    async def run(self, operation: Operation, **engine: Any) -> Any:
        """Run the orchestration of the row's current attempt to its end, or until its process dies."""
        current = await self.world.operation(operation.operation_id)
        history = self.histories[current.instance_id]
        answer = await Engine(self.world, history, **engine).run(current)
        self.states[current.instance_id] = InstanceState.ENDED
        return answer


def following(world: World) -> Following:
    """As the container makes it."""
    return Work.following.func(world)  # type: ignore[attr-defined, no-any-return]


@dataclass
class Broker:
    sent: list[Event] = field(default_factory=list)
    down: bool = False

    async def publish(self, events: Sequence[Event]) -> None:
        if self.down:
            raise Transient("serviceBus")
        self.sent.extend(events)


@dataclass
class Sweeping:
    """The upkeep sweep over one world as the container makes it."""

    world: World
    hub: FakeHub
    broker: Broker = field(default_factory=Broker)

    def deps(self) -> Deps:
        world = self.world
        settling = Settling(
            world.store,
            world.runs,
            stop_job=lambda operation: stop_job(world.jobs, operation),
            ends=Work._ends(world),  # type: ignore[arg-type]  # of the container it needs what a world has
            clock=world.clock,
            draw=world.draw,
            activity_limit=ACTIVITY_LIMIT,
        )
        outbox = Outbox(world.store, self.broker, world.draw)
        return Deps(world.active, world.isolation, outbox, settling, world.enforcing, following(world))

    async def tick(self, *, later: timedelta = timedelta()) -> None:
        """One sweep, `later` than now."""
        self.world.clock.advance(later.total_seconds())
        for shard in range(SHARDS):
            await keep_shard(self.deps(), shard, self.hub)

    async def listed(self) -> bool:
        """Whether the sweep will look at the environment again."""
        rows = [row for shard in range(SHARDS) for row in await self.world.active.shard(shard)]
        return self.world.partition in [row.key for row in rows]
