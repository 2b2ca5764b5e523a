"""From a policy that waits to one that its target honours: an operation of its own, driven end to end."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import OperationInFlight, Refused, Transient
from shared.operations.model import Operation, OperationKind, OperationStatus
from shared.runtime.scaling.enforcement import AGAIN_AFTER
from shared.runtime.scaling.model import Enforcement, ScalingPolicy
from tests.unit.doubles.engine import Death, Engine, died
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, component


@pytest.fixture
async def running(world: World) -> World:
    """`api` and `web` run, each on a target of its own."""
    await Engine(world).run(await world.deploy(component("api"), component("web", target="aks")))
    return world


async def applied(world: World, service_id: str = "api", **fields: Any) -> str:
    return str((await world.scale(service_id, **fields)).body["scalingPolicyId"])


async def begun(world: World, ident: str) -> Operation:
    return await world.enforcing.begin(await world.admitted(), await world.policy(ident))


async def waiting(world: World) -> list[ScalingPolicy]:
    return await world.enforcing.waiting(await world.admitted())


async def test_the_target_gets_the_bounds_and_the_policy_says_so(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    assert await Engine(running).run(operation) == "enforced"
    policy = await running.policy(ident)
    assert (policy.enforcement, policy.effective) == (Enforcement.ENFORCED, policy.requested)
    scaled = running.apps.services["api"].scaled
    assert scaled is not None
    assert scaled.scaling == policy.requested
    assert (await running.operation(operation.operation_id)).status is OperationStatus.SUCCEEDED
    assert (await running.slot()).operation_id is None


async def test_its_operation_is_the_slots_holder_and_names_who_asked(running: World) -> None:
    ident = await applied(running)
    generation = (await running.slot()).generation
    operation = await begun(running, ident)
    assert (operation.kind, operation.requested_by) == (OperationKind.ENFORCE_SCALING, "ada")
    assert operation.resource_location == f"/v1/runtime/scaling-policies/{ident}"
    assert operation.generation == generation + 1
    with pytest.raises(OperationInFlight):
        await running.deploy(component("api", "2"))


async def test_what_the_target_cannot_honour_is_partial_and_says_what_it_does(running: World) -> None:
    ident = await applied(running, "web", target="aks", minReplicas=0, scaleToZero=True)
    await Engine(running).run(await begun(running, ident))
    policy = await running.policy(ident)
    assert policy.enforcement is Enforcement.PARTIAL
    assert policy.effective is not None
    assert (policy.requested.min_replicas, policy.effective.min_replicas) == (0, 1)


async def test_one_event_for_each_real_change(running: World) -> None:
    ident = await applied(running)
    await Engine(running, times=2).run(await begun(running, ident))
    await applied(running)
    assert await waiting(running) == []
    await applied(running, maxReplicas=7)
    await Engine(running, times=2).run(await begun(running, ident))
    told = await running.events(EventType.SCALING_POLICY_APPLIED)
    assert [event.payload["effective"]["maxReplicas"] for event in told] == [5, 7]
    assert [event.module_id for event in told] == ["api", "api"]


async def test_a_policy_that_is_replaced_while_it_is_enforced_stays_pending(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    history = await died(running, operation, 2, Death.RECORDED)
    await applied(running, maxReplicas=7)
    await Engine(running, history).run(operation)
    policy = await running.policy(ident)
    assert (policy.enforcement, policy.version, policy.effective) == (Enforcement.PENDING, 2, None)
    assert await running.events(EventType.SCALING_POLICY_APPLIED) == []
    assert [one.scaling_policy_id for one in await waiting(running)] == [ident]


async def test_a_target_that_refuses_leaves_it_pending_and_at_rest(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    running.apps.fail("scale", "api", Refused("arm", "InvalidScale", "no"))
    await Engine(running).run(operation)
    policy = await running.policy(ident)
    ended = await running.operation(operation.operation_id)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (OperationStatus.FAILED, "InvalidScale")
    assert policy.enforcement is Enforcement.PENDING
    assert not running.enforcing.is_due(policy)
    running.clock.advance(AGAIN_AFTER.total_seconds())
    assert running.enforcing.is_due(policy)


async def test_the_failure_of_an_older_version_puts_the_new_one_not_at_rest(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    await applied(running, maxReplicas=7)
    running.apps.fail("scale", "api", Refused("arm", "InvalidScale", "no"))
    await Engine(running).run(operation)
    assert running.enforcing.is_due(await running.policy(ident))


async def test_what_a_person_cancelled_is_not_begun_again_by_itself(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    await Engine(running, before={"scaling_enforce": lambda: People(running).cancel(operation)}).run(operation)
    assert (await running.operation(operation.operation_id)).status is OperationStatus.CANCELED
    running.clock.advance(10 * AGAIN_AFTER.total_seconds())
    assert await waiting(running) == []
    assert (await running.policy(ident)).enforcement is Enforcement.PENDING


async def test_a_person_begins_again_what_was_cancelled_or_wants_something_else(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    await Engine(running, before={"scaling_enforce": lambda: People(running).cancel(operation)}).run(operation)
    await applied(running, maxReplicas=7)
    assert [one.scaling_policy_id for one in await waiting(running)] == [ident]
    second = await begun(running, ident)
    await Engine(running, before={"scaling_enforce": lambda: People(running).cancel(second)}).run(second)
    again = (await People(running).retry(second)).operation
    assert again is not None
    assert await Engine(running).run(again) == "enforced"
    assert (await running.policy(ident)).enforcement is Enforcement.ENFORCED


async def test_transient_errors_are_tried_again(running: World) -> None:
    ident = await applied(running)
    running.apps.fail("scale", "api", *[Transient("arm")] * 3)
    await Engine(running).run(await begun(running, ident))
    assert (await running.policy(ident)).enforcement is Enforcement.ENFORCED


@pytest.mark.parametrize("at", range(1, 5))
@pytest.mark.parametrize("death", Death)
async def test_a_process_that_dies_anywhere_enforces_it_all_the_same(running: World, at: int, death: Death) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    history = await died(running, operation, at, death)
    await Engine(running, history).run(operation)
    assert (await running.policy(ident)).enforcement is Enforcement.ENFORCED
    assert len(await running.events(EventType.SCALING_POLICY_APPLIED)) == 1
    assert (await running.slot()).operation_id is None


async def test_a_service_that_does_not_run_there_is_not_waited_for(running: World) -> None:
    await applied(running, "unknown")
    await applied(running, "api", target="aks")
    assert await waiting(running) == []


async def test_a_service_that_was_taken_away_since_is_none_of_its_business(running: World) -> None:
    ident = await applied(running)
    operation = await begun(running, ident)
    environment = await running.environment()
    await running.put("env", environment.model_copy(update={"stable_deployment_id": None}))
    await Engine(running).run(operation)
    assert "scale" not in [method for method, _, _ in running.apps.effects]
    assert (await running.slot()).operation_id is None
