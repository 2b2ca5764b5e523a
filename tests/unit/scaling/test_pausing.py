"""Pausing a policy: for a while nothing scales the service, and its count stays as it was."""

from __future__ import annotations

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import EnvironmentNotReady, NotFound, OperationInFlight
from shared.operations.intent import Answer
from shared.runtime.environments.model import EnvironmentStatus, Stage
from shared.runtime.scaling.model import Enforcement, PolicyStatus
from tests.unit.doubles.engine import Death, Engine, died
from tests.unit.doubles.world import World, begun, component, deployment_of


@pytest.fixture
async def scaled(world: World) -> str:
    """A policy of `api` that its target honours: 2 to 5 replicas, now at 4."""
    await Engine(world).run(await world.deploy(component("api")))
    ident = str((await world.scale("api")).body["scalingPolicyId"])
    await Engine(world).run(await world.enforcing.begin(await world.admitted(), await world.policy(ident)))
    world.apps.grown["api"] = 4
    return ident


async def ended(world: World, answer: Answer) -> None:
    assert answer.status == 202
    await Engine(world).run(begun(answer))


async def test_a_paused_service_keeps_its_count_and_has_no_autoscaler(world: World, scaled: str) -> None:
    answer = await world.pause(scaled, "load test")
    assert (answer.body["status"], answer.location) == ("Paused", f"/scaling-policies/{scaled}")
    standing = await world.policy(scaled)
    assert (standing.status, standing.enforcement) == (PolicyStatus.PAUSED, Enforcement.PENDING)
    await ended(world, answer)
    policy = await world.policy(scaled)
    assert (policy.enforcement, policy.effective) == (Enforcement.ENFORCED, None)
    assert policy.paused is not None
    assert (policy.paused.by, policy.paused.reason, policy.paused.replicas) == ("ada", "load test", 4)
    given = world.apps.services["api"].scaled
    assert given is not None
    assert (given.scaling, given.replicas) == (None, 4)
    assert policy.shown()["paused"]["replicas"] == 4


async def test_the_count_that_a_pause_left_stays_across_a_deployment(world: World, scaled: str) -> None:
    await ended(world, await world.pause(scaled))
    await Engine(world).run(await world.deploy(component("api", "2")))
    stable = await world.stable()
    assert stable is not None
    workload = stable.services["api"].workload
    assert (workload.replicas, workload.scaling) == (4, None)
    await Engine(world).run(await world.deploy(component("api", "3", replicas=6)))
    stable = await world.stable()
    assert stable is not None
    assert stable.services["api"].workload.replicas == 6


async def test_resumed_it_is_scaled_within_its_bounds_again(world: World, scaled: str) -> None:
    await ended(world, await world.pause(scaled))
    answer = await world.resume(scaled)
    assert answer.body["status"] == "Applied"
    await ended(world, answer)
    policy = await world.policy(scaled)
    assert (policy.status, policy.paused, policy.effective) == (PolicyStatus.APPLIED, None, policy.requested)
    given = world.apps.services["api"].scaled
    assert given is not None
    assert given.scaling == policy.requested


async def test_a_pause_is_told_by_no_event_and_each_taking_of_bounds_by_one(world: World, scaled: str) -> None:
    await ended(world, await world.pause(scaled))
    assert len(await world.events(EventType.SCALING_POLICY_APPLIED)) == 1
    await ended(world, await world.resume(scaled))
    assert len(await world.events(EventType.SCALING_POLICY_APPLIED)) == 2


async def test_pausing_twice_and_resuming_twice_change_nothing_and_say_so(world: World, scaled: str) -> None:
    assert (await world.resume(scaled)).status == 200
    await ended(world, await world.pause(scaled, "first"))
    before = await world.policy(scaled)
    again = await world.pause(scaled, "second")
    assert (again.status, again.operation, again.body["status"]) == (200, None, "Paused")
    assert await world.policy(scaled) == before


async def test_other_bounds_for_a_paused_policy_wait_until_it_is_resumed(world: World, scaled: str) -> None:
    await ended(world, await world.pause(scaled))
    await world.scale("api", maxReplicas=9)
    policy = await world.policy(scaled)
    assert (policy.status, policy.requested.max_replicas) == (PolicyStatus.PAUSED, 9)
    await Engine(world).run(await world.enforcing.begin(await world.admitted(), policy))
    given = world.apps.services["api"].scaled
    assert given is not None
    assert (given.scaling, given.replicas) == (None, 4)
    await ended(world, await world.resume(scaled))
    given = world.apps.services["api"].scaled
    assert given is not None
    assert given.scaling is not None
    assert given.scaling.max_replicas == 9


async def test_a_pause_needs_the_slot(world: World, scaled: str) -> None:
    operation = await world.deploy(component("api", "2"))
    with pytest.raises(OperationInFlight) as refused:
        await world.pause(scaled)
    assert refused.value.operation_id == operation.operation_id
    assert (await world.policy(scaled)).status is PolicyStatus.APPLIED


async def test_what_is_not_there_and_what_is_not_provisioned_cannot_be_paused(world: World, scaled: str) -> None:
    for ident in (
        scaled[:-1] + ("0" if scaled[-1] != "0" else "1"),
        deployment_of(await world.deploy(component("api", "2"))),
    ):
        with pytest.raises(NotFound):
            await world.pause(ident)
    environment = await world.environment()
    await world.put("env", environment.model_copy(update={"status": EnvironmentStatus.FAILED}))
    with pytest.raises(EnvironmentNotReady):
        await world.pause(scaled)


@pytest.mark.parametrize("at", range(1, 5))
@pytest.mark.parametrize("death", Death)
async def test_a_process_that_dies_anywhere_pauses_it_all_the_same(
    world: World, scaled: str, at: int, death: Death
) -> None:
    operation = begun(await world.pause(scaled))
    history = await died(world, operation, at, death)
    await Engine(world, history).run(operation)
    policy = await world.policy(scaled)
    assert policy.paused is not None
    assert (policy.enforcement, policy.paused.replicas) == (Enforcement.ENFORCED, 4)
    assert (await world.slot()).operation_id is None


async def test_in_production_it_needs_a_decision_that_stands_with_the_operation(world: World, scaled: str) -> None:
    environment = await world.environment()
    await world.put("env", environment.model_copy(update={"stage": Stage.PROD}))
    operation = begun(await world.pause(scaled))
    assert operation.decision_id == "decision-1"
    paused = [entry for entry in await world.entries() if entry.kind == "scaling-policy.paused"]
    assert [entry.decision_id for entry in paused] == ["decision-1"]
