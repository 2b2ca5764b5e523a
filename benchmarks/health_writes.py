"""Rows written by the health sweep per service whose status changed: 10,000 services in 100 environments, in memory.

Counted is everything that a sweep commits: the packed row of health, events with their journal, the list's summary. A tick
writes one row per environment whatever changed (it says when was looked), so that row is left out and shown by itself in a
quiet tick. Changes come as they do in reality: scattered (one service of each environment) or as an outage (one environment
of ten, all of its services). A sweep that writes a row per service and probe would write 100 per environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from benchmarks.ratio import Ratio
from shared.runtime.health.document import Format, HealthStatus
from shared.runtime.health.patience import Hysteresis
from shared.runtime.health.prober import Evidence
from shared.runtime.health.sweep import Deps, check_environment
from shared.runtime.health.witness import Witness
from shared.store.memory import MemoryStore
from shared.store.port import Change
from tests.unit.drift.world import NOON, World, observed, placed

ENVIRONMENTS, SERVICES, STRUCK = 100, 100, 10
STALE_AFTER, BUDGET = timedelta(seconds=90), timedelta(seconds=24)


class Counting(MemoryStore):
    rows = 0

    async def commit(self, partition: str, batch_id: str, changes: Sequence[Change]) -> None:
        self.rows += len(changes)
        await super().commit(partition, batch_id, changes)


@dataclass
class Told:
    """Who is ill, by address; everybody else is well."""

    ill: set[str] = field(default_factory=set)

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        status = HealthStatus.UNHEALTHY if base_url in self.ill else HealthStatus.HEALTHY
        return Evidence(status=status, evaluated_at=NOON)


def measure() -> Iterator[Ratio]:
    yield from asyncio.run(_measured())


async def _measured() -> list[Ratio]:
    fleet = Fleet()
    await fleet.stand()
    await fleet.tick()
    quiet = await fleet.tick()
    scattered = await fleet.change({fleet.address(number, number % SERVICES) for number in range(ENVIRONMENTS)})
    outage = await fleet.change({fleet.address(number, one) for number in range(STRUCK) for one in range(SERVICES)})
    return [
        Ratio("rows of a quiet tick of health", quiet, "environments", ENVIRONMENTS, "rows", "1.0 = one each"),
        Ratio("rows of an outage, beyond those", outage - quiet, "changed services", STRUCK * SERVICES, "rows", "aim 1.05"),
        Ratio("rows of scattered changes, beyond those", scattered - quiet, "changed services", ENVIRONMENTS, "rows", ""),
        Ratio("rows of scattered changes", scattered, "a row per probe", ENVIRONMENTS * SERVICES, "rows", "less is better"),
    ]


class Fleet:
    def __init__(self) -> None:
        self.store, self.told = Counting(), Told()
        self.worlds = [World(f"env-{number:016x}", self.store) for number in range(ENVIRONMENTS)]

    def address(self, environment: int, service: int) -> str:
        return f"http://{environment}.{service}"

    async def stand(self) -> None:
        names = [f"service-{number:03d}" for number in range(SERVICES)]
        for number, world in enumerate(self.worlds):
            await world.stand(*[placed(name) for name in names])
            world.aks.running = {
                name: observed(name, addresses=[self.address(number, one)]) for one, name in enumerate(names)
            }

    async def tick(self) -> int:
        """The rows that it wrote."""
        before = self.store.rows
        for world in self.worlds:
            witness = Witness(world.targets, self.told, world.clock)
            deps = Deps(
                world.isolation,
                world.catalog,
                witness,
                world.journal,
                world.index,
                STALE_AFTER,
                BUDGET,
                Hysteresis(failures=1, successes=1),
            )
            await check_environment(deps, world.place, world.later(30))
        return self.store.rows - before

    async def change(self, ill: set[str]) -> int:
        """A tick in which those fall ill; then all are well again, and a quiet tick has passed."""
        self.told.ill = ill
        written = await self.tick()
        self.told.ill = set()
        await self.tick()
        return written
