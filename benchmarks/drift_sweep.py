"""The drift sweep over 100,000 services in 1,000 environments, 10,000 drifted: what it costs, and whether it is right.

Right: what was found of what was planted, and the other way round, after a tick in which every twenty-fifth environment
had a deployment in flight. Cost: one tick of a ledger on which every finding stands already, against reading the
same rows and comparing them, alone. Everything is in memory, so the ratio says what the sweep itself adds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from benchmarks.ratio import Ratio, median
from shared.runtime.drift.compare import compare
from shared.runtime.drift.ground import ROWS
from tests.unit.drift.fleet import TARGETS, Fleet

ENVIRONMENTS, SERVICES, DRIFTS = 1000, 100, 10
IN_FLIGHT = 25  # every so manieth environment
TICKS = 3


def measure() -> Iterator[Ratio]:
    yield from asyncio.run(_measured())


async def _measured() -> list[Ratio]:
    fleet = Fleet(ENVIRONMENTS, SERVICES, DRIFTS)
    await fleet.stand()
    fleet.plant()
    await fleet.plant_infrastructure()
    fleet.in_flight = {ident: position % 2 == 0 for position, ident in enumerate(list(fleet.worlds)[::IN_FLIGHT])}
    await fleet.scan()
    await fleet.settle()
    await fleet.scan()
    found = await fleet.unresolved()
    right = len(found & fleet.truth)
    sweeps, compares = [], []
    for _ in range(TICKS):
        sweeps.append(await _timed(fleet.scan()))
        compares.append(await _timed(_compared(fleet)))
    size = f"{ENVIRONMENTS * SERVICES:,} services"
    return [
        Ratio("planted drifts that were found", right, "planted", len(fleet.truth), "drifts", "recall"),
        Ratio("findings that were planted", right, "findings", len(found), "drifts", "precision"),
        Ratio(
            f"a tick of the drift sweep, {size}",
            median(sweeps),
            "its reads and compare alone",
            median(compares),
            "s",
            "3 would be the most we aim for",
        ),
    ]


async def _timed(work: object) -> float:
    began = time.perf_counter()
    await work  # type: ignore[misc]
    return time.perf_counter() - began


async def _compared(fleet: Fleet) -> None:
    """The reads of a scan and the comparison, without ledger, commits or summary."""
    surveying = fleet.deps.surveying
    for ident, world in fleet.worlds.items():
        admitted = await fleet.deps.isolation.admit(world.place.tenant_id, ident, *ROWS)
        ground = await surveying.ground(admitted)
        compare(ground.wanted, {name: fleet.running[ident, name] for name in TARGETS}, TARGETS)
