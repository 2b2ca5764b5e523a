"""Scans of a test's environment, tick by tick, and what they left."""

from __future__ import annotations

from shared.runtime.configurations.reading import Configurations
from shared.runtime.drift.ground import Surveying
from shared.runtime.drift.model import PREFIX, Finding, Scan
from shared.runtime.drift.sweep import Deps, scan_environment
from shared.runtime.scaling.reading import Policies
from shared.runtime.secrets.resolution import Resolver
from shared.store import keys
from tests.unit.drift.world import World, image_of, observed, placed

KEY = b"signing key"


def deps_of(world: World) -> Deps:
    return surveyed(world, world.targets)


def surveyed(world: World, targets) -> Deps:
    resolver = Resolver(world.store, Configurations(world.store))
    surveying = Surveying(world.store, world.catalog, Policies(world.store), resolver, targets, KEY)
    return Deps(world.isolation, surveying, world.journal, world.index, KEY)


async def scan(world: World) -> None:
    """One tick, five minutes after the last."""
    await scan_environment(deps_of(world), world.place, world.later(300))


async def findings(world: World) -> list[Finding]:
    rows = await world.store.list(world.place.partition, PREFIX, limit=1000)
    return [Finding.read(row.document) for row in rows]


async def last_scan(world: World) -> Scan:
    row = await world.row(keys.SCAN)
    return Scan.read(row.document) if row else Scan()


async def drifted(world: World) -> None:
    await world.stand(placed("api"))
    world.aks.running = {"api": observed("api", image=image_of("1.4.1"))}
