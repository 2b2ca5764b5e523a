"""What a scan writes, in one transaction or several, and what voids it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.events.envelope import EventType
from shared.operations.slot import Slot
from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.drift.model import ScanStatus
from shared.runtime.drift.sweep import scan_environment
from shared.store import keys
from tests.unit.drift.scanning import deps_of, drifted, findings, last_scan, scan
from tests.unit.drift.world import World, placed


@pytest.mark.parametrize("ends", [False, True], ids=["that still runs", "that ended meanwhile"])
async def test_a_deployment_in_between_voids_the_scan(world: World, ends: bool) -> None:
    await drifted(world)

    async def deployment() -> None:
        await world.deploy(ends=ends)

    world.aks.before = deployment
    before = await world.rows()
    await scan(world)
    after = await world.rows()
    assert world.aks.asked
    assert set(after) == set(before)
    assert {key for key in after if after[key].version != before[key].version} == {keys.SLOT}
    assert (await world.summary()).last_scan is None


async def test_a_decision_in_between_voids_the_scan_and_stands(world: World) -> None:
    await drifted(world)
    await scan(world)
    [finding] = await findings(world)

    async def acknowledged() -> None:
        await world.put(finding.finding_id, finding.model_copy(update={"status": Status.ACKNOWLEDGED}).document())

    world.aks.before = acknowledged
    await scan(world)
    [standing] = await findings(world)
    assert (standing.status, standing.occurrences) == (Status.ACKNOWLEDGED, 1)


async def test_an_environment_with_an_operation_in_flight_is_not_looked_at(world: World) -> None:
    await drifted(world)
    await world.deploy(ends=False)
    before = await world.rows()
    await scan(world)
    assert not world.aks.asked
    assert await world.rows() == before


async def test_the_slot_is_as_free_and_of_the_same_generation_after_a_scan(world: World) -> None:
    await drifted(world)
    await scan(world)
    row = await world.row(keys.SLOT)
    assert row is not None
    assert Slot.read(row.document) == Slot(generation=1)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)], ids=["the same tick again", "an older tick"])
async def test_a_stale_tick_is_dropped(world: World, late: timedelta) -> None:
    await drifted(world)
    await scan(world)
    before = await world.rows()
    await scan_environment(deps_of(world), world.place, world.time - late)
    assert await world.rows() == before


async def test_more_findings_than_a_transaction_takes_are_written_in_several(world: World) -> None:
    await world.stand(*[placed(f"service-{number:03d}") for number in range(90)])
    await scan(world)
    assert len(await findings(world)) == len(await world.events(EventType.DRIFT_DETECTED)) == 90
    assert sorted(len(entry.events) for entry in await world.log()) == [10, 40, 40]
    assert len({entry.trace_id for entry in await world.log()}) == 1
    assert (await last_scan(world)).status is ScanStatus.COMPLETE


async def test_a_deployment_between_two_transactions_of_a_scan_ends_it_and_its_tick_is_still_to_come(world: World) -> None:
    await world.stand(*[placed(f"service-{number:03d}") for number in range(90)])
    again = world.store.get

    async def get(partition: str, key: str):
        if key == keys.SLOT:
            world.store.get = again  # type: ignore[method-assign]
            await world.deploy(ends=True)
        return await again(partition, key)

    world.store.get = get  # type: ignore[method-assign]
    await scan(world)
    assert len(await findings(world)) == 40
    assert (await last_scan(world)).status is ScanStatus.NEVER


async def test_an_unreadable_finding_is_left_alone_and_the_others_are_posted(world: World) -> None:
    await world.stand(placed("api"), placed("web"))
    await scan(world)
    broken, whole = await findings(world)
    await world.put(broken.finding_id, {"nonsense": True})
    await scan(world)
    rows = await world.rows()
    assert rows[broken.finding_id].document == {"nonsense": True}
    assert rows[whole.finding_id].document["occurrences"] == 2
