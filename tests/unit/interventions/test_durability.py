"""Whatever happens to the process that works while people intervene, the end is the same and no effect is one too many."""

from __future__ import annotations

from typing import Any

import pytest

from shared.operations.model import OPEN
from shared.runtime.deployments.model import Phase
from tests.unit.doubles.engine import Death, Engine, History, died
from tests.unit.doubles.world import World, deployment_of, no_repeats
from tests.unit.interventions.scenes import POLL, SCENES, Play, Scene, end_of, opened

PER_WAVE = {Phase.ROLLING_OUT, Phase.HEALTH_GATING, Phase.ROLLING_BACK}  # each stands once a wave in a history
OUTAGE = 3.0  # seconds
EACH = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())


async def played(world: World, play: Play, history: History | None = None, **engine: Any) -> Engine:
    driven = Engine(world, history or History(), poll_seconds=POLL, **play.happening(), **engine)
    await driven.run(play.operation)
    return driven


async def undisturbed(scene: Scene) -> tuple[dict[str, Any], Engine]:
    world, play = await opened(scene)
    engine = await played(world, play)
    return await end_of(world, play.operation), engine


@EACH
async def test_the_scenes_are_what_they_claim_to_be(scene: Scene) -> None:
    end, _ = await undisturbed(scene)
    assert (end["operation"][0], end["environment"][0]) == (scene.status, scene.environment)
    assert end["operation"][2] is None
    assert (end["slot"], end["alive"]) == (None, [])


@EACH
async def test_every_activity_done_twice_leads_to_the_same_end(scene: Scene) -> None:
    world, play = await opened(scene)
    await played(world, play, times=2)
    assert await end_of(world, play.operation) == (await undisturbed(scene))[0]


@pytest.mark.parametrize("death", Death)
@EACH
async def test_a_process_that_dies_anywhere_is_carried_on_to_the_same_end(scene: Scene, death: Death) -> None:
    end, engine = await undisturbed(scene)
    for at in _each(engine):
        world, play = await opened(scene)
        history = await died(world, play.operation, at, death, poll_seconds=POLL, **play.happening())
        world.clock.advance(OUTAGE)
        await played(world, play, history)
        assert await end_of(world, play.operation) == end, f"died at {at}"


@EACH
async def test_a_process_that_dies_at_every_single_step_gets_there_too(scene: Scene) -> None:
    end, engine = await undisturbed(scene)
    world, play = await opened(scene)
    history = History()
    for _ in range(3 * len(engine.activities)):
        history = await died(world, play.operation, 1, Death.RECORDED, history, poll_seconds=POLL, **play.happening())
    assert await end_of(world, play.operation) == end


@EACH
async def test_an_orchestration_that_is_started_anew_after_its_end_changes_nothing(scene: Scene) -> None:
    world, play = await opened(scene)
    await played(world, play)
    end, effects = await end_of(world, play.operation), [*world.apps.effects, *world.cluster.effects]
    assert await Engine(world).run(play.operation) == "superseded"
    assert await end_of(world, play.operation) == end
    assert [*world.apps.effects, *world.cluster.effects] == effects


@EACH
async def test_the_attempt_that_follows_a_lost_one_ends_it_the_same_way(scene: Scene) -> None:
    """The hub lost everything at some step, and the settle sweep started the operation again under the next attempt."""
    end, engine = await undisturbed(scene)
    for at in _each(engine):
        world, play = await opened(scene)
        await died(world, play.operation, at, Death.UNRECORDED, poll_seconds=POLL, **play.happening())
        row = await world.operation(play.operation.operation_id)
        if row.status not in OPEN:
            continue
        taken = row.model_copy(update={"attempt": row.attempt + 1, "job": None, "worker": None, "result": None})
        world.jobs.living.clear()
        await world.put(row.operation_id, taken)
        await played(world, Play(taken, play.meanwhile, play.before))
        assert _comparable(await end_of(world, taken)) == _comparable(end), f"lost at {at}: {engine.activities[at - 1]}"
        assert await _history_is_sound(world, play), f"lost at {at}"


def _each(engine: Engine) -> list[int]:
    """Every activity; of a long wait, its first and last looks."""
    count = len(engine.activities)
    return [at for at in range(1, count + 1) if at <= 20 or at > count - 12]


def _comparable(end: dict[str, Any]) -> dict[str, Any]:
    """But for the attempt, and for which wait it was that the deadline ended."""
    status, error, waiting, _ = end["operation"]
    deployment = end["deployment"] and end["deployment"][0]
    done = [(word, operation) for word, _, operation in end["engine"]]
    same = {"operation": (status, error and error.code, waiting), "deployment": deployment, "engine": sorted(set(done))}
    return end | same


async def _history_is_sound(world: World, play: Play) -> bool:
    if await world.store.get(world.partition, deployment_of(play.operation)) is None:
        return True
    history = await world.history(deployment_of(play.operation))
    return no_repeats(history) and all((wave is not None) == (Phase(phase) in PER_WAVE) for phase, wave in history)
