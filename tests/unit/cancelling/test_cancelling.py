"""Cancel: the row says so, the worker takes back what was done, and the operation ends as Canceled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import InsufficientScope, NotCancellable, NotFound, OperationInFlight
from shared.operations.intent import Remembered
from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.scaling.model import Enforcement
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import OPERATOR, People
from tests.unit.doubles.world import World, begun, component, deployment_of, image


async def row(world: World, operation: Operation) -> Operation:
    return await world.operation(operation.operation_id)


async def cancelled_before(world: World, operation: Operation, activity: str) -> Operation:
    """As it ends when it is cancelled right before that activity."""
    engine = Engine(world)
    engine.before[activity] = lambda: People(world).cancel(operation, "not today")
    await engine.run(operation)
    return await row(world, operation)


async def second_release(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("api", "1")))
    return await world.deploy(component("api", "2"), component("web", "1", wave=1))


async def test_it_answers_the_operation_and_wakes_its_worker(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    answer = await people.cancel(operation, "not today")
    assert (answer.status, answer.body["operationId"]) == (202, operation.operation_id)
    assert answer.body["waitingFor"] == "what was done so far to be taken back"
    assert answer.wakes is not None
    assert answer.wakes.instance_id == operation.instance_id
    assert answer.operation is None, "nothing new is started"
    assert answer.location == operation.resource_path


async def test_asking_is_the_last_that_was_done_about_it(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    world.clock.advance(30)
    await people.cancel(operation)
    assert (await row(world, operation)).last_action_at == operation.last_action_at + timedelta(seconds=30)


@pytest.mark.parametrize("ident", ["op-0123456789abcdef0123456789abcdef", "env-0123456789abcdef", "slot"])
async def test_what_is_no_operation_is_unknown_and_named(world: World, people: People, ident: str) -> None:
    operation = await world.deploy(component("api"))
    with pytest.raises(NotFound) as caught:
        await people.cancel(operation.model_copy(update={"operation_id": ident}))
    assert (caught.value.kind, caught.value.ident) == ("operation", ident)


async def test_who_and_why_is_in_the_operation_s_error_and_in_the_log(world: World) -> None:
    ended = await cancelled_before(world, await second_release(world), "deploy_judge")
    assert ended.error is not None
    assert (ended.error.code, ended.error.message) == ("Canceled", "olga cancelled it: not today")
    [asked] = [entry for entry in await world.entries() if entry.kind == "operation.cancel-requested"]
    assert (asked.actor, asked.resource) == ("olga", ended.operation_id)


async def test_cancelling_twice_is_cancelling_once(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    await people.cancel(operation, "first")
    world.clock.advance(5)
    await people.cancel(operation, "second")
    cancel = (await row(world, operation)).cancel
    assert cancel is not None
    assert cancel.reason == "first"


async def test_the_answer_is_remembered_under_the_caller_s_key(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    answer = await people.cancel(operation, key="idem-1")
    remembered: Remembered = await world.read(Remembered, "idem-1")
    assert (remembered.status, remembered.body) == (answer.status, answer.body)


@pytest.mark.parametrize(
    "activity",
    [
        "deploy_claim",
        "deploy_prepare",
        "deploy_begin_wave",
        "deploy_apply",
        "deploy_judge",
        "deploy_promote",
        "deploy_wait_alone",
    ],
)
async def test_a_release_is_rolled_back_wherever_it_is(world: World, activity: str) -> None:
    operation = await second_release(world)
    ended = await cancelled_before(world, operation, activity)
    deployment = await world.deployment(deployment_of(operation))
    assert (ended.status, deployment.status) == (OperationStatus.CANCELED, DeploymentStatus.CANCELED)
    assert (await world.history(deployment.deployment_id))[-1] == ("Canceled", None)
    assert world.apps.running("api") == [image("api", "1")]
    assert world.apps.running("web") == []
    assert (await world.environment()).hold is None, "a person is at it"
    assert (await world.slot()).operation_id is None


async def test_a_running_gate_notices_within_a_look(world: World) -> None:
    operation = await second_release(world)
    before = world.clock()
    await cancelled_before(world, operation, "deploy_judge")
    assert (world.clock() - before).total_seconds() < 10


async def test_a_cancelled_first_release_leaves_nothing(world: World) -> None:
    operation = await world.deploy(component("api"))
    await cancelled_before(world, operation, "deploy_judge")
    assert world.apps.services == {}
    assert await world.inventory() == {}
    assert (await world.environment()).stable_deployment_id is None


async def test_the_slot_is_held_until_it_is_taken_back(world: World) -> None:
    operation = await second_release(world)
    engine = Engine(world)
    engine.before["deploy_judge"] = lambda: People(world).cancel(operation)

    async def still_held() -> None:
        with pytest.raises(OperationInFlight):
            await world.deploy(component("api", "3"))

    engine.before["deploy_finish_rollback"] = still_held
    await engine.run(operation)
    assert await Engine(world).run(await world.deploy(component("api", "3"))) == "completed"


async def test_a_provision_stops_its_job_first_and_leaves_the_environment_failed() -> None:
    world = World()
    people = People(world)
    operation = await people.provision()
    world.jobs.lingers = 2
    seen: list[EnvironmentStatus] = []
    engine = Engine(world, meanwhile=[lambda: people.cancel(operation)])

    async def looks() -> None:
        assert world.jobs.living == [], "the job has ended before anything is said to have"
        seen.append((await world.environment()).status)

    engine.before["provision_fail"] = looks
    await engine.run(operation)
    assert (await row(world, operation)).status is OperationStatus.CANCELED
    assert (seen, (await world.environment()).status) == ([EnvironmentStatus.PROVISIONING], EnvironmentStatus.FAILED)
    assert world.jobs.engine.done == []


async def test_a_provision_that_was_made_already_is_not_unmade() -> None:
    world = World()
    operation = await People(world).provision()
    ended = await cancelled_before(world, operation, "provision_complete")
    assert ended.status is OperationStatus.SUCCEEDED
    assert (await world.environment()).status is EnvironmentStatus.PROVISIONED


async def test_a_decommission_leaves_the_environment_failed_and_can_be_taken_up_again(world: World, people: People) -> None:
    operation = begun(await people.decommission())
    ended = await cancelled_before(world, operation, "provisioner_start")
    assert ended.status is OperationStatus.CANCELED
    assert (await world.environment()).status is EnvironmentStatus.FAILED
    assert await Engine(world).run(begun(await people.retry(operation))) == "decommissioned"


async def test_an_enforcement_is_cancelled_and_its_policy_stays_wanted(world: World) -> None:
    await Engine(world).run(await world.deploy(component("api", "1")))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    operation = await world.enforcing.begin(await world.admitted(), await world.policy(ident))
    ended = await cancelled_before(world, operation, "scaling_enforce")
    assert ended.status is OperationStatus.CANCELED
    assert world.apps.of("scale") == []
    assert (await world.policy(ident)).enforcement is Enforcement.PENDING


async def test_what_has_ended_cannot_be_cancelled(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    await Engine(world).run(operation)
    with pytest.raises(NotCancellable) as refused:
        await people.cancel(operation)
    assert refused.value.status == OperationStatus.SUCCEEDED
    again = await second_release(world)
    await cancelled_before(world, again, "deploy_judge")
    with pytest.raises(NotCancellable):
        await people.cancel(again)


async def test_a_rollback_cannot_be_cancelled(world: World, people: People) -> None:
    operation = await second_release(world)
    await Engine(world).run(operation)
    back = await world.roll_back(deployment_of(operation))
    with pytest.raises(NotCancellable) as refused:
        await people.cancel(back)
    assert refused.value.status == back.kind
    assert (await row(world, back)).cancel is None


async def test_without_the_scope_of_its_kind_it_is_refused(world: World) -> None:
    operation = await world.deploy(component("api"))
    other = replace(OPERATOR, scopes=OPERATOR.scopes - {"runtime.deployments.write"})
    with pytest.raises(InsufficientScope) as refused:
        await People(world, other).cancel(operation)
    assert "runtime.deployments.write" in refused.value.args
    assert (await row(world, operation)).cancel is None


@pytest.mark.parametrize("ident", ["op-00000000000000aa0000000000000bad", "dep-00000000000000aa00000000000d0001"])
async def test_what_is_no_operation_is_not_found(world: World, people: People, ident: str) -> None:
    operation = await world.deploy(component("api"))
    with pytest.raises(NotFound):
        await people.cancel(operation.model_copy(update={"operation_id": ident}))


async def test_one_rollback_event_is_told(world: World) -> None:
    operation = await second_release(world)
    await cancelled_before(world, operation, "deploy_judge")
    [told] = await world.events(EventType.DEPLOYMENT_ROLLED_BACK)
    assert told.payload["reason"] == "Canceled"
