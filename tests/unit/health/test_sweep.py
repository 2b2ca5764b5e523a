"""Health sweeps on the in-memory store: what is kept, what is told, and what a tick may not do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from shared.events.envelope import EventType
from shared.kernel.errors import Refused, Transient
from shared.runtime.environments.model import EnvironmentStatus
from shared.runtime.health.document import Check, Format, HealthStatus
from shared.runtime.health.model import EnvironmentHealth
from shared.runtime.health.patience import Hysteresis
from shared.runtime.health.prober import Evidence
from shared.runtime.health.sweep import Deps, check_environment, check_shard
from shared.runtime.health.witness import ABSENT, OVERDUE, UNREACHABLE, Witness
from shared.store import keys
from shared.targets.port import Observation
from tests.unit.drift.world import NOON, SHARDS, TENANT, Cloud, World, nothing, observed, placed

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


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def answers() -> Answers:
    return Answers()


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


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)], ids=["the same tick again", "an older tick"])
async def test_a_stale_tick_is_dropped_before_it_asks_anybody(world: World, answers: Answers, late: timedelta) -> None:
    await stand(world, "api")
    tick = await check(world, answers)
    before = await world.rows()
    await check_environment(deps_of(world, answers), world.place, tick - late)
    assert await world.rows() == before
    assert len(answers.asked) == 1


async def test_of_two_sweeps_at_once_the_one_that_is_later_to_write_is_dropped(world: World, answers: Answers) -> None:
    await stand(world, "api")
    newer = world.time + timedelta(seconds=60)

    async def faster() -> None:
        world.aks.before = nothing
        await check_environment(deps_of(world, answers), world.place, newer)
        answers.by_address["http://api"] = (UNHEALTHY, [], "http-500")

    world.aks.before = faster
    await check(world, answers)
    row = await health(world)
    assert (row.started_at, row.services["api"].status) == (newer, HEALTHY)
    assert await changes(world) == [("api", "Unknown", "Healthy")]


@pytest.mark.parametrize("status", [status for status in EnvironmentStatus if status != "Provisioned"])
async def test_only_a_provisioned_environment_is_looked_at(
    world: World, answers: Answers, status: EnvironmentStatus
) -> None:
    await world.stand(placed("api"), status=status)
    await check(world, answers)
    assert not world.aks.asked
    assert await world.row(keys.HEALTH) is None


async def test_an_environment_that_was_listed_and_never_came_is_nothing(world: World, answers: Answers) -> None:
    await check(world, answers)
    assert await world.rows() == {}


async def test_an_environment_without_services_has_no_row(world: World, answers: Answers) -> None:
    await world.stand()
    await check(world, answers)
    assert await world.row(keys.HEALTH) is None


async def test_an_environment_is_looked_at_while_an_operation_runs(world: World, answers: Answers) -> None:
    await stand(world, "api")
    await world.deploy(ends=False)
    await check(world, answers)
    assert (await health(world)).services["api"].status is HEALTHY


async def test_a_target_is_asked_once_whatever_the_number_of_services(world: World, answers: Answers) -> None:
    await stand(world, *[f"service-{number:02d}" for number in range(30)])
    await check(world, answers)
    assert len(world.aks.asked) == 1


async def test_more_changes_than_a_transaction_takes_are_told_in_several(world: World, answers: Answers) -> None:
    await stand(world, *[f"service-{number:03d}" for number in range(90)])
    tick = await check(world, answers)
    assert sorted(len(entry.events) for entry in await world.log()) == [10, 40, 40]
    assert len({service for service, _, _ in await changes(world)}) == len(await changes(world)) == 90
    row = await health(world)
    assert (row.started_at, len(row.services)) == (tick, 90)


async def test_what_a_crash_between_two_transactions_cut_off_is_told_by_the_next_tick(
    world: World, answers: Answers
) -> None:
    await stand(world, *[f"service-{number:03d}" for number in range(90)])
    get = world.store.get

    async def crash(partition: str, key: str):
        if key == keys.HEALTH:
            raise Transient("tables")
        return await get(partition, key)

    world.store.get = crash  # type: ignore[method-assign]
    with pytest.raises(Transient):
        await check(world, answers)
    world.store.get = get  # type: ignore[method-assign]
    assert len(await changes(world)) == 40
    assert (await health(world)).started_at < NOON  # no tick was completed, and no reader takes it for one
    await check(world, answers)
    told = await changes(world)
    assert len({service for service, _, _ in told}) == len(told) == 90


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


async def test_a_shard_is_checked_whole_though_some_of_its_environments_fail(
    world: World, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.environments.sweeping.PAGE", 3)  # of the list
    names = [f"env-{number:016x}" for number in range(64)]
    worlds = [World(name, world.store) for name in names if _shard(name) == 0][:10]
    for one in worlds:
        await stand(one, "api")
    worlds[3].aks.failure = RuntimeError("a defect")
    await worlds[5].put(keys.HEALTH, {"nonsense": True})
    aks = _Together({one.environment.environment_id: one.aks for one in worlds})
    await check_shard(deps_of(world, answers, {"aks": aks}), 0, world.later(30))
    assert [len(await changes(one)) for one in worlds] == [1, 1, 1, 0, 1, 0, 1, 1, 1, 1]
    assert aks.most == 9


def _shard(environment_id: str) -> int:
    return keys.shard_of(keys.partition_of(TENANT, environment_id), SHARDS)


class _Together(Cloud):
    """One target, many environments; counts how many are looked at together."""

    def __init__(self, by_environment: Mapping[str, Cloud]) -> None:
        super().__init__()
        self.by_environment = by_environment
        self.now = self.most = 0

    async def observe(self, site):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return await self.by_environment[site.environment_id].observe(site)
