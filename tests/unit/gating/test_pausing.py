"""A gate that pauses: the operation waits for a person and says so, and does what the person says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.kernel.errors import OperationInFlight, Transient
from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus, Phase
from shared.runtime.health.document import HealthStatus
from shared.runtime.rollout.gate import Verdict
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.world import World, component, deployment_of, image
from tests.unit.gating.pausing import BAD, Answers, answered, failing, outcome, words


async def test_it_says_in_plain_words_that_it_waits_for_a_person_and_why(
    world: World, operation: Operation, answers: Answers
) -> None:
    await answered(world, operation, answers.cancels)
    paused = answers.seen[0]
    assert (paused.status, paused.paused) == (OperationStatus.RUNNING, True)
    assert paused.waiting_for is not None
    assert paused.waiting_for.startswith("a person: retry judges again, promote goes on, cancel rolls back")
    assert "wave 0: api" in paused.waiting_for


async def test_while_it_waits_it_holds_the_slot_and_the_new_revision_does_not_serve(
    world: World, operation: Operation, answers: Answers
) -> None:
    async def looks() -> None:
        with pytest.raises(OperationInFlight):
            await world.deploy(component("api", "3"))
        deployment = await world.deployment(deployment_of(operation))
        assert (deployment.status, deployment.phase) == (DeploymentStatus.IN_PROGRESS, Phase.HEALTH_GATING)
        assert world.apps.serves("api") == image("api", "1")
        assert (await world.gate_of(deployment.deployment_id)).verdict is Verdict.FAILED

    await answered(world, operation, looks, answers.cancels)


async def test_nothing_is_decided_by_looking(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.looks, answers.looks, answers.promotes)
    assert [one.paused for one in answers.seen] == [True, True, True]
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED


async def test_a_day_without_an_answer_is_a_short_history(world: World, operation: Operation) -> None:
    engine = Engine(world, poll_seconds=60.0)
    await engine.run(operation)
    assert engine.activities.count("deploy_decided") < 110


async def test_what_a_person_says_about_an_operation_is_told_with_it(
    world: World, operation: Operation, answers: Answers
) -> None:
    await answered(world, operation, answers.retries, answers.cancels)
    told = {entry.kind: entry.operation_id for entry in await world.entries() if entry.kind.startswith("operation.")}
    assert told == dict.fromkeys(("operation.retry-decided", "operation.cancel-requested"), operation.operation_id)


async def test_a_person_has_a_day(world: World, operation: Operation) -> None:
    assert operation.must_settle_by - operation.created_at > timedelta(hours=24)


async def test_nobody_is_waited_for_longer_than_the_decision_lasts() -> None:
    world = await World(stage="prod", receipt_lasts=timedelta(hours=5)).provision()
    operation = await failing(world)
    assert operation.receipt is not None
    assert operation.must_settle_by == operation.receipt.expires_at
    await answered(world, operation)
    assert await outcome(world, operation) == (DeploymentStatus.ROLLED_BACK, OperationStatus.FAILED)


async def test_what_could_not_be_told_pauses_like_what_is_bad(world: World) -> None:
    operation = await failing(world, gate={"inconclusiveLimit": 1, "onFailure": "Pause"})
    world.prober.says[BAD] = HealthStatus.UNKNOWN
    answers = Answers(world, operation)
    await answered(world, operation, answers.promotes)
    assert "in spite of Inconclusive" in await words(world, operation)


async def test_a_target_that_could_not_be_asked_pauses_too(world: World) -> None:
    operation = await failing(world, gate={"errorLimit": 1, "onFailure": "Pause"})
    world.apps.fail("observe", "", Transient("arm"), Transient("arm"))
    answers = Answers(world, operation)
    await answered(world, operation, answers.promotes)
    assert "in spite of Error" in await words(world, operation)


async def test_each_wave_has_its_own_pause(world: World) -> None:
    operation = await failing(world, component("web", "2", wave=1))
    world.prober.says[image("web", "2")] = HealthStatus.UNHEALTHY
    answers = Answers(world, operation)
    await answered(world, operation, answers.promotes, answers.cancels)
    assert "wave 1: web" in (answers.seen[1].waiting_for or "")
    assert (await outcome(world, operation))[0] is DeploymentStatus.CANCELED
    assert [step for step in await world.history(deployment_of(operation)) if step[0] == "RollingBack"] == [
        ("RollingBack", 1),
        ("RollingBack", 0),
    ]
    assert world.apps.running("web") == []
    assert world.apps.running("api") == [image("api", "1")]


async def test_a_second_wave_does_not_begin_while_the_first_is_paused(world: World) -> None:
    operation = await failing(world, component("web", "2", wave=1))
    answers = Answers(world, operation)

    async def looks() -> None:
        assert "web" not in world.apps.services

    await answered(world, operation, looks, answers.cancels)
    assert "web" not in world.apps.services


async def test_without_pause_nobody_is_waited_for(world: World) -> None:
    operation = await failing(world, gate={"failureLimit": 1})
    before = world.clock()
    await answered(world, operation)
    assert (await outcome(world, operation))[0] is DeploymentStatus.ROLLED_BACK
    assert world.clock() - before < timedelta(minutes=1)


async def test_the_timeline_tells_the_pause_and_its_answer(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.mends_and_retries)
    kinds = [entry.kind for entry in await world.entries()]
    told = ["deployment.gate-decided", "deployment.paused", "operation.retry-decided", "deployment.gate-answered"]
    at = kinds.index("deployment.paused")
    assert kinds[at - 1 : at + 3] == told
    assert [entry.actor for entry in await world.entries() if entry.kind == "operation.retry-decided"] == ["olga"]
