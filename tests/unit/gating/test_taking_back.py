"""A paused release that is taken back: because a person says so, or nobody says anything in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.kernel.errors import NotCancellable
from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, deployment_of, image
from tests.unit.gating.pausing import Answers, answered, failing, outcome


async def test_a_rollback_that_the_gate_began_cannot_be_cancelled_and_is_the_platform_s_doing(world: World) -> None:
    operation = await failing(world, gate={"failureLimit": 1})
    engine = Engine(world)

    async def too_late() -> None:
        with pytest.raises(NotCancellable):
            await People(world).cancel(operation)

    engine.before["deploy_restore"] = too_late
    await engine.run(operation)
    assert await outcome(world, operation) == (DeploymentStatus.ROLLED_BACK, OperationStatus.FAILED)
    (told,) = [entry for entry in await world.entries() if entry.kind == "deployment.rolled-back"]
    assert (told.actor, told.client_id) == ("platform", "runtime-cloud")


async def test_who_cancelled_is_named_for_the_rollback(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.cancels)
    (told,) = [entry for entry in await world.entries() if entry.kind == "deployment.rolled-back"]
    assert (told.actor, told.client_id, told.operation_id) == ("olga", "operators-page", operation.operation_id)


async def test_cancel_rolls_back_and_then_it_is_canceled(world: World, operation: Operation, answers: Answers) -> None:
    assert await answered(world, operation, answers.cancels) == "rolled back"
    assert await outcome(world, operation) == (DeploymentStatus.CANCELED, OperationStatus.CANCELED)
    assert [phase for phase, _ in await world.history(deployment_of(operation))][-2:] == ["RollingBack", "Canceled"]
    assert world.apps.running("api") == [image("api", "1")]
    assert (await world.environment()).hold is None
    error = (await world.operation(operation.operation_id)).error
    assert error is not None
    assert error.message == "olga cancelled it: not today"


async def test_nobody_decides_and_at_the_deadline_it_rolls_back(world: World, operation: Operation) -> None:
    assert await answered(world, operation) == "rolled back"
    assert await outcome(world, operation) == (DeploymentStatus.ROLLED_BACK, OperationStatus.FAILED)
    ended = await world.operation(operation.operation_id)
    assert ended.error is not None
    assert ended.error.code == "DeadlineExceeded"
    assert timedelta() <= ended.last_action_at - operation.must_settle_by < timedelta(minutes=1)
    assert world.apps.running("api") == [image("api", "1")]
    hold = (await world.environment()).hold
    assert hold is not None
    assert hold.reason == "DeadlineExceeded"


async def test_a_gate_that_cannot_decide_until_the_deadline_does_not_pause_then(world: World, operation: Operation) -> None:
    await world.put(operation.operation_id, operation.model_copy(update={"must_settle_by": world.clock()}))
    await answered(world, await world.operation(operation.operation_id))
    assert (await outcome(world, operation))[0] is DeploymentStatus.ROLLED_BACK


async def rolling_back(world: World) -> Operation:
    """A rollback that a person asked for has a gate too, and nothing to be cancelled into."""
    operation = await failing(world)
    await answered(world, operation, Answers(world, operation).promotes)
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    return await world.roll_back(deployment_of(operation))


async def test_a_paused_rollback_does_not_offer_what_it_would_refuse(world: World) -> None:
    operation = await rolling_back(world)
    answers = Answers(world, operation)

    async def tries() -> None:
        with pytest.raises(NotCancellable):
            await answers.people.cancel(operation)

    await answered(world, operation, answers.looks, tries, answers.promotes)
    waiting = answers.seen[0].waiting_for or ""
    assert waiting.startswith("a person: retry judges again, promote goes on")
    assert "cancel" not in waiting
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED


async def test_a_paused_rollback_about_which_nobody_decides_fails_and_stays_retryable(world: World) -> None:
    operation = await rolling_back(world)
    await answered(world, operation)
    assert await outcome(world, operation) == (DeploymentStatus.FAILED, OperationStatus.FAILED)
    assert (await world.slot()).operation_id is None
    world.prober.says[image("api", "1")] = HealthStatus.HEALTHY
    again = (await People(world).retry(operation)).operation
    assert again is not None
    assert await answered(world, again) == "completed"
    assert world.apps.serves("api") == image("api", "1")
