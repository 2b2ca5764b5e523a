"""What sweeps tell in a timeline: findings that come and go, and health with what made it change."""

from __future__ import annotations

import pytest

from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.timeline.reading import Filter, Timeline
from tests.unit.drift.scanning import drifted, findings, scan
from tests.unit.drift.world import CALLER, World, image_of, observed, placed
from tests.unit.health.ticks import Answers, check, stand


@pytest.fixture
def world() -> World:
    return World()


async def told(world: World) -> list[tuple[str, str, str]]:
    """(kind, resource, sentence), newest first."""
    page = await Timeline(world.store).page(CALLER, world.environment.environment_id, Filter(), 50, "")
    return [(entry["kind"], entry["resource"], entry["summary"]) for entry in page.entries]


async def test_a_finding_is_told_by_its_id_when_it_comes_and_when_it_goes(world: World) -> None:
    await drifted(world)
    await scan(world)
    world.aks.running = {"api": observed("api")}
    await scan(world)
    [finding] = await findings(world)
    assert await told(world) == [
        ("drift.resolved", finding.finding_id, "api, ImageVersionMismatch (High): is as wanted again"),
        ("drift.detected", finding.finding_id, "api, ImageVersionMismatch (High): wanted 1.4.2, found 1.4.1"),
    ]


async def test_several_findings_are_counted_and_named(world: World) -> None:
    names = [f"service-{number}" for number in range(7)]
    await world.stand(*[placed(name) for name in names])
    world.aks.running = {name: observed(name, image=image_of("1.4.1")) for name in names}
    await scan(world)
    [(kind, resource, sentence)] = await told(world)
    assert (kind, resource) == ("drift.detected", world.environment.environment_id)
    assert sentence.startswith("7 differences found, 0 gone: service-0 ImageVersionMismatch, service-1 ")
    assert sentence.endswith(" and 2 more")


async def test_health_is_told_with_the_check_that_made_it_change(world: World) -> None:
    answers = Answers()
    await stand(world, "api")
    await check(world, answers)
    answers.by_address["http://api"] = (
        HealthStatus.UNHEALTHY,
        [Check(name="sql", status=HealthStatus.UNHEALTHY)],
        "http-503",
    )
    await check(world, answers)
    assert [sentence for _, _, sentence in await told(world)] == [
        "api: Healthy to Unhealthy (sql)",
        "api: Unknown to Healthy",
    ]
