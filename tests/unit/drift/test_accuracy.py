"""Planted drifts among many services, with deployments in flight: every one is found, and nothing else ever is.

Here at a twentieth of the scale of `python -m benchmarks drift`, which plants 10,000 among 100,000 services.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import Refused, Transient
from shared.runtime.drift.sweep import scan_shard
from tests.unit.doubles.platform import Platform
from tests.unit.doubles.world import image
from tests.unit.drift.drifted import Drifted
from tests.unit.drift.fleet import Fleet
from tests.unit.drift.world import SHARDS
from tests.unit.rehearsal.stage import component, provision, released


@pytest.fixture
async def fleet() -> Fleet:
    fleet = Fleet(environments=50, services=100, drifts=10)
    await fleet.stand()
    return fleet


async def test_every_planted_drift_is_found_nothing_else_is_and_all_resolve_when_they_are_mended(fleet: Fleet) -> None:
    await fleet.scan()
    assert await fleet.findings() == []
    fleet.plant()
    await fleet.plant_infrastructure()
    assert len(fleet.truth) == 505
    busy = list(fleet.worlds)[::4]
    fleet.in_flight = {ident: position % 2 == 0 for position, ident in enumerate(busy)}
    await fleet.scan()
    assert await fleet.unresolved() == {one for one in fleet.truth if one[0] not in busy}, (
        "what is in flight voids its scan"
    )
    await fleet.settle()
    await fleet.scan()
    assert await fleet.unresolved() == fleet.truth
    told = [len(await world.events(EventType.DRIFT_DETECTED)) for world in fleet.worlds.values()]
    assert sum(told) == len(fleet.truth), "each is announced once"
    await fleet.mend()
    await fleet.scan()
    assert await fleet.unresolved() == set()


async def test_nothing_is_found_and_nothing_resolves_while_what_is_needed_is_away(fleet: Fleet) -> None:
    fleet.plant()
    await fleet.plant_infrastructure()
    await fleet.scan()
    before = {one.finding_id: one for one in await fleet.findings()}
    await fleet.mend()
    for failure in (Transient("arm"), Refused("kubernetes", "Forbidden")):
        for target in fleet.targets.values():
            target.failure = failure
        await fleet.scan()
        of_services = {one.finding_id: one for one in await fleet.findings() if one.service_id}
        assert of_services == {ident: one for ident, one in before.items() if one.service_id}
    for target in fleet.targets.values():
        target.failure = None
    assert {one.finding_id for one in await fleet.findings()} == set(before)
    await fleet.scan()
    assert await fleet.unresolved() == set()


@pytest.mark.parametrize("call", ["get", "gather", "list", "commit"])
async def test_nothing_is_found_and_nothing_resolves_while_the_tables_do_not_answer_a(
    fleet: Fleet, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.plant()
    await fleet.scan()
    before = await fleet.findings()
    await fleet.mend()

    async def away(*_args: object, **_more: object) -> None:
        raise Transient("tables")

    with monkeypatch.context() as patched:
        patched.setattr(fleet.store, call, away)
        with suppress(Transient):  # where the list of the shard cannot be read; else each environment waits by itself
            await fleet.scan()
    assert await fleet.findings() == before
    await fleet.scan()
    assert await fleet.unresolved() == set()


async def test_with_the_policy_point_away_scans_find_what_there_is_and_no_more_and_no_decision_is_half_taken() -> None:
    platform = Platform()
    made = await platform.send("POST", "/environments", provision(stage="prod"))
    await platform.settle()
    drifted = Drifted(platform, made["environmentId"])
    await released(platform, drifted.ident, component("api", "1"), component("web", "1"))
    platform.down.add("policy")
    assert await drifted.scan() == []
    platform.apps.change("api", image=image("api", "9"))
    finding = await drifted.finding()
    for action, body in (("acknowledge", {"reason": "x"}), ("adopt", {}), ("remediate", {})):
        told = await drifted.decide(finding, action, **body)
        assert (told["httpStatus"], told["code"]) == (503, "DependencyUnavailable")
    again = await drifted.finding()
    assert (again["findingId"], again["status"], again["occurrences"]) == (finding["findingId"], "Open", 2)
    assert platform.hub.started == []
    platform.apps.change("api", image=image("api", "1"))
    assert await drifted.scan() == []


async def test_eight_workers_and_ticks_that_come_twice_or_not_at_all_count_once() -> None:
    fleet = Fleet(environments=12, services=20, drifts=5)
    await fleet.stand()
    fleet.plant()
    ticks = [fleet.clock.later(300) for _ in range(6)]
    for position, tick in enumerate(ticks):
        if position in (2, 3):  # nobody took these
            continue
        deliveries = [scan_shard(fleet.deps, shard, tick) for shard in range(SHARDS) for _ in range(8)]
        await asyncio.gather(*deliveries)
        await scan_shard(fleet.deps, 0, ticks[0])  # delivered again, late
    found = await fleet.findings()
    assert {(one.environment_id, one.service_id, one.kind) for one in found} == fleet.truth
    assert {one.occurrences for one in found} == {4}, "each tick that came counts once, whoever scans it how often"
    told = [len(await world.events(EventType.DRIFT_DETECTED)) for world in fleet.worlds.values()]
    assert sum(told) == len(fleet.truth)
