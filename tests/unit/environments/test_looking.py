"""When a look at an environment's infrastructure is started, by whom, and how often."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.events.journal import Place
from shared.kernel.errors import Transient
from shared.operations.model import Run
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks
from shared.runtime.environments.looking import AGAIN, STARTS, Allowance, Deps, look_environment, look_shard
from shared.runtime.environments.model import Environment
from shared.store import keys
from tests.unit.operations.world import SHARDS, World, run_of

INTERVAL = timedelta(hours=6)


class Job:
    """The provisioner's job, as far as looks are started."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.fails: Transient | None = None

    async def inspect(self, _tenant_id: str, environment_id: str) -> str:
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        self.started.append(environment_id)
        return "exec-1"


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def deps(world: World, job: Job) -> Deps:
    return Deps(world.store, world.isolation, job.inspect, INTERVAL, world.time, world.draw)


@pytest.fixture
async def environment(world: World) -> Environment:
    return await world.provisioned()


def place_of(environment: Environment) -> Place:
    return Place(environment.tenant_id, environment.environment_id, environment.project_id)


async def look(deps: Deps, environment: Environment) -> None:
    await look_environment(deps, place_of(environment), Allowance())


async def looked(world: World, environment: Environment) -> None:
    """A look at what stands now comes to its end."""
    slot = (await world.isolation.admit(environment.tenant_id, environment.environment_id)).slot
    now = world.time()
    found = InfrastructureLook(started_at=now, completed_at=now, generation=slot.generation, differences=[])
    assert await Looks(world.store, world.draw).record(place_of(environment), found)


async def test_the_first_look_has_time(world: World, deps: Deps, job: Job, environment: Environment) -> None:
    await look(deps, environment)
    assert job.started == []
    world.time.now += AGAIN
    await look(deps, environment)
    assert job.started == [environment.environment_id]


async def test_a_look_that_was_taken_holds_for_the_interval(
    world: World, deps: Deps, job: Job, environment: Environment
) -> None:
    world.time.now += AGAIN
    await look(deps, environment)
    await looked(world, environment)
    world.time.now += INTERVAL - timedelta(seconds=1)
    await look(deps, environment)
    assert len(job.started) == 1
    world.time.now += timedelta(seconds=1)
    await look(deps, environment)
    assert len(job.started) == 2


async def test_a_look_that_came_to_nothing_is_asked_for_again(
    world: World, deps: Deps, job: Job, environment: Environment
) -> None:
    for _ in range(3):
        world.time.now += AGAIN
        await look(deps, environment)
    assert len(job.started) == 3


async def test_a_look_that_an_operation_overtook_says_nothing_of_today(
    world: World, deps: Deps, job: Job, environment: Environment
) -> None:
    world.time.now += AGAIN
    await look(deps, environment)
    await looked(world, environment)
    row = await world.store.get(place_of(environment).partition, keys.SLOT)
    assert row is not None
    moved = {**row.document, "generation": row.document["generation"] + 1}
    await world.put(place_of(environment), keys.SLOT, moved)
    world.time.now += AGAIN
    await look(deps, environment)
    assert len(job.started) == 2


async def test_of_two_sweeps_one_starts_a_look(world: World, deps: Deps, job: Job, environment: Environment) -> None:
    world.time.now += AGAIN
    await asyncio.gather(*[look(deps, environment) for _ in range(4)])
    assert len(job.started) == 1


async def test_a_start_that_failed_is_tried_again_in_its_time(
    world: World, deps: Deps, job: Job, environment: Environment
) -> None:
    job.fails = Transient("arm")
    world.time.now += AGAIN
    with pytest.raises(Transient):
        await look(deps, environment)
    job.fails = None
    await look(deps, environment)
    assert job.started == []
    world.time.now += AGAIN
    await look(deps, environment)
    assert len(job.started) == 1


async def test_nobody_looks_at_what_is_not_provisioned(world: World, deps: Deps, job: Job) -> None:
    operation = await world.provision()
    run: Run = run_of(operation)
    world.time.now += INTERVAL
    await look_environment(deps, Place(run.tenant_id, run.environment_id), Allowance())
    assert job.started == []


async def test_a_shard_starts_a_few_looks_a_tick_until_all_had_theirs(world: World, deps: Deps, job: Job) -> None:
    count = STARTS * SHARDS + 1  # of one shard's, more than it starts at once
    made = [(await world.provisioned(name=f"booking-{number}")).environment_id for number in range(count)]
    world.time.now += AGAIN
    for shard in range(SHARDS):
        await look_shard(deps, shard)
    assert 0 < len(job.started) <= STARTS * SHARDS < count
    for _ in range(count):
        for shard in range(SHARDS):
            await look_shard(deps, shard)
    assert sorted(job.started) == sorted(made)
