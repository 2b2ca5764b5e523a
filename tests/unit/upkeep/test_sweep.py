"""What keeps promises when something was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.access.binding import BindingStatus
from shared.events.active import COMES_WITHIN
from shared.events.envelope import Event, EventType
from shared.events.journal import Place
from shared.events.outbox import Outbox
from shared.kernel.errors import Refused, Transient
from shared.kernel.ids import environment_id
from shared.operations.hub import InstanceState
from shared.operations.model import OPEN, Operation, OperationKind, OperationStatus
from shared.runtime.environments.index import ListedEnvironment, Summary
from shared.runtime.scaling.model import Enforcement
from shared.runtime.upkeep.settling import GRACE, Settling
from shared.runtime.upkeep.sweep import Deps, keep_shard
from shared.store import keys
from shared.store.port import Put
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.hub import following
from tests.unit.doubles.world import SHARDS, TENANT, World, component


@dataclass
class Broker:
    sent: list[Event] = field(default_factory=list)
    down: bool = False

    async def publish(self, events: Sequence[Event]) -> None:
        if self.down:
            raise Transient("serviceBus")
        self.sent.extend(events)


async def _no_job(operation: Operation) -> None:
    """None of these operations has one."""


@dataclass
class Upkeep:
    """The sweep over one world; `started` is what it started, `drives`: and whether that is run to its end."""

    world: World
    drives: bool = False
    broker: Broker = field(default_factory=Broker)
    started: list[Operation] = field(default_factory=list)

    lost: bool = False  # whether the hub has forgotten everything

    async def state(self, operation: Operation) -> InstanceState:
        if self.lost:
            return InstanceState.MISSING
        return InstanceState.WORKING if operation.status in OPEN else InstanceState.ENDED

    async def terminate(self, operation: Operation) -> None:
        self.lost = True

    async def wake(self, instance_id: str) -> None:
        """Nobody sleeps here."""

    async def start(self, operation: Operation) -> None:
        self.started.append(operation)
        if self.drives:
            await Engine(self.world).run(operation)

    async def tick(self, *, later: timedelta = timedelta()) -> None:
        """One sweep, `later` than now: a mark is kept for as long as what it announced may still come."""
        world = self.world
        world.clock.advance(later.total_seconds())
        outbox = Outbox(world.store, self.broker, world.draw)
        settling = Settling(world.store, world.runs, _no_job, {}, world.clock, world.draw, timedelta(minutes=10))
        deps = Deps(world.active, world.isolation, outbox, settling, world.enforcing, following(world))
        for shard in range(SHARDS):
            await keep_shard(deps, shard, self)

    async def listed(self) -> list[str]:
        rows = [row for shard in range(SHARDS) for row in await self.world.active.shard(shard)]
        return [row.key for row in rows]


@pytest.fixture
def upkeep(world: World) -> Upkeep:
    return Upkeep(world)


async def released(world: World, *components: dict[str, object]) -> None:
    await Engine(world).run(await world.deploy(*components))


async def test_an_operation_that_was_never_started_is_started(upkeep: Upkeep, world: World) -> None:
    operation = await world.deploy(component("api"))
    world.clock.advance(GRACE.total_seconds() + 0.1)
    await upkeep.tick()
    assert [one.operation_id for one in upkeep.started] == [operation.operation_id]
    assert await upkeep.listed() == [world.partition]


async def test_the_request_that_committed_it_has_the_first_go(upkeep: Upkeep, world: World) -> None:
    await world.deploy(component("api"))
    world.clock.advance(GRACE.total_seconds())
    await upkeep.tick()
    assert upkeep.started == []
    assert await upkeep.listed() == [world.partition]


async def test_one_that_was_claimed_is_left_to_its_worker(upkeep: Upkeep, world: World) -> None:
    operation = await world.deploy(component("api"))
    await world.put(operation.operation_id, operation.model_copy(update={"status": OperationStatus.RUNNING}))
    await upkeep.tick(later=COMES_WITHIN)
    assert upkeep.started == []
    assert await upkeep.listed() == [world.partition]


async def test_starting_twice_is_harmless(world: World) -> None:
    upkeep = Upkeep(world, drives=True)
    await world.deploy(component("api"))
    world.clock.advance(10)
    await upkeep.tick()
    await upkeep.tick()
    assert len(upkeep.started) == 1
    assert world.apps.of("apply") == ["api"]


async def test_events_that_were_left_are_sent_once_and_in_order(upkeep: Upkeep, world: World) -> None:
    await released(world, component("api"))
    await upkeep.tick()
    await upkeep.tick()
    assert [event.sequence for event in upkeep.broker.sent] == [1, 2, 3]
    assert upkeep.broker.sent[0].event_type is EventType.DEPLOYMENT_REQUESTED


async def test_a_broker_that_is_down_keeps_the_environment_listed(upkeep: Upkeep, world: World) -> None:
    await released(world, component("api"))
    upkeep.broker.down = True
    await upkeep.tick()
    assert await upkeep.listed() == [world.partition]
    upkeep.broker.down = False
    await upkeep.tick(later=COMES_WITHIN)
    assert (len(upkeep.broker.sent), await upkeep.listed()) == (3, [])


async def test_an_environment_with_nothing_left_to_do_is_unlisted(upkeep: Upkeep, world: World) -> None:
    await world.active.mark(world.place)
    await upkeep.tick()
    assert await upkeep.listed() == [world.partition]
    await upkeep.tick(later=COMES_WITHIN)
    assert await upkeep.listed() == []


async def test_one_that_was_listed_again_meanwhile_stays(world: World) -> None:
    upkeep = Upkeep(world)
    await released(world, component("api"))

    class MarksAgain(Broker):
        async def publish(self, events: Sequence[Event]) -> None:
            await super().publish(events)
            await world.active.mark(world.place)

    upkeep.broker = MarksAgain()
    await upkeep.tick(later=COMES_WITHIN)
    assert await upkeep.listed() == [world.partition]
    upkeep.broker = Broker()
    await upkeep.tick(later=COMES_WITHIN)
    assert await upkeep.listed() == []


async def test_a_mark_whose_commit_never_came_is_forgotten(upkeep: Upkeep, world: World) -> None:
    await world.active.mark(Place(TENANT, environment_id("b" * 16), "orders"))
    world.clock.advance(3600)
    await upkeep.tick()
    assert await upkeep.listed() == []


async def test_what_fails_for_one_environment_is_no_matter_of_the_others(upkeep: Upkeep, world: World) -> None:
    shard = keys.active_shard(keys.shard_of(world.partition, SHARDS))
    await world.store.commit(shard, world.draw(), [Put("a row of another release", {"odd": True})])
    await released(world, component("api"))
    await upkeep.tick(later=COMES_WITHIN)
    assert len(upkeep.broker.sent) == 3
    assert await upkeep.listed() == ["a row of another release"]


# Scaling policies that wait for a free slot.


async def test_a_pending_policy_is_enforced_when_the_slot_is_free(world: World) -> None:
    upkeep = Upkeep(world, drives=True)
    await released(world, component("api"))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    await upkeep.tick()
    assert (await world.policy(ident)).enforcement is Enforcement.ENFORCED
    await upkeep.tick(later=COMES_WITHIN)
    assert [one.kind for one in upkeep.started] == [OperationKind.ENFORCE_SCALING]
    assert await upkeep.listed() == []


async def test_not_while_another_operation_holds_it(world: World) -> None:
    upkeep = Upkeep(world)
    await released(world, component("api"))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    operation = await world.deploy(component("api", "2"))
    await upkeep.tick()
    assert upkeep.started == []
    assert (await world.policy(ident)).enforcement is Enforcement.PENDING
    await Engine(world).run(operation)
    await Upkeep(world, drives=True).tick()
    assert (await world.policy(ident)).enforcement is Enforcement.ENFORCED


async def test_one_after_the_other(world: World) -> None:
    upkeep = Upkeep(world, drives=True)
    await released(world, component("api"), component("web"))
    for service_id in ("api", "web"):
        await world.scale(service_id)
    await upkeep.tick()
    assert len(upkeep.started) == 1
    assert await upkeep.listed() == [world.partition]
    await upkeep.tick()
    await upkeep.tick(later=COMES_WITHIN)
    assert (len(upkeep.started), await upkeep.listed()) == (2, [])


async def test_a_policy_of_what_does_not_run_yet_is_enforced_once_it_does(world: World) -> None:
    upkeep = Upkeep(world, drives=True)
    ident = (await world.scale("api")).body["scalingPolicyId"]
    await upkeep.tick(later=COMES_WITHIN)
    assert (upkeep.started, await upkeep.listed()) == ([], [])
    await released(world, component("api"))
    await upkeep.tick()
    assert (await world.policy(ident)).enforcement is Enforcement.ENFORCED


async def test_one_that_failed_rests_is_not_forgotten_and_is_tried_again(world: World) -> None:
    upkeep = Upkeep(world, drives=True)
    await released(world, component("api"))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    world.apps.fail("scale", "api", Refused("arm", "InvalidScale", "no"))
    for _ in range(5):
        await upkeep.tick(later=timedelta(seconds=5))
    assert len(upkeep.started) == 1
    assert await upkeep.listed() == [world.partition]
    await upkeep.tick(later=COMES_WITHIN)
    assert (await world.policy(ident)).enforcement is Enforcement.ENFORCED


async def test_one_whose_try_took_longer_than_a_mark_lasts_is_not_forgotten_either(world: World) -> None:
    await released(world, component("api"))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    operation = await world.enforcing.begin(await world.admitted(), await world.policy(ident))
    world.clock.advance(COMES_WITHIN.total_seconds())
    world.apps.fail("scale", "api", Refused("arm", "InvalidScale", "no"))
    await Engine(world).run(operation)
    upkeep = Upkeep(world, drives=True)
    await upkeep.tick(later=timedelta(seconds=30))
    assert (upkeep.started, await upkeep.listed()) == ([], [world.partition])
    await upkeep.tick(later=timedelta(seconds=30))
    assert (await world.policy(ident)).enforcement is Enforcement.ENFORCED


async def test_one_that_rests_keeps_no_other_waiting(world: World) -> None:
    upkeep = Upkeep(world, drives=True)
    await released(world, component("api"), component("web"))
    made = {name: (await world.scale(name)).body["scalingPolicyId"] for name in ("api", "web")}
    first = sorted(made, key=lambda name: made[name])[0]
    world.apps.fail("scale", first, Refused("arm", "InvalidScale", "no"))
    await upkeep.tick()
    await upkeep.tick()
    other = ({"api", "web"} - {first}).pop()
    assert (await world.policy(made[other])).enforcement is Enforcement.ENFORCED


async def summary_of(world: World) -> Summary:
    [row] = await world.store.list(keys.tenant_partition(TENANT), keys.list_prefix("env"), limit=2)
    return ListedEnvironment.read(row.document).summary


async def test_the_list_tells_of_an_operation_that_did_not_end_in_time_until_it_has(upkeep: Upkeep, world: World) -> None:
    operation = await world.deploy(component("api"))
    await upkeep.tick()
    assert not (await summary_of(world)).operation_waits
    running = {"status": OperationStatus.RUNNING, "last_action_at": operation.must_settle_by}
    await world.put(operation.operation_id, operation.model_copy(update=running))
    await upkeep.tick(later=operation.must_settle_by - world.clock() + timedelta(seconds=1))
    assert (await summary_of(world)).operation_waits
    await Engine(world).run(operation)
    await upkeep.tick()
    assert not (await summary_of(world)).operation_waits


async def test_the_list_tells_of_an_operation_that_waits_for_a_person(upkeep: Upkeep, world: World) -> None:
    operation = await world.deploy(component("api"))
    paused = operation.model_copy(update={"status": OperationStatus.RUNNING, "paused": True})
    await world.put(operation.operation_id, paused)
    await upkeep.tick()
    assert (await summary_of(world)).operation_waits


async def test_the_list_tells_of_a_binding_that_is_not_active(upkeep: Upkeep, world: World) -> None:
    await released(world, component("api"))
    await upkeep.tick()
    assert (await summary_of(world)).binding_status is BindingStatus.ACTIVE
    await world.bind_tenant(status=BindingStatus.SUSPENDED)
    await upkeep.tick()
    assert (await summary_of(world)).binding_status is BindingStatus.SUSPENDED
