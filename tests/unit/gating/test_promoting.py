"""A person goes on in spite of a paused gate: what was found stays as it is, and who went on stands beside it."""

from __future__ import annotations

from shared.events.envelope import EventType
from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.rollout.gate import Verdict
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, deployment_of
from tests.unit.gating.pausing import BAD, POLL, Act, Answers, answered, outcome, words


async def test_promote_goes_on_in_spite_of_the_verdict_and_says_who_and_why(
    world: World, operation: Operation, answers: Answers
) -> None:
    assert await answered(world, operation, answers.promotes) == "completed"
    assert await outcome(world, operation) == (DeploymentStatus.COMPLETED, OperationStatus.SUCCEEDED)
    assert world.apps.serves("api") == BAD
    assert await words(world, operation) == "olga went on in spite of Failed: known and harmless"
    gate = await world.gate_of(deployment_of(operation))
    assert gate.verdict is Verdict.FAILED, "the evidence is not rewritten"
    assert gate.overridden is not None
    assert (gate.overridden.by, gate.overridden.reason) == ("olga", "known and harmless")
    shown = await world.reader.get(People(world).caller, deployment_of(operation))
    told = next(entry for entry in shown["rolloutHistory"] if entry["phase"] == "HealthGating")
    assert told["gate"]["overridden"]["by"] == "olga"
    assert told["gate"]["verdict"] == "Failed"


async def test_a_decision_that_was_taken_up_is_gone_and_the_operation_goes_on(
    world: World, operation: Operation, answers: Answers
) -> None:
    waits = []
    engine = Engine(world, meanwhile=[answers.retries, answers.promotes], poll_seconds=POLL)

    async def looks() -> None:
        standing = await world.operation(operation.operation_id)
        waits.append((standing.waiting_for, standing.paused, standing.decision, standing.last_action_at == world.clock()))

    async def looks_and_waits_for_promotion() -> None:
        await looks()
        engine.before["deploy_promote"] = looks

    engine.before["deploy_pause"] = lambda: _before(engine, "deploy_judge", looks_and_waits_for_promotion)
    await engine.run(operation)
    assert [waiting for waiting, *_ in waits] == ["the gate to be judged again", "the next wave"]
    assert [rest[:2] for _, *rest in waits] == [[False, None]] * 2


async def _before(engine: Engine, activity: str, act: Act) -> None:
    engine.before[activity] = act


async def test_what_a_person_promoted_is_the_new_stable(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.promotes)
    environment = await world.environment()
    assert environment.stable_deployment_id == deployment_of(operation)
    assert environment.hold is None


async def test_one_completion_is_told_of_what_was_promoted(world: World, operation: Operation, answers: Answers) -> None:
    await answered(world, operation, answers.promotes)
    done = await world.events(EventType.DEPLOYMENT_COMPLETED)
    assert [event.payload["deploymentId"] for event in done].count(deployment_of(operation)) == 1


async def test_a_lost_wake_costs_a_poll(world: World, operation: Operation, answers: Answers) -> None:
    """The decision is on the row; nobody woke the orchestration."""
    engine = Engine(world, meanwhile=[answers.looks], poll_seconds=POLL)
    engine.before["deploy_pause"] = lambda: _soon(world, answers)
    await engine.run(operation)
    assert (await outcome(world, operation))[0] is DeploymentStatus.COMPLETED


async def _soon(world: World, answers: Answers) -> None:
    """Whoever looks for the next time finds what was decided, without having been told."""
    look, world.jobs.work = world.jobs.work, _decides(world, answers)  # type: ignore[method-assign]
    assert look is not None


def _decides(world: World, answers: Answers):  # type: ignore[no-untyped-def]
    async def quietly() -> bool:
        operation = await world.operation(answers.operation.operation_id)
        if operation.paused and operation.decision is None:
            await answers.promotes()
        return False

    return quietly
