"""A world whose services answer as a test says, and one tick of the health sweep over it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.events.envelope import EventType
from shared.runtime.health.document import Check, Format, HealthStatus
from shared.runtime.health.model import EnvironmentHealth
from shared.runtime.health.patience import Hysteresis
from shared.runtime.health.prober import Evidence
from shared.runtime.health.sweep import Deps, check_environment
from shared.runtime.health.witness import Witness
from shared.store import keys
from shared.targets.port import Observation
from tests.unit.drift.world import NOON, Cloud, World, observed, placed

STALE_AFTER = timedelta(seconds=90)
BUDGET = timedelta(seconds=24)
AT_ONE_LOOK = Hysteresis(failures=1, successes=1)
HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN = HealthStatus


@dataclass
class Answers:
    """What services answer, by address; who is not listed is Healthy."""

    at: datetime = NOON
    by_address: dict[str, tuple[HealthStatus, list[Check], str | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    async def probe(self, base_url: str, path: str, format: Format) -> Evidence:
        self.asked.append(base_url + path)
        if base_url in self.silent:
            await asyncio.sleep(60)
        status, checks, detail = self.by_address.get(base_url, (HEALTHY, [], None))
        return Evidence(status=status, checks=checks, evaluated_at=self.at, detail=detail)


def deps_of(
    world: World,
    answers: Answers,
    targets: Mapping[str, Cloud] | None = None,
    hysteresis: Hysteresis = AT_ONE_LOOK,
) -> Deps:
    witness = Witness(targets or world.targets, answers, world.clock)
    return Deps(world.isolation, world.catalog, witness, world.journal, world.index, STALE_AFTER, BUDGET, hysteresis)


def at(service_id: str) -> Observation:
    return observed(service_id, addresses=[f"http://{service_id}"])


async def stand(world: World, *services: str, on: str = "aks") -> None:
    await world.stand(*[placed(service_id, target=on) for service_id in services])
    world.targets[on].running = {service_id: at(service_id) for service_id in services}


async def check(world: World, answers: Answers) -> datetime:
    """One tick, thirty seconds after the last."""
    tick = world.later(30)
    await check_environment(deps_of(world, answers), world.place, tick)
    return tick


async def health(world: World) -> EnvironmentHealth:
    row = await world.row(keys.HEALTH)
    return EnvironmentHealth.read(row.document) if row else EnvironmentHealth()


async def changes(world: World) -> list[tuple[str, str, str]]:
    events = await world.events(EventType.HEALTH_CHECK_COMPLETED)
    return [(event["serviceId"], event["previousStatus"], event["status"]) for event in events]
