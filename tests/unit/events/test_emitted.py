"""Whatever is emitted is valid against its published schema: a whole life, every kind of event in it."""

from __future__ import annotations

from datetime import timedelta

from shared.events.envelope import EventType
from shared.operations.intent import Intent
from shared.runtime.drift.sweep import Deps as DriftDeps
from shared.runtime.drift.sweep import scan_environment
from shared.runtime.environments.isolation import Admitted
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.ingest import HealthResultsRequest, Ingest, Observation
from shared.runtime.health.patience import Hysteresis
from shared.runtime.health.sweep import Deps as HealthDeps
from shared.runtime.health.sweep import check_environment
from tests.support.schemas import validator
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.people import People
from tests.unit.doubles.world import SIGNING_KEY, World, begun, component, image

STALE_AFTER = timedelta(seconds=90)


async def lived() -> World:
    """Provisioned, released, scaled, its secrets rotated, gone unhealthy and off, rolled back, decommissioned."""
    world = World()
    people, engine = People(world), Engine(world)
    await engine.run(await people.provision())
    configuration = await world.publish({"LEVEL": "info"})
    await engine.run(await world.deploy(component("api"), component("web", target="aks"), configurationId=configuration))
    policy = str((await world.scale("api")).body["scalingPolicyId"])
    await engine.run(await world.enforcing.begin(await world.admitted(), await world.policy(policy)))
    await rotated(world)
    await looked(world)
    await reported(world)
    del world.apps.services["api"]
    await scanned(world)
    world.prober.says[image("web", "2")] = HealthStatus.UNHEALTHY
    await engine.run(await world.deploy(component("web", "2", "aks")))
    await engine.run(begun(await people.decommission(retainData=True)))
    return world


async def rotated(world: World) -> None:
    """Asked for a newer version, which comes."""

    async def renewed() -> None:
        world.vault.holds("db-password", "2" * 32, "1" * 32)

    world.vault.holds("db-password", "1" * 32)
    binding = await world.bind({"name": "db", "secretName": "db-password"})
    await Engine(world, meanwhile=[renewed]).run(begun(await world.rotate(binding)))


async def looked(world: World) -> None:
    patience = Hysteresis(1, 1)
    deps = HealthDeps(
        world.isolation, world.catalog, world.witness, world.journal, world.index, STALE_AFTER, STALE_AFTER, patience
    )
    await check_environment(deps, world.place, world.clock())


async def reported(world: World) -> None:
    world.clock.advance(1)
    seen = Observation(service_id="web", status=HealthStatus.DEGRADED, observed_at=world.clock(), source="agent")
    request = HealthResultsRequest(results=[seen])
    intent: Intent = world.intent(request)
    admitted: Admitted = await world.admitted()
    await Ingest(world.journal, STALE_AFTER, world.deploying.plans.rolling).results(intent, admitted, request)


async def scanned(world: World) -> None:
    deps = DriftDeps(world.isolation, world.surveying, world.journal, world.index, SIGNING_KEY)
    await scan_environment(deps, world.place, world.clock())


async def test_every_event_that_is_emitted_is_valid_against_its_schema() -> None:
    events = await (await lived()).events()
    assert {event.event_type for event in events} == set(EventType)
    for event in events:
        validator(event.event_type).validate(event.document())
