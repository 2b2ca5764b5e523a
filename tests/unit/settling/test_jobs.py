"""The provisioner's job of an operation that is replaced or late: two engines never work on one environment."""

from __future__ import annotations

import pytest

from shared.operations.model import OperationStatus
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.upkeep.settling import LOST_AFTER
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.hub import FakeHub, Sweeping
from tests.unit.doubles.people import People
from tests.unit.doubles.world import World, begun
from tests.unit.settling.driving import SECOND, crashed, row


@pytest.fixture
def bare() -> World:
    return World()


async def test_a_lost_provision_is_taken_up_and_its_job_is_stopped_first(bare: World) -> None:
    people, hub = People(bare), FakeHub(bare)
    operation = await people.provision()
    await crashed(hub, operation, 3)
    assert [one.attempt for one in bare.jobs.living] == [1]
    hub.lose()
    bare.jobs.lingers = 1
    sweep = Sweeping(bare, hub)
    await sweep.tick(later=LOST_AFTER + SECOND)
    assert (await row(bare, operation)).attempt == 1, "not while its engine may still work"
    await sweep.tick()
    await sweep.tick()
    assert (bare.jobs.stopped[:1], [one.name for one in bare.jobs.living]) == (["exec-1"], [])
    await hub.run(operation)
    assert bare.jobs.engine.done == [("made", 2, operation.operation_id)]
    assert (await bare.environment()).status is EnvironmentStatus.PROVISIONED


async def test_a_job_of_a_lost_attempt_that_still_runs_reports_to_nobody(bare: World) -> None:
    """It was started, its name never written down: nobody can stop it, and the row refuses it."""
    people, hub = People(bare), FakeHub(bare)
    operation = await people.provision()
    await crashed(hub, operation, 1)
    await bare.jobs.start(operation.tenant_id, operation.operation_id, 1)
    hub.lose()
    await Sweeping(bare, hub).tick(later=LOST_AFTER + SECOND)
    before = await row(bare, operation)
    await bare.jobs.work()
    assert await row(bare, operation) == before
    assert bare.jobs.engine.done == []


async def test_a_provision_that_does_not_report_in_time_frees_the_slot_only_when_its_job_has_ended(bare: World) -> None:
    operation = await People(bare).provision()
    bare.jobs.hangs, bare.jobs.lingers = True, 2
    assert await Engine(bare, poll_seconds=600).run(operation) == "failed"
    ended = await row(bare, operation)
    assert (ended.status, ended.error and ended.error.code) == (OperationStatus.FAILED, "DeadlineExceeded")
    assert (bare.jobs.living, bare.jobs.stopped[0]) == ([], "exec-1")


async def test_a_decommission_that_does_not_report_in_time_stops_its_job_too(world: World, people: People) -> None:
    operation = begun(await people.decommission())
    world.jobs.hangs = True
    assert await Engine(world, poll_seconds=600).run(operation) == "failed"
    assert world.jobs.living == []
    assert (await world.environment()).status is EnvironmentStatus.FAILED


async def test_when_the_job_cannot_even_be_stopped_the_operation_ends_all_the_same(bare: World) -> None:
    operation = await People(bare).provision()
    bare.jobs.hangs = True
    engine = Engine(bare, poll_seconds=600)

    async def away() -> None:
        bare.jobs.down = True

    engine.before["provisioner_stop"] = away
    assert await engine.run(operation) == "failed"
    assert (await row(bare, operation)).status is OperationStatus.FAILED


async def test_a_job_that_reported_is_not_stopped(bare: World) -> None:
    bare.jobs.engine.errors.append(RuntimeError("quota"))
    operation = await People(bare).provision()
    await Engine(bare).run(operation)
    assert (await row(bare, operation)).status is OperationStatus.FAILED
    assert bare.jobs.stopped == []
