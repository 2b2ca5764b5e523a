"""Whatever happens to the process that works, the state at the end is the same and no effect is one too many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shared.events.envelope import EventType
from shared.operations.model import Operation, OperationStatus
from shared.runtime.deployments.model import DeploymentStatus
from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.engine import Death, Engine, History, died
from tests.unit.doubles.world import TENANT, World, component, deployment_of, image, no_repeats

OUTAGE = 3.0  # seconds


@dataclass(frozen=True)
class Scene:
    """A release to be driven, and how many activities an undisturbed run of it has (one per judging)."""

    begin: Callable[[World], Awaitable[Operation]]
    activities: int
    status: DeploymentStatus


async def two_waves(world: World) -> Operation:
    return await world.deploy(component("db", wave=0), component("api", wave=1))


async def unhealthy(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("db", "1"), component("api", "1")))
    world.prober.says[image("api", "2")] = HealthStatus.UNHEALTHY
    components = [component("db", "2", wave=0), component("api", "2", wave=1), component("web", "1", wave=1)]
    return await world.deploy(*components, gate={"failureLimit": 2})


async def unhealthy_first(world: World) -> Operation:
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    return await world.deploy(component("db"), component("api"), gate={"failureLimit": 2})


async def manual_rollback(world: World) -> Operation:
    await Engine(world).run(await world.deploy(component("api", "1")))
    second = await world.deploy(component("api", "2"), component("web", "1"))
    await Engine(world).run(second)
    return await world.roll_back(deployment_of(second))


SCENES = {
    "two waves": Scene(two_waves, 11, DeploymentStatus.COMPLETED),
    "unhealthy": Scene(unhealthy, 17, DeploymentStatus.ROLLED_BACK),
    "unhealthy first": Scene(unhealthy_first, 11, DeploymentStatus.FAILED),
    "manual rollback": Scene(manual_rollback, 9, DeploymentStatus.COMPLETED),
}
EACH = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
DEATHS = [
    pytest.param(scene, at, death, id=f"{name}-{at}-{death.name.lower()}")
    for name, scene in SCENES.items()
    for at in range(1, scene.activities + 1)
    for death in Death
]


async def end_of(world: World, operation: Operation) -> dict[str, Any]:
    """What an observer can tell at the end, without clocks."""
    deployment = await world.deployment(deployment_of(operation))
    environment = await world.environment()
    inventory = await world.inventory()
    stable = await world.stable()
    listed = (await world.index.store.list(f"{TENANT}|~", "n-env-", limit=10))[0].document["environment"]
    return {
        "history": await world.history(deployment.deployment_id),
        "deployment": (deployment.status, deployment.error, deployment.content_hash),
        "operation": (await world.operation(operation.operation_id)).status,
        "slot": (await world.slot()).operation_id,
        "stable": (environment.stable_deployment_id, environment.stable_release_ref, stable),
        "listed": (listed.get("stableDeploymentId"), listed.get("hold", {}).get("reason")),
        "hold": environment.hold and environment.hold.reason,
        "inventory": {name: (row.image, row.replicas, row.deployment_id) for name, row in inventory.items()},
        "running": {name: (world.apps.serves(name), world.apps.running(name)) for name in sorted(world.apps.services)},
        "events": [(event.event_type, event.sequence) for event in await world.events()],
    }


async def undisturbed(scene: Scene) -> tuple[dict[str, Any], Engine]:
    world = await World().provision()
    operation = await scene.begin(world)
    engine = Engine(world)
    await engine.run(operation)
    return await end_of(world, operation), engine


@EACH
async def test_the_scenes_are_what_they_claim_to_be(scene: Scene) -> None:
    end, engine = await undisturbed(scene)
    assert end["deployment"][0] is scene.status
    assert len(engine.activities) == scene.activities


@EACH
async def test_every_activity_done_twice_leads_to_the_same_end(scene: Scene) -> None:
    world = await World().provision()
    operation = await scene.begin(world)
    await Engine(world, times=2).run(operation)
    assert await end_of(world, operation) == (await undisturbed(scene))[0]


@pytest.mark.parametrize(("scene", "at", "death"), DEATHS)
async def test_a_process_that_dies_anywhere_is_carried_on_to_the_same_end(scene: Scene, at: int, death: Death) -> None:
    world = await World().provision()
    operation = await scene.begin(world)
    history = await died(world, operation, at, death)
    world.clock.advance(OUTAGE)
    await Engine(world, history).run(operation)
    assert await end_of(world, operation) == (await undisturbed(scene))[0]


@EACH
async def test_a_process_that_dies_at_every_single_step_gets_there_too(scene: Scene) -> None:
    world = await World().provision()
    operation = await scene.begin(world)
    history = History()
    for _ in range(3 * scene.activities):
        history = await died(world, operation, 1, Death.RECORDED, history)
    assert await end_of(world, operation) == (await undisturbed(scene))[0]
    assert no_repeats(await world.history(deployment_of(operation)))


@EACH
async def test_an_orchestration_that_is_started_anew_after_its_end_changes_nothing(scene: Scene) -> None:
    world = await World().provision()
    operation = await scene.begin(world)
    await Engine(world).run(operation)
    end, effects = await end_of(world, operation), list(world.apps.effects)
    assert await Engine(world).run(operation) == "superseded"
    assert await end_of(world, operation) == end
    assert world.apps.effects == effects


@pytest.mark.parametrize("at", range(1, SCENES["two waves"].activities))
async def test_a_stale_attempt_stops_without_another_effect(at: int) -> None:
    world = await World().provision()
    operation = await two_waves(world)
    history = await died(world, operation, at, Death.RECORDED)
    row = await world.operation(operation.operation_id)
    await world.put(operation.operation_id, row.model_copy(update={"attempt": 2}))
    effects, deployment = list(world.apps.effects), await world.deployment(deployment_of(operation))
    assert await Engine(world, history).run(operation) == "superseded"
    assert world.apps.effects == effects
    assert await world.deployment(deployment_of(operation)) == deployment
    assert (await world.operation(operation.operation_id)).status is OperationStatus.RUNNING


@pytest.mark.parametrize("at", range(1, SCENES["unhealthy"].activities))
async def test_the_next_attempt_does_not_repeat_history(at: int) -> None:
    world = await World().provision()
    operation = await unhealthy(world)
    await died(world, operation, at, Death.RECORDED)
    row = (await world.operation(operation.operation_id)).model_copy(update={"attempt": 2})
    await world.put(operation.operation_id, row)
    await Engine(world).run(row)
    assert no_repeats(await world.history(deployment_of(operation)))
    assert (await world.slot()).operation_id is None
    assert image("api", "2") not in world.apps.running("api")


async def test_a_verdict_that_another_execution_stored_is_the_verdict(world: World) -> None:
    """The same activity, delivered twice at once, meets other evidence: one verdict stands, and both answer it."""
    operation = await world.deploy(component("api"))
    history = await died(world, operation, 4, Death.RECORDED)
    await Engine(world, history).run(operation)
    row = await world.operation(operation.operation_id)
    await world.put(operation.operation_id, row.model_copy(update={"status": OperationStatus.RUNNING}))
    world.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    late = History()
    late.begun.update(history.begun)
    wave = f"{operation.operation_id}-1-wave-0-0"
    late.steps[wave] = {number: step for number, step in history.steps[wave].items() if "deploy_judge" not in step.asked}
    late.steps[operation.instance_id] = {
        number: step for number, step in history.steps[operation.instance_id].items() if number <= 3
    }
    await died(world, operation, 1, Death.RECORDED, late)
    judged = next(step.answer for step in late.steps[wave].values() if "deploy_judge" in step.asked)
    assert judged["value"]["verdict"] == "Passed"


async def test_nothing_is_told_twice_of_a_release_that_died_at_its_commit(world: World) -> None:
    operation = await world.deploy(component("api"))
    history = await died(world, operation, 8, Death.UNRECORDED)
    assert (await world.operation(operation.operation_id)).status is OperationStatus.SUCCEEDED
    await Engine(world, history).run(operation)
    assert len(await world.events(EventType.DEPLOYMENT_COMPLETED)) == 1
    assert set(await world.inventory()) == {"api"}
