"""Whatever happens to the process that rotates, consumers, bindings and what is told of it are the same at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shared.operations.model import Operation, OperationStatus
from shared.runtime.health.document import HealthStatus
from tests.unit.doubles.engine import Death, Engine, History, died
from tests.unit.doubles.world import deployment_of, image, no_repeats
from tests.unit.rotation.ground import ROTATION, Ground, settled_ground

Begin = Callable[[Ground], Awaitable[Operation]]


async def rolled(ground: Ground) -> Operation:
    ground.renewed()
    return await ground.rotate()


async def put_back(ground: Ground) -> Operation:
    ground.renewed()
    ground.world.prober.says[image("worker", "1")] = HealthStatus.UNHEALTHY  # of the second wave
    return await ground.rotate()


async def never_renewed(ground: Ground) -> Operation:
    return await ground.rotate()


@dataclass(frozen=True)
class Scene:
    """A rotation to be driven, how many activities an undisturbed run of it has, and those at which rotation itself acts;
    the rest is a release's."""

    begin: Begin
    activities: int
    own: tuple[int, ...]
    status: OperationStatus


SCENES = {
    "rolled": Scene(rolled, 13, (1, 2, 3, 4, 11, 13), OperationStatus.SUCCEEDED),
    "put back": Scene(put_back, 18, (2, 12, 14, 18), OperationStatus.FAILED),
    "never renewed": Scene(never_renewed, 33, (1, 2, 3, 33), OperationStatus.FAILED),
}
EACH = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
DEATHS = [
    pytest.param(scene, at, death, id=f"{name}-{at}-{death.name.lower()}")
    for name, scene in SCENES.items()
    for at in scene.own
    for death in Death
]


async def end_of(ground: Ground, operation: Operation) -> dict[str, Any]:
    """What an observer can tell at the end, without clocks."""
    world = ground.world
    shown, ended, environment = (
        await ground.shown(),
        await world.operation(operation.operation_id),
        await world.environment(),
    )
    timeless = ("status", "consumers", "consumersOnOldVersion", "activeOperationId")
    return {
        "operation": (ended.status, ended.error),
        "slot": (await world.slot()).operation_id,
        "binding": {name: shown.get(name) for name in timeless},
        "outgoing": [one["version"] for one in shown["outgoing"]],
        "versions": await ground.versions(),
        "enabled": [(one.version, one.enabled) for one in world.vault.listed["db-password"]],
        "stable": (environment.stable_deployment_id, environment.hold and environment.hold.reason),
        "events": [(event.event_type, event.sequence) for event in await world.events()],
    }


async def undisturbed(scene: Scene) -> tuple[dict[str, Any], Engine]:
    ground = await settled_ground(rotation=ROTATION)
    operation = await scene.begin(ground)
    engine = Engine(ground.world)
    await engine.run(operation)
    return await end_of(ground, operation), engine


@EACH
async def test_the_scenes_are_what_they_claim_to_be(scene: Scene) -> None:
    end, engine = await undisturbed(scene)
    assert end["operation"][0] is scene.status
    assert len(engine.activities) == scene.activities


@EACH
async def test_every_activity_done_twice_leads_to_the_same_end(scene: Scene) -> None:
    ground = await settled_ground(rotation=ROTATION)
    operation = await scene.begin(ground)
    await Engine(ground.world, times=2).run(operation)
    assert await end_of(ground, operation) == (await undisturbed(scene))[0]


@pytest.mark.parametrize(("scene", "at", "death"), DEATHS)
async def test_a_process_that_dies_anywhere_is_carried_on_to_the_same_end(scene: Scene, at: int, death: Death) -> None:
    ground = await settled_ground(rotation=ROTATION)
    operation = await scene.begin(ground)
    history = await died(ground.world, operation, at, death)
    await Engine(ground.world, history).run(operation)
    assert await end_of(ground, operation) == (await undisturbed(scene))[0]


@EACH
async def test_a_process_that_dies_at_every_single_step_gets_there_too(scene: Scene) -> None:
    ground = await settled_ground(rotation=ROTATION)
    operation, history = await scene.begin(ground), History()
    for _ in range(3 * scene.activities):
        history = await died(ground.world, operation, 1, Death.RECORDED, history)
    assert await end_of(ground, operation) == (await undisturbed(scene))[0]


@pytest.mark.parametrize("at", [1, 2, 4, 6, 9, 12])
@pytest.mark.parametrize("scene", [SCENES["rolled"], SCENES["put back"]], ids=["rolled", "put back"])
async def test_whatever_an_attempt_left_the_next_one_leaves_all_with_their_bindings_version(scene: Scene, at: int) -> None:
    ground = await settled_ground(rotation=ROTATION)
    operation = await scene.begin(ground)
    await died(ground.world, operation, at, Death.RECORDED)
    row = (await ground.world.operation(operation.operation_id)).model_copy(update={"attempt": 2})
    await ground.world.put(operation.operation_id, row)
    await Engine(ground.world).run(row)
    end, [secret] = await end_of(ground, operation), (await ground.binding()).secrets
    assert (end["slot"], end["binding"]["status"]) == (None, "Bound")
    assert end["versions"] == {"api": {secret.version}, "worker": {secret.version}, "static": set()}
    assert dict(end["enabled"])[secret.version]
    assert no_repeats(await ground.world.history(deployment_of(operation)))
