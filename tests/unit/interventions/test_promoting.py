"""Promote and release-hold: what only a person may say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.kernel.errors import InsufficientScope, NotFound, NotPaused
from shared.operations.intent import Remembered
from shared.operations.model import OperationStatus
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import OPERATOR, People
from tests.unit.doubles.world import World, component, deployment_of
from tests.unit.gating.pausing import Answers, answered, failing


async def test_only_what_is_paused_can_be_promoted(world: World, people: People) -> None:
    operation = await world.deploy(component("api"))
    with pytest.raises(NotPaused):
        await people.promote(deployment_of(operation))
    await Engine(world).run(operation)
    with pytest.raises(NotPaused):
        await people.promote(deployment_of(operation))
    with pytest.raises(NotFound):
        await people.promote(deployment_of(operation)[:-4] + "beef")


async def test_what_was_paused_and_has_ended_cannot_be_promoted(world: World, people: People) -> None:
    operation = await failing(world)
    await answered(world, operation, Answers(world, operation).cancels)
    with pytest.raises(NotPaused):
        await people.promote(deployment_of(operation))


async def test_what_is_to_be_taken_back_cannot_be_promoted(world: World, people: People) -> None:
    operation = await failing(world)

    async def cancels_then_promotes() -> None:
        await people.cancel(operation)
        with pytest.raises(NotPaused):
            await people.promote(deployment_of(operation))

    await answered(world, operation, cancels_then_promotes)
    assert (await world.operation(operation.operation_id)).status is OperationStatus.CANCELED


async def test_the_remembered_answer_is_the_answer(world: World, people: People) -> None:
    operation = await failing(world)
    given = []

    async def promotes() -> None:
        given.append(await people.promote(deployment_of(operation), key="idem-1"))

    await answered(world, operation, promotes)
    [answer] = given
    remembered: Remembered = await world.read(Remembered, "idem-1")
    assert answer.body == {
        "deploymentId": deployment_of(operation),
        "status": "InProgress",
        "traceId": people.caller.trace_id,
    }
    assert (remembered.status, remembered.body, remembered.location) == (answer.status, answer.body, answer.location)


async def test_promoting_needs_the_scope_of_deployments(world: World) -> None:
    operation = await failing(world)
    people = People(world, replace(OPERATOR, scopes=OPERATOR.scopes - {"runtime.deployments.write"}))

    async def tries() -> None:
        with pytest.raises(InsufficientScope):
            await people.promote(deployment_of(operation))

    await answered(world, operation, tries, Answers(world, operation).cancels)


async def test_in_production_the_policy_s_word_for_it_is_on_the_log() -> None:
    world = await World(stage="prod").provision()
    operation = await failing(world)
    await answered(world, operation, Answers(world, operation).promotes)
    [entry] = [entry for entry in await world.entries() if entry.kind == "operation.promote-decided"]
    assert (entry.actor, entry.decision_id) == ("olga", "decision-1")


async def test_a_hold_is_lifted_by_a_person(world: World, people: People) -> None:
    await Engine(world).run(await failing(world, gate={"failureLimit": 1}))
    assert (await world.environment()).hold is not None
    answer = await people.release("seen")
    assert (answer.status, answer.body["status"]) == (200, "Provisioned")
    assert (await world.environment()).hold is None
    [listed] = await world.store.list("connectsoft|~", "n-env-", limit=10)
    assert "hold" not in listed.document["environment"]
    assert (await world.entries())[-1].summary == "orders-dev is released: seen"


async def test_releasing_what_is_not_on_hold_changes_nothing_and_says_so(world: World, people: People) -> None:
    before = await world.environment()
    answer = await people.release()
    assert answer.status == 200
    assert await world.environment() == before
    assert (await world.entries())[-1].summary == "orders-dev was not on hold"


async def test_a_hold_is_lifted_while_an_operation_runs(world: World, people: People) -> None:
    await Engine(world).run(await failing(world, gate={"failureLimit": 1}))
    operation = await world.deploy(component("api", "3"))
    engine = Engine(world)
    engine.before["deploy_complete"] = people.release
    assert await engine.run(operation) == "completed"
    assert (await world.environment()).hold is None
