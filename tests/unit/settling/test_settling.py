"""What was committed and never started is started; what the hub lost is taken up under a new attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.events.active import COMES_WITHIN
from shared.kernel.errors import Superseded
from shared.operations.model import JobResult, Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.upkeep.settling import GRACE, LOST_AFTER, MOST_ATTEMPTS
from shared.targets.port import Stamp
from tests.unit.doubles.engine import Crash, Death, Engine, activity, died
from tests.unit.doubles.hub import FakeHub, Sweeping
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, component, deployment_of, image, no_repeats
from tests.unit.gating.pausing import Answers, failing
from tests.unit.settling.driving import SECOND, crashed, row


@pytest.fixture
def hub(world: World) -> FakeHub:
    return FakeHub(world)


@pytest.fixture
def sweep(world: World, hub: FakeHub) -> Sweeping:
    return Sweeping(world, hub)


# What was committed and never started.


async def test_what_was_never_started_is_started_and_ends(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await sweep.tick(later=GRACE + SECOND)
    assert hub.started == [f"{operation.operation_id}-1"]
    await hub.run(operation)
    assert (await row(world, operation)).status is OperationStatus.SUCCEEDED


async def test_one_that_was_cancelled_before_it_started_is_started_to_be_ended(
    world: World, people: People, hub: FakeHub, sweep: Sweeping
) -> None:
    operation = await world.deploy(component("api"))
    await people.cancel(operation)
    await sweep.tick(later=GRACE + SECOND)
    await hub.run(operation)
    assert (await row(world, operation)).status is OperationStatus.CANCELED


async def test_a_hub_that_cannot_be_asked_is_asked_again(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    await world.deploy(component("api"))
    hub.down = True
    await sweep.tick(later=GRACE + SECOND)
    assert (hub.started, await sweep.listed()) == ([], True)
    hub.down = False
    await sweep.tick()
    assert len(hub.started) == 1


async def test_a_broker_that_is_down_does_not_stop_settling(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    sweep.broker.down = True
    await sweep.tick(later=GRACE + SECOND)
    await hub.run(operation)
    assert (await row(world, operation)).status is OperationStatus.SUCCEEDED
    assert await sweep.listed()
    sweep.broker.down = False
    await sweep.tick(later=COMES_WITHIN)
    await sweep.tick()
    assert not await sweep.listed()
    assert [event.sequence for event in sweep.broker.sent] == [1, 2, 3]


# What the hub lost.


@pytest.mark.parametrize("at", range(1, 7))
async def test_what_the_hub_lost_is_taken_up_under_the_next_attempt(
    world: World, hub: FakeHub, sweep: Sweeping, at: int
) -> None:
    operation = await world.deploy(component("api"), component("web", wave=1))
    await crashed(hub, operation, at)
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    taken = await row(world, operation)
    assert (taken.attempt, hub.started[-1]) == (2, f"{operation.operation_id}-2")
    assert taken.status is OperationStatus.RUNNING
    assert await hub.run(operation) == "completed"
    assert no_repeats(await world.history(deployment_of(operation)))
    assert {name: world.apps.running(name) for name in ("api", "web")} == {
        "api": [image("api", "1")],
        "web": [image("web", "1")],
    }


async def test_the_next_attempt_has_no_job_worker_or_result_of_the_one_before(world: World, hub: FakeHub) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 2)
    was = {"job": "1/exec-9", "worker": "exec-9", "result": JobResult(attempt=1, outputs={})}
    await world.put(operation.operation_id, (await row(world, operation)).model_copy(update=was))
    hub.lose()
    await Sweeping(world, hub).tick(later=LOST_AFTER + SECOND)
    taken = await row(world, operation)
    assert (taken.job, taken.worker, taken.result) == (None, None, None)
    assert (taken.last_action_at, taken.waiting_for) == (world.clock(), "a worker to take it up again")


async def test_what_is_due_is_due_after_its_time_and_not_at_it(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 2)
    hub.lose()
    world.clock.advance_to((await row(world, operation)).last_action_at + LOST_AFTER)
    await sweep.tick()
    assert (await row(world, operation)).attempt == 1
    await sweep.tick(later=timedelta(milliseconds=1))
    assert (await row(world, operation)).attempt == 2


async def test_one_that_works_is_left_alone(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 3)
    for _ in range(5):
        await sweep.tick(later=timedelta(minutes=1))
    assert (await row(world, operation)).attempt == 1
    assert len(hub.started) == 1


async def test_a_worker_that_was_not_told_of_a_decision_is_told_again(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await hub.start(operation)
    await activity(world, "deploy_claim", operation.run.document())
    await sweep.tick(later=timedelta(minutes=1))
    assert hub.woken == []
    await People(world).cancel(await row(world, operation))
    await sweep.tick(later=timedelta(minutes=1))
    assert hub.woken == [operation.instance_id]


async def test_one_whose_last_word_is_fresh_is_not_lost_yet(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 3)
    hub.lose()
    await sweep.tick(later=LOST_AFTER - SECOND)
    assert (await row(world, operation)).attempt == 1


async def test_an_orchestration_that_ended_without_the_operation_counts_as_lost(
    world: World, hub: FakeHub, sweep: Sweeping
) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 3)
    await hub.terminate(operation)
    await sweep.tick(later=LOST_AFTER + SECOND)
    assert await hub.run(operation) == "completed"
    assert (await row(world, operation)).attempt == 2


async def test_a_worker_of_the_lost_attempt_has_no_effect_any_more(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    """Stopped for a minute, it wakes in each of its next activities after it was replaced."""
    for at in range(1, 8):
        world = await World().provision()
        hub = FakeHub(world)
        operation = await world.deploy(component("api"), component("web", wave=1))
        old = await died(world, operation, at, Death.RECORDED)
        await hub.start(operation)
        hub.lose()
        await Sweeping(world, hub).tick(later=LOST_AFTER + SECOND)
        rows, effects = world.store.__dict__["_partitions"][world.partition].copy(), list(world.apps.effects)
        assert await Engine(world, old).run(operation) == "superseded"
        assert world.store.__dict__["_partitions"][world.partition] == rows, f"the store, at {at}"
        assert world.apps.effects == effects, f"the targets, at {at}"


async def test_a_target_refuses_a_stamp_of_the_lost_attempt(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    """The worker that stopped between its look at the row and its effect."""
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 5)
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    await hub.run(operation, dies_at=None)
    environment = await world.environment()
    late = world.apps.services["api"].revisions.copy()
    with pytest.raises(Superseded):
        await world.apps.apply(environment.site, _stamp(operation, attempt=1), next(iter(late.values())).workload)


async def test_an_applied_service_carries_the_stamp_of_the_attempt_that_took_it_up(
    world: World, hub: FakeHub, sweep: Sweeping
) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 5)
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    with pytest.raises(Crash):
        await hub.run(operation, dies_at=5)
    stamp = world.apps.services["api"].stamp
    assert stamp is not None
    assert stamp.attempt == 2


async def test_what_was_planned_stands_for_the_next_attempt(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    """A policy that was changed in between belongs to the next release, not to half of this one."""
    operation = await world.deploy(component("api", replicas=2), component("web", wave=1))
    await crashed(hub, operation, 5, Death.RECORDED)
    planned = (await world.deployment(deployment_of(operation))).content_hash
    await world.scale("api", minReplicas=3)
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    await hub.run(operation)
    assert (await world.deployment(deployment_of(operation))).content_hash == planned
    assert len(world.apps.services["api"].revisions) == 1


async def test_a_rollback_that_was_lost_goes_straight_on_rolling_back(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await failing(world, gate={"failureLimit": 1})
    await hub.start(operation)
    with pytest.raises(Crash):
        await hub.run(operation, dies_at=7)
    assert (await world.deployment(deployment_of(operation))).phase == "RollingBack"
    world.prober.says[image("api", "2")] = HealthStatus.HEALTHY
    applied = world.apps.of("apply").count("api")
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    assert await hub.run(operation) == "rolled back"
    deployment = await world.deployment(deployment_of(operation))
    assert (deployment.status, deployment.error and deployment.error.code) == (DeploymentStatus.ROLLED_BACK, "GateFailed")
    assert world.apps.of("apply").count("api") == applied + 1, "what was stable, and nothing forward"
    assert no_repeats(await world.history(deployment_of(operation)))


async def test_a_cancelled_release_that_was_lost_is_rolled_back_all_the_same(
    world: World, people: People, hub: FakeHub, sweep: Sweeping
) -> None:
    operation = await failing(world)
    await crashed(hub, operation, 5)
    await people.cancel(operation, "never mind")
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    assert await hub.run(operation) == "rolled back"
    assert (await world.deployment(deployment_of(operation))).status is DeploymentStatus.CANCELED
    assert world.apps.running("api") == [image("api", "1")]


async def test_a_release_whose_decision_expired_meanwhile_is_rolled_back_and_not_left_half_way() -> None:
    world = await World(stage="prod", receipt_lasts=timedelta(hours=1)).provision()
    await Engine(world).run(await world.deploy(component("api", "1")))
    operation = await world.deploy(component("api", "2"))
    hub = FakeHub(world)
    await crashed(hub, operation, 5)
    world.clock.advance(3600)
    hub.lose()
    await world.put(operation.operation_id, await _with_time(world, operation))
    await Sweeping(world, hub).tick(later=LOST_AFTER + SECOND)
    assert await hub.run(operation) == "rolled back"
    error = (await row(world, operation)).error
    assert error is not None
    assert error.code == "PolicyDenied"
    assert world.apps.running("api") == [image("api", "1")]


async def _with_time(world: World, operation: Operation) -> Operation:
    later = world.clock() + timedelta(hours=1)
    return (await row(world, operation)).model_copy(update={"must_settle_by": later})


async def test_one_that_waits_for_a_person_says_so_again_after_it_was_taken_up(
    world: World, hub: FakeHub, sweep: Sweeping
) -> None:
    operation = await failing(world)
    answers = Answers(world, operation)

    async def lost() -> None:
        await answers.looks()
        raise Crash

    await hub.start(operation)
    with pytest.raises(Crash):
        await hub.run(operation, meanwhile=[lost])
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    await hub.run(operation, meanwhile=[answers.looks, answers.promotes])
    assert answers.seen[0].waiting_for == answers.seen[1].waiting_for
    assert (answers.seen[1].paused, answers.seen[1].attempt) == (True, 2)
    assert (await row(world, operation)).status is OperationStatus.SUCCEEDED


async def test_what_a_person_said_about_one_wave_is_not_taken_for_another(
    world: World, hub: FakeHub, sweep: Sweeping
) -> None:
    """The first wave was promoted by hand, the second is paused when the hub loses it all."""
    operation = await failing(world, component("web", "2", wave=1))
    world.prober.says[image("web", "2")] = HealthStatus.UNHEALTHY
    answers = Answers(world, operation)

    async def lost() -> None:
        raise Crash

    await hub.start(operation)
    with pytest.raises(Crash):
        await hub.run(operation, meanwhile=[answers.promotes, lost])
    hub.lose()
    await sweep.tick(later=LOST_AFTER + SECOND)
    first = (await world.gate_of(deployment_of(operation), 0)).overridden
    await hub.run(operation, meanwhile=[answers.promotes])
    assert (await world.gate_of(deployment_of(operation), 0)).overridden == first
    assert (await world.gate_of(deployment_of(operation), 1)).overridden is not None
    assert (await row(world, operation)).status is OperationStatus.SUCCEEDED


async def test_after_very_many_attempts_it_is_left_to_its_deadline(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 3)
    for _ in range(MOST_ATTEMPTS + 5):
        hub.lose()
        await sweep.tick(later=LOST_AFTER + SECOND)
    assert (await row(world, operation)).attempt == MOST_ATTEMPTS
    assert len(set(hub.started)) == len(hub.started)


async def test_two_sweeps_at_once_take_it_up_once(world: World, hub: FakeHub, sweep: Sweeping) -> None:
    operation = await world.deploy(component("api"))
    await crashed(hub, operation, 3)
    hub.lose()
    world.clock.advance(LOST_AFTER.total_seconds() + 1)
    admitted, deps = await world.admitted(), sweep.deps()
    stale = world.store.get

    reads = await stale(world.partition, operation.operation_id)

    async def as_it_was(partition: str, key: str):  # type: ignore[no-untyped-def]
        return reads if key == operation.operation_id else await stale(partition, key)

    await deps.settling.settle(admitted, hub)
    world.store.get = as_it_was  # type: ignore[method-assign]
    await deps.settling.settle(admitted, hub)
    world.store.get = stale  # type: ignore[method-assign]
    assert (await row(world, operation)).attempt == 2
    assert hub.started[1:] == [f"{operation.operation_id}-2"]


def _stamp(operation: Operation, attempt: int) -> Stamp:
    return Stamp(operation_id=operation.operation_id, generation=operation.generation, attempt=attempt)
