"""What passed its deadline is ended by force: fenced off first, its outcome committed only when nobody can be at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.kernel.errors import OperationInFlight
from shared.operations.intent import ReasonRequest
from shared.operations.model import OPEN, Operation, OperationKind, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.deployments.orchestrator import ROLLBACK_WITHIN
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.mending.service import Mending
from shared.runtime.scaling.model import Enforcement
from shared.runtime.upkeep.settling import OVERTIME
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.hub import ACTIVITY_LIMIT, FakeHub, Sweeping
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, begun, component, deployment_of, image
from tests.unit.gating.pausing import failing
from tests.unit.rotation.ground import furnished
from tests.unit.settling.driving import SECOND, crashed, row


@pytest.fixture
def hub(world: World) -> FakeHub:
    return FakeHub(world)


@pytest.fixture
def sweep(world: World, hub: FakeHub) -> Sweeping:
    return Sweeping(world, hub)


Begin = Callable[[World], Awaitable[Operation]]


async def release(world: World) -> Operation:
    return await failing(world)


async def decommission(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("api", "1")))
    return begun(await People(world).decommission())


async def enforcement(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("api", "1")))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    return await world.enforcing.begin(await world.admitted(), await world.policy(ident))


async def rollback(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("api", "1")))
    second = await world.deploy(component("api", "2"))
    await Engine(world).run(second)
    return await world.roll_back(deployment_of(second))


async def provision(world: World) -> Operation:
    return await People(world).provision()


async def rotation(world: World) -> Operation:
    ground = await furnished(world)
    ground.renewed()
    return await ground.rotate()


async def mend(world: World) -> Operation:
    """A remedy of the infrastructure; that of a service ends as a release does."""
    intent, admitted = world.intent(ReasonRequest(), action="drift.remediate"), await world.admitted()
    permit = await intent.permit(admitted.environment.environment_id, admitted.environment.stage)
    mending = Mending(world.index, world.journal, world.clock)
    return begun(await mending.begin(intent, admitted, permit, lambda _tx: {}, None))


KINDS: dict[OperationKind, Begin] = {
    OperationKind.PROVISION: provision,
    OperationKind.DECOMMISSION: decommission,
    OperationKind.DEPLOY: release,
    OperationKind.ROLLBACK: rollback,
    OperationKind.ENFORCE_SCALING: enforcement,
    OperationKind.ROTATE_SECRET: rotation,
    OperationKind.REMEDIATE_DRIFT: mend,
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


async def late(kind: OperationKind, at: int = 2) -> tuple[World, FakeHub, Sweeping, Operation]:
    """An operation that hangs in its hub and is past its deadline and the overtime."""
    world = World() if kind is OperationKind.PROVISION else await World().provision()
    operation = await KINDS[kind](world)
    hub = FakeHub(world)
    await crashed(hub, operation, at)
    world.clock.advance_to(operation.must_settle_by + OVERTIME + SECOND)
    return world, hub, Sweeping(world, hub), operation


async def fenced_off(world: World, sweep: Sweeping, operation: Operation) -> Operation:
    """Nobody works on it any more; a job that had to be stopped takes a tick to end."""
    await sweep.tick()
    if (await row(world, operation)).ended_by_force_at is None:
        await sweep.tick()
    return await row(world, operation)


async def test_by_force_only_after_the_overtime_and_the_outcome_only_after_the_last_activity_can_be_over() -> None:
    world, _, sweep, operation = await late(OperationKind.DEPLOY)
    world.clock.now = operation.must_settle_by + OVERTIME
    await sweep.tick()
    assert (await row(world, operation)).ended_by_force_at is None
    await sweep.tick(later=SECOND)
    forced = (await row(world, operation)).ended_by_force_at
    assert forced == world.clock()
    assert (await row(world, operation)).waiting_for == "what is under way to end"
    world.clock.now = forced + ACTIVITY_LIMIT
    await sweep.tick()
    assert (await row(world, operation)).status in OPEN
    await sweep.tick(later=SECOND)
    assert (await row(world, operation)).status is OperationStatus.FAILED


@EVERY_KIND
async def test_what_passed_its_deadline_is_ended_by_force(kind: OperationKind) -> None:
    world, hub, sweep, operation = await late(kind)
    fenced = await fenced_off(world, sweep, operation)
    assert (fenced.status, fenced.attempt) == (OperationStatus.RUNNING, 2)
    assert fenced.waiting_for == "what is under way to end"
    assert hub.terminated == [f"{operation.operation_id}-1"]
    await sweep.tick(later=ACTIVITY_LIMIT - SECOND)
    assert (await row(world, operation)).status in OPEN, "not before an activity under way must have ended"
    await sweep.tick(later=2 * SECOND)
    ended = await row(world, operation)
    assert (ended.status, ended.error and ended.error.code) == (OperationStatus.FAILED, "DeadlineExceeded")
    assert (await world.slot()).operation_id is None
    assert hub.started == [f"{operation.operation_id}-1"], "nobody works under the new attempt"


@EVERY_KIND
@pytest.mark.parametrize("at", range(1, 5))
async def test_wherever_it_hung_it_ends(kind: OperationKind, at: int) -> None:
    world, _, sweep, operation = await late(kind, min(at, 3) if kind is OperationKind.ENFORCE_SCALING else at)
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await row(world, operation)).status not in OPEN
    assert (await world.slot()).operation_id is None


@EVERY_KIND
async def test_while_it_is_being_ended_nothing_else_starts(kind: OperationKind) -> None:
    world, _, sweep, _ = await late(kind)
    await sweep.tick()
    with pytest.raises(OperationInFlight):
        (await world.admitted_anyhow()).slot.require_free()


@EVERY_KIND
async def test_its_old_worker_wakes_without_an_effect(kind: OperationKind) -> None:
    world, hub, sweep, operation = await late(kind)
    history = hub.histories[operation.instance_id]
    await fenced_off(world, sweep, operation)
    effects = [*world.apps.effects, *world.jobs.started]
    assert await Engine(world, history).run(operation) == "superseded"
    assert [*world.apps.effects, *world.jobs.started] == effects
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert await Engine(world, history).run(operation) == "superseded"
    assert (await row(world, operation)).status is OperationStatus.FAILED


@EVERY_KIND
async def test_a_hub_that_lost_it_is_no_reason_not_to_end_it(kind: OperationKind) -> None:
    world, hub, sweep, operation = await late(kind)
    hub.lose()
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await row(world, operation)).status is OperationStatus.FAILED


async def test_it_has_overtime_for_taking_it_back_at_its_deadline(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    assert OVERTIME > ROLLBACK_WITHIN
    operation = await failing(world)
    await crashed(hub, operation, 5)
    world.clock.advance_to(operation.must_settle_by + ROLLBACK_WITHIN)
    await sweep.tick()
    assert (await row(world, operation)).ended_by_force_at is None


async def test_what_was_never_started_until_its_deadline_ends_too(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    world.clock.advance_to(operation.must_settle_by + OVERTIME + SECOND)
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await row(world, operation)).status is OperationStatus.FAILED
    assert (await world.deployment(deployment_of(operation))).status is DeploymentStatus.FAILED


async def test_a_job_is_stopped_before_its_operation_is_ended_by_force() -> None:
    world, _, sweep, operation = await late(OperationKind.PROVISION, 3)
    world.jobs.lingers = 1
    await sweep.tick()
    assert (await row(world, operation)).ended_by_force_at is None
    await sweep.tick()
    await sweep.tick()
    assert world.jobs.living == []
    assert (await row(world, operation)).ended_by_force_at is not None


async def test_a_result_that_comes_too_late_is_refused() -> None:
    world, _, sweep, operation = await late(OperationKind.PROVISION, 3)
    await sweep.tick()
    await sweep.tick()
    await world.jobs.work()
    assert (await row(world, operation)).result is None
    assert world.jobs.engine.done == []


async def test_a_provision_that_was_ended_by_force_can_be_retried_and_decommissioned() -> None:
    world, _, sweep, operation = await late(OperationKind.PROVISION)
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await world.environment()).status is EnvironmentStatus.FAILED
    people = People(world)
    again = begun(await people.retry(operation))
    await people.cancel(again)
    await Engine(world).run(again)
    gone = begun(await people.decommission())
    assert await Engine(world).run(gone) == "decommissioned"


async def test_a_release_that_was_ended_by_force_holds_the_environment_and_can_be_retried() -> None:
    world, _, sweep, operation = await late(OperationKind.DEPLOY, 5)
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await world.deployment(deployment_of(operation))).status is DeploymentStatus.FAILED
    hold = (await world.environment()).hold
    assert hold is not None
    assert hold.reason == "DeadlineExceeded"
    assert world.apps.serves("api") == image("api", "1")
    world.prober.says[image("api", "2")] = HealthStatus.HEALTHY
    assert await Engine(world).run(begun(await People(world).retry(operation))) == "completed"
    assert world.apps.running("api") == [image("api", "2")]
    assert (await world.environment()).hold is None


async def test_a_decommission_that_was_ended_by_force_can_be_taken_up_again() -> None:
    world, _, sweep, operation = await late(OperationKind.DECOMMISSION)
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await world.environment()).status is EnvironmentStatus.FAILED
    assert await Engine(world).run(begun(await People(world).retry(operation))) == "decommissioned"


async def test_a_policy_whose_enforcement_was_ended_by_force_stays_wanted() -> None:
    world, hub, sweep, operation = await late(OperationKind.ENFORCE_SCALING)
    await fenced_off(world, sweep, operation)
    await sweep.tick(later=ACTIVITY_LIMIT + SECOND)
    assert (await world.policy(operation.resource_id)).enforcement is Enforcement.PENDING
    await sweep.tick(later=timedelta(minutes=2))
    again = await world.operation(hub.started[-1].rpartition("-")[0])
    assert again.operation_id != operation.operation_id
    await hub.run(again)
    assert (await world.policy(operation.resource_id)).enforcement is Enforcement.ENFORCED
