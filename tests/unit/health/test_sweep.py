"""One look of the health sweep: what is kept of it, and what is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import Refused, Transient
from shared.runtime.health.document import Check
from shared.runtime.health.patience import Hysteresis
from shared.runtime.health.sweep import check_environment
from shared.runtime.health.witness import ABSENT, OVERDUE, UNREACHABLE
from tests.unit.drift.world import World, placed
from tests.unit.health.ticks import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNKNOWN,
    Answers,
    at,
    changes,
    check,
    deps_of,
    health,
    stand,
)


async def test_the_first_look_at_a_healthy_service_is_kept_and_told(world: World, answers: Answers) -> None:
    await stand(world, "api")
    tick = await check(world, answers)
    row = await health(world)
    assert (row.started_at, row.completed_at, row.not_reached) == (tick, tick, [])
    service = row.services["api"]
    assert (service.status, service.since, service.cause, service.image) == (
        HEALTHY,
        tick,
        None,
        at("api").revisions[0].image,
    )
    assert await world.events(EventType.HEALTH_CHECK_COMPLETED) == [
        {
            "serviceId": "api",
            "environmentId": world.environment.environment_id,
            "status": "Healthy",
            "previousStatus": "Unknown",
            "checks": [],
            "evaluatedAt": "2026-06-11T12:00:30Z",
        }
    ]
    [entry] = await world.log()
    assert (entry.kind, entry.actor, entry.summary) == ("health.changed", "health-sweep", "api: Unknown to Healthy")
    assert entry.events[0].module_id == "api"


async def test_a_look_that_sees_the_same_writes_its_row_and_tells_nothing(world: World, answers: Answers) -> None:
    await stand(world, "api")
    first = await check(world, answers)
    second = await check(world, answers)
    row = await health(world)
    assert (row.started_at, row.services["api"].since) == (second, first)
    assert row.evaluated_at("api") == second
    assert len(await world.log()) == 1
    assert answers.asked == ["http://api/health"] * 2


async def test_a_change_is_told_with_what_made_it_and_since_when(world: World, answers: Answers) -> None:
    await stand(world, "api", "web")
    await check(world, answers)
    checks = [Check(name="queue", status=DEGRADED), Check(name="sql", status=UNHEALTHY, duration_ms=12)]
    answers.by_address["http://api"] = (UNHEALTHY, checks, "http-503")
    tick = await check(world, answers)
    api = (await health(world)).services["api"]
    assert (api.status, api.since, api.cause, api.checks) == (UNHEALTHY, tick, "sql", checks)
    assert (await changes(world))[-1] == ("api", "Healthy", "Unhealthy")
    [event] = (await world.events(EventType.HEALTH_CHECK_COMPLETED))[-1:]
    assert event["checks"][1] == {"name": "sql", "status": "Unhealthy", "durationMs": 12}
    assert len(await changes(world)) == 3


async def test_without_a_check_that_is_as_bad_the_cause_is_why_the_answer_was_no_good(
    world: World, answers: Answers
) -> None:
    await stand(world, "api")
    answers.by_address["http://api"] = (UNKNOWN, [Check(name="sql", status=HEALTHY)], "timeout")
    await check(world, answers)
    assert (await health(world)).services["api"].cause == "timeout"


@pytest.mark.parametrize("failure", [Transient("kubernetes"), Refused("kubernetes", "Forbidden")], ids=repr)
async def test_a_service_whose_target_is_away_keeps_its_last_status_from_when_it_was_seen(
    world: World, answers: Answers, failure: Exception
) -> None:
    await stand(world, "api")
    seen = await check(world, answers)
    world.aks.failure = failure
    for _ in range(2):
        await check(world, answers)
        row = await health(world)
        assert row.not_reached == ["api"]
        assert (row.services["api"].status, row.evaluated_at("api")) == (HEALTHY, seen)
    assert len(await changes(world)) == 1
    world.aks.failure = None
    back = await check(world, answers)
    row = await health(world)
    assert (row.not_reached, row.evaluated_at("api"), row.services["api"].since) == ([], back, seen)


async def test_a_service_that_was_never_seen_is_unknown_and_says_why(world: World, answers: Answers) -> None:
    await stand(world, "api")
    world.aks.failure = Transient("kubernetes")
    for _ in range(2):
        await check(world, answers)
        row = await health(world)
        assert (row.services["api"].status, row.services["api"].cause) == (UNKNOWN, UNREACHABLE)
        assert row.not_reached == ["api"]
    assert await changes(world) == []


async def test_what_is_not_seen_in_time_was_not_reached_and_the_others_are_seen(world: World, answers: Answers) -> None:
    await stand(world, "api", "slow")
    seen = await check(world, answers)
    answers.by_address["http://api"] = (UNHEALTHY, [], "http-500")
    answers.silent.add("http://slow")
    tick = world.later(30)
    deps = replace(deps_of(world, answers), budget=timedelta(seconds=0.05))
    await check_environment(deps, world.place, tick)
    row = await health(world)
    assert (row.not_reached, row.started_at) == (["slow"], tick)
    assert [(row.services[name].status, row.evaluated_at(name)) for name in ("api", "slow")] == [
        (UNHEALTHY, tick),
        (HEALTHY, seen),
    ]


async def test_a_target_that_is_slow_is_left_in_time(world: World, answers: Answers) -> None:
    await stand(world, "api")
    world.aks.before = lambda: asyncio.sleep(60)
    await check_environment(replace(deps_of(world, answers), budget=timedelta(seconds=0.05)), world.place, world.later(30))
    row = await health(world)
    assert (row.not_reached, row.services["api"].status, row.services["api"].cause) == (["api"], UNKNOWN, OVERDUE)


async def test_a_status_that_stands_is_moved_by_as_many_looks_as_the_settings_say(world: World, answers: Answers) -> None:
    await stand(world, "api")
    patient = Hysteresis(failures=2, successes=2)
    shown = []
    for status in (HEALTHY, UNHEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY, HEALTHY):
        answers.by_address["http://api"] = (status, [Check(name="sql", status=status)], None)
        tick = world.later(30)
        await check_environment(deps_of(world, answers, hysteresis=patient), world.place, tick)
        row = await health(world)
        shown.append((row.services["api"].status, (tick - row.evaluated_at("api")).total_seconds()))
    assert shown == [
        (HEALTHY, 0),
        (HEALTHY, 30),
        (HEALTHY, 0),
        (HEALTHY, 30),
        (UNHEALTHY, 0),
        (UNHEALTHY, 30),
        (HEALTHY, 0),
    ]
    assert [change[1:] for change in await changes(world)] == [
        ("Unknown", "Healthy"),
        ("Healthy", "Unhealthy"),
        ("Unhealthy", "Healthy"),
    ]


async def test_one_target_that_is_away_hides_nothing_of_another(world: World, answers: Answers) -> None:
    await world.stand(placed("api"), placed("worker", target="container-apps"))
    world.apps.running = {"worker": at("worker")}
    world.aks.failure = Transient("kubernetes")
    await check(world, answers)
    assert await changes(world) == [("worker", "Unknown", "Healthy")]


async def test_a_service_that_is_gone_from_its_target_becomes_unknown(world: World, answers: Answers) -> None:
    await stand(world, "api")
    await check(world, answers)
    world.aks.running = {}
    await check(world, answers)
    api = (await health(world)).services["api"]
    assert (api.status, api.cause, api.image) == (UNKNOWN, ABSENT, None)
    assert (await changes(world))[-1] == ("api", "Healthy", "Unknown")


async def test_a_service_that_is_wanted_no_more_leaves_the_row(world: World, answers: Answers) -> None:
    await stand(world, "api", "web")
    await check(world, answers)
    await world.want(placed("web"))
    await check(world, answers)
    assert set((await health(world)).services) == {"web"}
    await world.want()
    await check(world, answers)
    assert (await health(world)).services == {}
    assert (await world.summary()).services == 0
