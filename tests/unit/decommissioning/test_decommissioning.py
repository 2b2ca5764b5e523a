"""Decommission: the workloads go before what they run on, what is absent counts as gone, and the name is free again."""

from __future__ import annotations

import pytest

from shared.events.envelope import EventType
from shared.kernel.canonical import canonical
from shared.kernel.errors import EnvironmentNotReady, NameTaken, OperationInFlight, Refused, Transient, ValidationFailed
from shared.kernel.ids import environment_id
from shared.operations.intent import Remembered
from shared.operations.model import Operation, OperationStatus, StepStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.store import keys
from shared.store.port import Put
from tests.unit.doubles.engine import Crash, Engine, History
from tests.unit.doubles.people import NAME, People
from tests.unit.doubles.world import ENVIRONMENT, SHARDS, TENANT, World, begun, component

NEXT = "00000000000000bb"


@pytest.fixture
async def furnished(world: World) -> World:
    """A service on each target, one of them scaled."""
    await Engine(world).run(await world.deploy(component("api", "1"), component("web", "1", "aks")))
    return world


async def ended(world: World, operation: Operation) -> Operation:
    await Engine(world).run(operation)
    return await world.operation(operation.operation_id)


async def test_the_answer_and_what_stands_right_after_it(furnished: World, people: People) -> None:
    answer = await people.decommission(key="idem-1")
    assert (answer.status, dict(answer.body)) == (
        202,
        {"environmentId": ENVIRONMENT, "status": "Decommissioning", "traceId": people.caller.trace_id},
    )
    assert answer.location == f"/environments/{ENVIRONMENT}"
    assert (await furnished.environment()).status is EnvironmentStatus.DECOMMISSIONING
    remembered: Remembered = await furnished.read(Remembered, "idem-1")
    assert remembered.operation_id == begun(answer).operation_id


@pytest.mark.parametrize("confirm", ["", "orders", "Orders-dev", f"{NAME} ", ENVIRONMENT])
async def test_the_name_has_to_be_spelled(furnished: World, people: People, confirm: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await people.decommission(confirm)
    assert list(refused.value.errors) == ["confirm"]
    assert (await furnished.environment()).status is EnvironmentStatus.PROVISIONED


async def test_workloads_go_first_then_the_engine_destroys(furnished: World, people: People) -> None:
    world = furnished
    seen: list[tuple[list[str], list[str]]] = []

    async def looks() -> None:
        seen.append((sorted(world.apps.services), sorted(world.cluster.services)))

    world.jobs.engine.during.append(looks)
    operation = await ended(world, begun(await people.decommission()))
    assert seen == [([], [])]
    assert (world.apps.of("remove"), world.cluster.of("remove")) == (["api"], ["web"])
    assert world.jobs.engine.done == [("destroyed", 1, operation.operation_id)]
    assert operation.status is OperationStatus.SUCCEEDED
    assert [(step.name, step.status) for step in operation.steps] == [
        ("Workloads", StepStatus.SUCCEEDED),
        ("KeyVault", StepStatus.SUCCEEDED),
    ]


async def test_what_is_left_of_it(furnished: World, people: People) -> None:
    world = furnished
    await ended(world, begun(await people.decommission()))
    environment = await world.environment()
    assert environment.status is EnvironmentStatus.DECOMMISSIONED
    assert environment.decommissioned_at is not None
    assert (environment.stable_deployment_id, environment.hold) == (None, None)
    assert (await world.inventory(), (await world.slot()).operation_id) == ({}, None)
    assert [await world.where.best(TENANT, name) for name in ("api", "web")] == [None, None]
    swept = [row.key for shard in range(SHARDS) for row in await world.store.list(keys.all_shard(shard), "", limit=10)]
    assert world.partition not in swept
    [listed] = await world.store.list(f"{TENANT}|~", "n-env-", limit=10)
    assert listed.document["environment"]["status"] == "Decommissioned", "the tenant still finds it"


async def test_it_is_told_once(furnished: World, people: People) -> None:
    operation = begun(await people.decommission(retainData=True))
    await Engine(furnished, times=2).run(operation)
    [event] = await furnished.events(EventType.ENVIRONMENT_DECOMMISSIONED)
    assert event.payload == {"environmentId": ENVIRONMENT, "name": NAME, "retainedData": True}


async def test_what_is_absent_counts_as_gone(furnished: World, people: People) -> None:
    furnished.apps.services.clear()
    operation = await ended(furnished, begun(await people.decommission()))
    assert operation.status is OperationStatus.SUCCEEDED


async def test_what_runs_without_being_in_the_inventory_goes_too(furnished: World, people: People) -> None:
    stranger = next(iter(furnished.apps.services.values()))
    furnished.apps.services["stranger"] = stranger
    await ended(furnished, begun(await people.decommission()))
    assert furnished.apps.services == {}


async def test_nothing_else_starts_meanwhile(furnished: World, people: People) -> None:
    world = furnished
    operation = begun(await people.decommission())
    with pytest.raises(OperationInFlight) as refused:
        await people.decommission()
    assert refused.value.operation_id == operation.operation_id
    with pytest.raises(EnvironmentNotReady):
        await world.deploy(component("api", "2"))
    with pytest.raises(EnvironmentNotReady):
        await world.scale("api")


async def test_not_while_something_is_in_flight(furnished: World, people: People) -> None:
    operation = await furnished.deploy(component("api", "2"))
    with pytest.raises(OperationInFlight) as refused:
        await people.decommission()
    assert refused.value.operation_id == operation.operation_id


async def test_what_is_gone_cannot_go_again(furnished: World, people: People) -> None:
    await ended(furnished, begun(await people.decommission()))
    with pytest.raises(EnvironmentNotReady):
        await people.decommission()


async def test_an_unreachable_target_fails_it_and_retry_takes_it_up(furnished: World, people: People) -> None:
    world = furnished
    world.cluster.fail("observe", "", *[Transient("kubernetes")] * 40)
    operation = await ended(world, begun(await people.decommission()))
    assert (operation.status, operation.error and operation.error.code) == (OperationStatus.FAILED, "DependencyUnavailable")
    assert (await world.environment()).status is EnvironmentStatus.FAILED
    assert [(step.name, step.status) for step in operation.steps] == [("Workloads", StepStatus.FAILED)]
    assert world.jobs.started == [], "nothing is pulled from under what may still run"
    world.cluster.errors.clear()
    again = await ended(world, begun(await people.retry(operation)))
    assert again.status is OperationStatus.SUCCEEDED
    assert world.apps.of("remove") == ["api"], "once: what is gone counts as gone"


@pytest.mark.parametrize("error", [Transient("kubernetes"), Refused("kubernetes", "Forbidden", "no")])
async def test_force_leaves_an_unreachable_target_to_the_engine_and_says_so(
    furnished: World, people: People, error: Exception
) -> None:
    world = furnished
    world.cluster.fail("observe", "", *[error] * 40)
    operation = await ended(world, begun(await people.decommission(force=True)))
    assert operation.status is OperationStatus.SUCCEEDED
    assert operation.steps[0].detail == f"aks was left to the engine: {type(error).__name__}"
    assert world.apps.services == {}, "what could be reached was emptied"
    assert (await world.environment()).status is EnvironmentStatus.DECOMMISSIONED


async def test_it_is_resumed_from_the_failed_step(furnished: World, people: People) -> None:
    world = furnished
    world.jobs.engine.errors.append(Refused("arm", "ScopeLocked", "a lock"))
    failed = await ended(world, begun(await people.decommission()))
    assert (failed.error and failed.error.code, failed.steps[0].status) == ("ScopeLocked", StepStatus.SUCCEEDED)
    effects = list(world.apps.effects)
    again = await ended(world, begun(await people.retry(failed)))
    assert (again.status, again.retry_of) == (OperationStatus.SUCCEEDED, failed.operation_id)
    assert world.apps.effects == effects
    assert len(await world.events(EventType.ENVIRONMENT_DECOMMISSIONED)) == 1


async def test_one_that_failed_can_also_be_asked_for_anew(furnished: World, people: People) -> None:
    furnished.jobs.engine.errors.append(Refused("arm", "ScopeLocked", "a lock"))
    await ended(furnished, begun(await people.decommission()))
    operation = await ended(furnished, begun(await people.decommission(force=True)))
    assert operation.status is OperationStatus.SUCCEEDED


async def test_an_environment_that_was_never_provisioned_can_go() -> None:
    """Without outputs nothing was ever made to run in; what its engine has made by halves goes."""
    world = World()
    people = People(world)
    world.jobs.engine.errors.append(Refused("arm", "QuotaExceeded", "no"))
    await ended(world, await people.provision())
    world.apps.fail("observe", "", *[Transient("arm")] * 40)
    operation = await ended(world, begun(await people.decommission()))
    assert operation.status is OperationStatus.SUCCEEDED
    assert [word for word, _, _ in world.jobs.engine.done] == ["destroyed"]


async def test_the_name_is_free_again_and_not_before() -> None:
    world = World()
    people = People(world)
    await ended(world, await people.provision())
    operation = begun(await people.decommission())
    with pytest.raises(NameTaken):
        await people.provision(NEXT)
    await ended(world, operation)
    second = await people.provision(NEXT)
    assert second.environment_id == environment_id(NEXT)
    other = World(clock=world.clock, environment_id=environment_id(NEXT), store=world.store, draw=world.draw)
    await ended(other, second)
    assert (await other.environment()).status is EnvironmentStatus.PROVISIONED
    assert (await world.environment()).status is EnvironmentStatus.DECOMMISSIONED
    assert other.jobs.engine.done[0][2] == second.operation_id


async def test_a_failed_one_keeps_its_name() -> None:
    world = World()
    people = People(world)
    await ended(world, await people.provision())
    world.jobs.engine.errors.append(Refused("arm", "ScopeLocked", "a lock"))
    await ended(world, begun(await people.decommission()))
    with pytest.raises(NameTaken):
        await people.provision(NEXT)


async def test_the_decision_for_it_is_asked_and_verified_before_anything_is_removed() -> None:
    world = await World(stage="prod").provision()
    await Engine(world).run(await world.deploy(component("api", "1")))
    operation = begun(await People(world).decommission())
    assert operation.receipt is not None
    assert operation.receipt.action == "environments.decommission"
    changed = canonical({**operation.request, "force": True}).decode()
    await world.put(operation.operation_id, operation.model_copy(update={"request_json": changed}))
    refused = await ended(world, operation)
    assert (refused.status, refused.error and refused.error.code) == (OperationStatus.FAILED, "PolicyDenied")
    assert world.apps.of("remove") == []


async def test_with_an_expired_decision_the_engine_is_not_started() -> None:
    world = await World(stage="prod").provision()
    operation = begun(await People(world).decommission())
    engine = Engine(world)

    async def a_day_passes() -> None:
        world.clock.advance(86_400)

    engine.before["provisioner_start"] = a_day_passes
    await engine.run(operation)
    assert world.jobs.started == []
    assert (await world.environment()).status is EnvironmentStatus.FAILED


async def test_whoever_sees_the_end_finds_an_empty_inventory(furnished: World, people: People) -> None:
    """And a process that dies right after it was committed still takes the environment off the sweep's list."""
    world, history = furnished, History()
    operation, shard = begun(await people.decommission()), keys.all_shard(keys.shard_of(furnished.partition, SHARDS))
    await world.store.commit(shard, world.draw(), [Put(world.partition, {})])
    engine = Engine(world, history)

    async def dies() -> None:
        assert (await world.environment()).status is EnvironmentStatus.DECOMMISSIONED
        assert await world.inventory() == {}
        raise Crash

    engine.before["decommission_forget"] = dies
    with pytest.raises(Crash):
        await engine.run(operation)
    assert await world.store.get(shard, world.partition) is not None
    await Engine(world, history).run(operation)
    assert await world.store.get(shard, world.partition) is None
