"""Retry: the same request under the same decision, as a new operation that says which one it retries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.access.governance import ReceiptRefused
from shared.kernel.errors import (
    EnvironmentNotReady,
    InsufficientScope,
    NotFound,
    NotRetryable,
    OperationInFlight,
    Refused,
    ValidationFailed,
)
from shared.operations.intent import Remembered
from shared.operations.model import Operation, OperationKind, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.document import HealthStatus
from shared.runtime.scaling.model import Enforcement
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import OPERATOR, People
from tests.unit.doubles.world import World, begun, component, deployment_of, image
from tests.unit.gating.pausing import Answers, answered, failing


async def failed_release(world: World) -> Operation:
    operation = await failing(world, gate={"failureLimit": 1})
    await Engine(world).run(operation)
    return operation


def mended(world: World) -> None:
    world.prober.says[image("api", "2")] = HealthStatus.HEALTHY


async def failed_provision(world: World) -> Operation:
    world.jobs.engine.errors.append(Refused("arm", "QuotaExceeded", "no cores"))
    operation = await People(world).provision()
    await Engine(world).run(operation)
    return operation


async def test_a_release_is_rolled_out_again_as_a_new_deployment(world: World, people: People) -> None:
    failed = await failed_release(world)
    mended(world)
    answer = await people.retry(failed, "fixed")
    again = begun(answer)
    assert (again.retry_of, again.kind, again.request) == (failed.operation_id, OperationKind.DEPLOY, failed.request)
    assert again.operation_id != failed.operation_id
    assert answer.status == 202
    assert answer.body["retryOf"] == failed.operation_id
    assert answer.location == f"/deployments/{deployment_of(again)}"
    assert (again.requested_by, again.generation) == ("olga", failed.generation + 1)
    assert await Engine(world).run(again) == "completed"
    assert world.apps.running("api") == [image("api", "2")]
    assert (await world.deployment(deployment_of(failed))).status is DeploymentStatus.ROLLED_BACK, "that stays what it is"
    assert (await world.environment()).hold is None


async def test_a_cancelled_release_can_be_retried(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    await people.cancel(operation)
    await Engine(world).run(operation)
    assert await Engine(world).run(begun(await people.retry(operation))) == "completed"


async def test_a_retry_can_be_retried(world: World, people: People) -> None:
    first = await failed_release(world)
    second = begun(await people.retry(first))
    await Engine(world).run(second)
    mended(world)
    third = begun(await people.retry(second))
    assert third.retry_of == second.operation_id
    assert await Engine(world).run(third) == "completed"


async def test_it_is_judged_as_the_environment_stands_now(world: World, people: People) -> None:
    await Engine(world).run(await world.deploy(component("db")))
    world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    failed = await world.deploy(component("api", "2", dependsOn=["db"]), gate={"failureLimit": 1})
    await Engine(world).run(failed)
    await world.delete("svc-db")
    with pytest.raises(ValidationFailed) as refused:
        await people.retry(failed)
    assert list(refused.value.errors) == ["components[0].dependsOn"]


async def test_a_rollback_is_retried_to_the_same_snapshot(world: World, people: People) -> None:
    await Engine(world).run(await world.deploy(component("api", "1")))
    second = await world.deploy(component("api", "2"), gate={"failureLimit": 1})
    await Engine(world).run(second)
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    failed = await world.roll_back(deployment_of(second), reason="slow")
    assert await Engine(world).run(failed) == "failed"
    world.prober.says[image("api", "1")] = HealthStatus.HEALTHY
    again = begun(await people.retry(failed))
    assert await Engine(world).run(again) == "completed"
    before, after = [await world.deployment(deployment_of(one)) for one in (failed, again)]
    assert (after.rollback_of, after.rollback_to, after.reason) == (before.rollback_of, before.rollback_to, "slow")
    assert world.apps.running("api") == [image("api", "1")]


async def test_a_failed_provision_goes_on_where_it_failed() -> None:
    world = World()
    failed = await failed_provision(world)
    assert (await world.environment()).status is EnvironmentStatus.FAILED
    again = begun(await People(world).retry(failed))
    assert (again.retry_of, (await world.environment()).status) == (failed.operation_id, EnvironmentStatus.PROVISIONING)
    assert await Engine(world).run(again) == "provisioned"
    assert (await world.environment()).status is EnvironmentStatus.PROVISIONED
    assert world.jobs.engine.done == [("made", 1, again.operation_id)]


async def test_a_provision_is_not_retried_once_the_environment_has_been_provisioned() -> None:
    world = World()
    people = People(world)
    failed = await failed_provision(world)
    await Engine(world).run(begun(await people.retry(failed)))
    with pytest.raises(NotRetryable):
        await people.retry(failed)
    world.jobs.engine.errors.append(Refused("arm", "Locked", "no"))
    down = begun(await people.decommission())
    await Engine(world).run(down)
    assert (await world.environment()).status is EnvironmentStatus.FAILED
    with pytest.raises(NotRetryable):
        await people.retry(failed)
    assert (await world.environment()).status is EnvironmentStatus.FAILED


async def test_a_failed_decommission_is_taken_up_with_what_was_asked_of_it(world: World, people: People) -> None:
    world.jobs.engine.errors.append(Refused("arm", "Locked", "no"))
    failed = begun(await people.decommission(retainData=True))
    await Engine(world).run(failed)
    again = begun(await people.retry(failed))
    assert again.request["retainData"] is True
    assert await Engine(world).run(again) == "decommissioned"


async def test_a_failed_enforcement_is_tried_at_once(world: World, people: People) -> None:
    await Engine(world).run(await world.deploy(component("api", "1")))
    ident = (await world.scale("api")).body["scalingPolicyId"]
    failed = await world.enforcing.begin(await world.admitted(), await world.policy(ident))
    world.apps.fail("scale", "api", Refused("arm", "InvalidScale", "no"))
    await Engine(world).run(failed)
    again = begun(await people.retry(failed))
    assert (again.retry_of, again.requested_by) == (failed.operation_id, "olga")
    await Engine(world).run(again)
    assert (await world.policy(ident)).enforcement is Enforcement.ENFORCED
    with pytest.raises(NotRetryable):
        await people.retry(failed)


async def test_what_runs_or_has_succeeded_is_not_retryable(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    with pytest.raises(NotRetryable) as refused:
        await people.retry(operation)
    assert refused.value.status == OperationStatus.NOT_STARTED
    await Engine(world).run(operation)
    with pytest.raises(NotRetryable) as refused:
        await people.retry(operation)
    assert refused.value.status == OperationStatus.SUCCEEDED


async def test_not_while_another_operation_holds_the_slot(world: World, people: People) -> None:
    failed = await failed_release(world)
    await world.deploy(component("api", "3"))
    with pytest.raises(OperationInFlight):
        await people.retry(failed)


async def test_not_of_a_release_into_what_is_gone(world: World, people: People) -> None:
    failed = await failed_release(world)
    await Engine(world).run(begun(await people.decommission()))
    with pytest.raises(EnvironmentNotReady):
        await people.retry(failed)


async def test_without_the_scope_of_its_kind_it_is_refused(world: World) -> None:
    failed = await failed_release(world)
    other = replace(OPERATOR, scopes=OPERATOR.scopes - {"runtime.deployments.write"})
    with pytest.raises(InsufficientScope):
        await People(world, other).retry(failed)


async def test_an_unknown_operation_is_not_found(world: World, people: People) -> None:
    failed = await failed_release(world)
    with pytest.raises(NotFound):
        await people.retry(failed.model_copy(update={"operation_id": failed.operation_id[:-4] + "beef"}))


async def test_under_the_decision_of_the_first_try_as_long_as_that_lasts() -> None:
    world = await World(stage="prod").provision()
    failed = await failed_release(world)
    people = People(world)
    again = begun(await people.retry(failed))
    assert (again.receipt, again.decision_id) == (failed.receipt, failed.decision_id)
    mended(world)
    assert await Engine(world).run(again) == "completed"


async def test_with_an_expired_decision_it_is_refused() -> None:
    world = await World(stage="prod").provision()
    failed = await failed_release(world)
    world.clock.advance(timedelta(days=1).total_seconds())
    with pytest.raises(ReceiptRefused) as refused:
        await People(world).retry(failed)
    assert refused.value.reason == "Expired"
    assert (await world.slot()).operation_id is None


async def test_the_answer_is_remembered_under_the_caller_s_key(world: World, people: People) -> None:
    answer = await people.retry(await failed_release(world), key="idem-1")
    remembered: Remembered = await world.read(Remembered, "idem-1")
    assert (remembered.body, remembered.operation_id) == (answer.body, begun(answer).operation_id)


async def test_of_a_paused_release_it_begins_nothing_new(world: World, people: People) -> None:
    operation = await failing(world)
    answers, seen = Answers(world, operation), []

    async def retries() -> None:
        seen.append(await people.retry(operation, "look again"))

    await answered(world, operation, retries, answers.promotes)
    [answer] = seen
    assert (answer.operation, answer.status) == (None, 202)
    assert answer.body["operationId"] == operation.operation_id
    assert answer.body["waitingFor"] == "its worker to retry it"
    assert answer.wakes is not None


async def test_what_is_to_be_taken_back_is_not_judged_again(world: World, people: People) -> None:
    """Paused and cancelled: the worker has not come to it yet, but what a person said stands."""
    operation = await failing(world)

    async def cancels_then_retries() -> None:
        await people.cancel(operation)
        with pytest.raises(NotRetryable):
            await people.retry(operation)

    await answered(world, operation, cancels_then_retries)
    assert (await world.operation(operation.operation_id)).status is OperationStatus.CANCELED
