"""What the list of environments says of health, as the sweep leaves it there."""

from __future__ import annotations

from datetime import timedelta

from shared.kernel.errors import Transient
from shared.runtime.environments.model import EnvironmentStatus
from shared.store import keys
from tests.unit.drift.world import NOON, TENANT, World, placed
from tests.unit.health.ticks import (
    DEGRADED,
    STALE_AFTER,
    UNHEALTHY,
    UNKNOWN,
    Answers,
    at,
    check,
    stand,
)


async def test_the_list_of_environments_counts_services_by_how_they_are(world: World, answers: Answers) -> None:
    await world.stand(*[placed(name) for name in ("a", "b", "c", "d")], placed("e", target="container-apps"))
    world.aks.running = {name: at(name) for name in ("a", "b", "c", "d")}
    world.apps.running = {"e": at("e")}
    answers.by_address = {
        "http://b": (DEGRADED, [], None),
        "http://c": (UNHEALTHY, [], None),
        "http://d": (UNKNOWN, [], "timeout"),
    }
    await check(world, answers)
    summary = await world.summary()
    counts = (summary.services, summary.unhealthy, summary.degraded, summary.unknown, summary.stale)
    assert counts == (5, 1, 1, 1, 0)
    world.apps.failure = Transient("arm")
    world.later(STALE_AFTER.total_seconds())
    await check(world, answers)
    summary = await world.summary()
    assert (summary.unknown, summary.stale) == (2, 1)  # evidence that is too old says nothing


async def test_a_summary_is_written_only_when_a_member_changed(world: World, answers: Answers) -> None:
    await stand(world, "api")
    await check(world, answers)
    summary = await world.summary()
    await check(world, answers)
    assert await world.summary() == summary


async def test_a_summary_says_when_it_was_looked_at_and_lags_by_less_than_what_makes_it_stale(
    world: World, answers: Answers
) -> None:
    await stand(world, "api")
    ticks = [await check(world, answers)]
    lags = []
    for _ in range(6):
        ticks.append(await check(world, answers))
        evaluated_at = (await world.summary()).evaluated_at
        assert evaluated_at in ticks
        lags.append(ticks[-1] - evaluated_at)
    assert max(lags) <= STALE_AFTER / 2
    assert lags.count(timedelta(0)) < len(lags)  # it is not written at each tick


async def test_a_list_whose_sweeps_stopped_shows_everything_stale(world: World, answers: Answers) -> None:
    await stand(world, "api", "web")
    await check(world, answers)
    summary = await world.summary()
    assert summary.evaluated_at is not None
    assert summary.aged(summary.evaluated_at) == summary
    old = summary.aged(summary.evaluated_at + timedelta(seconds=1))
    assert (old.services, old.unknown, old.stale, old.unhealthy, old.degraded) == (2, 2, 2, 0, 0)


async def test_a_summary_keeps_what_others_wrote(world: World) -> None:
    await world.stand()
    decommissioning = world.environment.model_copy(update={"status": EnvironmentStatus.DECOMMISSIONING})
    await world.index.project(decommissioning)
    await world.index.summarise(world.environment, {"open_findings": 3, "last_scan": NOON})
    await world.index.summarise(world.environment, {"services": 2})
    [row] = await world.store.list(keys.tenant_partition(TENANT), keys.list_prefix("env"), limit=2)
    assert row.document["environment"]["status"] == "Decommissioning"
    assert (row.document["summary"]["services"], row.document["summary"]["openFindings"]) == (2, 3)
