"""Scans on the in-memory store: what is found, what is written, and what voids them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.access.caller import Caller
from shared.events.envelope import EventType
from shared.kernel.errors import NotFound, Refused, Transient
from shared.operations.slot import Slot
from shared.runtime.configurations.reading import Configurations
from shared.runtime.drift.ground import Surveying
from shared.runtime.drift.model import PREFIX, Finding, Scan, ScanStatus
from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.drift.reading import DriftReader, Filters
from shared.runtime.drift.sweep import Deps, scan_environment, scan_shard
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks, ResourceChange, ResourceDifference
from shared.runtime.environments.model import ComputeTarget, EnvironmentStatus
from shared.runtime.scaling.model import ScalingPolicy
from shared.runtime.scaling.reading import Policies
from shared.runtime.secrets.resolution import Resolver
from shared.store import keys
from shared.targets.port import Scaling
from tests.unit.drift.world import CALLER, NOON, SHARDS, TENANT, VAULT, Cloud, World, image_of, observed, placed


@pytest.fixture
def world() -> World:
    return World()


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


async def test_a_change_behind_the_platforms_back_is_a_finding_an_event_and_a_line_in_the_log(world: World) -> None:
    await drifted(world)
    await scan(world)
    [finding] = await findings(world)
    assert (finding.kind, finding.desired, finding.actual, finding.status) == (
        "ImageVersionMismatch",
        "1.4.2",
        "1.4.1",
        Status.OPEN,
    )
    assert await world.events(EventType.DRIFT_DETECTED) == [finding.document()]
    [entry] = await world.log()
    assert (entry.kind, entry.actor, entry.client_id) == ("drift.detected", "drift-sweep", "runtime-cloud")
    assert entry.summary == "api, ImageVersionMismatch (High): wanted 1.4.2, found 1.4.1"
    assert entry.events[0].module_id == "api"
    assert entry.events[0].project_id == "proj-booking-saas"
    assert world.sent == [world.place]


async def test_the_same_drift_twice_is_one_finding_one_event_and_one_line_in_the_log(world: World) -> None:
    await drifted(world)
    await scan(world)
    await scan(world)
    [finding] = await findings(world)
    assert (finding.occurrences, finding.first_seen_at, finding.last_seen_at) == (
        2,
        NOON + timedelta(seconds=300),
        NOON + timedelta(seconds=600),
    )
    assert len(await world.events(EventType.DRIFT_DETECTED)) == 1
    assert len(await world.log()) == 1


async def test_what_was_put_right_is_resolved_and_what_comes_back_is_reopened_with_an_event(world: World) -> None:
    await drifted(world)
    await scan(world)
    world.aks.running = {"api": observed("api")}
    await scan(world)
    [resolved] = await findings(world)
    assert resolved.status is Status.RESOLVED
    assert (await world.log())[-1].kind == "drift.resolved"
    world.aks.running = {}
    await scan(world)
    world.aks.running = {"api": observed("api", image=image_of("1.4.1"))}
    await scan(world)
    by_kind = {finding.kind: finding for finding in await findings(world)}
    assert by_kind["MissingService"].status is Status.RESOLVED
    reopened = by_kind["ImageVersionMismatch"]
    assert (reopened.finding_id, reopened.status, reopened.occurrences) == (resolved.finding_id, Status.REOPENED, 2)
    told = [(event["kind"], event["status"]) for event in await world.events(EventType.DRIFT_DETECTED)]
    assert told == [("ImageVersionMismatch", "Open"), ("MissingService", "Open"), ("ImageVersionMismatch", "Reopened")]


@pytest.mark.parametrize("ends", [False, True], ids=["that still runs", "that ended meanwhile"])
async def test_a_deployment_in_between_voids_the_scan(world: World, ends: bool) -> None:
    await drifted(world)

    async def deployment() -> None:
        await world.deploy(ends=ends)

    world.aks.before = deployment
    before = await world.rows()
    await scan(world)
    after = await world.rows()
    assert world.aks.asked
    assert set(after) == set(before)
    assert {key for key in after if after[key].version != before[key].version} == {keys.SLOT}
    assert (await world.summary()).last_scan is None


async def test_a_decision_in_between_voids_the_scan_and_stands(world: World) -> None:
    await drifted(world)
    await scan(world)
    [finding] = await findings(world)

    async def acknowledged() -> None:
        await world.put(finding.finding_id, finding.model_copy(update={"status": Status.ACKNOWLEDGED}).document())

    world.aks.before = acknowledged
    await scan(world)
    [standing] = await findings(world)
    assert (standing.status, standing.occurrences) == (Status.ACKNOWLEDGED, 1)


async def test_an_environment_with_an_operation_in_flight_is_not_looked_at(world: World) -> None:
    await drifted(world)
    await world.deploy(ends=False)
    before = await world.rows()
    await scan(world)
    assert not world.aks.asked
    assert await world.rows() == before


@pytest.mark.parametrize("status", [status for status in EnvironmentStatus if status != "Provisioned"])
async def test_only_a_provisioned_environment_is_looked_at(world: World, status: EnvironmentStatus) -> None:
    await world.stand(placed("api"), status=status)
    await scan(world)
    assert not world.aks.asked
    assert await last_scan(world) == Scan()


async def test_an_environment_that_was_listed_and_never_came_is_nothing(world: World) -> None:
    await scan(world)
    assert await world.rows() == {}


async def test_an_environment_without_services_is_scanned_for_what_nobody_wants(world: World) -> None:
    await world.stand()
    world.apps.running = {"miner": observed("miner")}
    await scan(world)
    [finding] = await findings(world)
    assert (finding.kind, finding.service_id, finding.severity) == ("UnexpectedService", "miner", "Low")
    assert (await last_scan(world)).status is ScanStatus.COMPLETE


async def test_the_slot_is_as_free_and_of_the_same_generation_after_a_scan(world: World) -> None:
    await drifted(world)
    await scan(world)
    row = await world.row(keys.SLOT)
    assert row is not None
    assert Slot.read(row.document) == Slot(generation=1)


async def test_nothing_found_is_a_complete_scan_and_no_line_in_the_log(world: World) -> None:
    await world.stand(placed("api"))
    world.aks.running = {"api": observed("api")}
    await scan(world)
    assert await findings(world) == []
    assert await last_scan(world) == Scan(started_at=world.time, completed_at=world.time, status=ScanStatus.COMPLETE)
    assert await world.log() == []
    assert world.apps.asked  # nothing is wanted there, but something could run


@pytest.mark.parametrize("failure", [Transient("kubernetes"), Refused("kubernetes", "Forbidden")], ids=repr)
async def test_a_target_that_cannot_be_read_raises_and_resolves_nothing_and_the_scan_is_incomplete(
    world: World, failure: Exception
) -> None:
    await world.stand(placed("api"), placed("worker", target="container-apps"))
    world.aks.running = {"api": observed("api", image=image_of("1.4.1"))}
    await scan(world)
    world.aks.running, world.aks.failure = {}, failure
    await scan(world)
    by_service = {finding.service_id: finding for finding in await findings(world)}
    assert set(by_service) == {"api", "worker"}
    assert (by_service["api"].status, by_service["api"].occurrences) == (Status.OPEN, 1)
    assert (by_service["worker"].kind, by_service["worker"].occurrences) == ("MissingService", 2)
    scanned = await last_scan(world)
    assert (scanned.status, scanned.not_reached) == (ScanStatus.INCOMPLETE, ["api"])


async def test_a_target_that_the_platform_has_no_adapter_for_counts_as_not_reached(world: World) -> None:
    await world.stand(placed("api", target="functions"))
    await scan(world)
    assert (await last_scan(world)).not_reached == ["api"]


async def test_replicas_under_a_scaling_policy_are_no_drift(world: World) -> None:
    await world.stand(placed("api", replicas=2))
    world.aks.running = {"api": observed("api", replicas=7)}
    policy = ScalingPolicy(
        scaling_policy_id="scl-1",
        tenant_id=TENANT,
        environment_id=world.environment.environment_id,
        service_id="api",
        target=ComputeTarget.AKS,
        requested=Scaling(metric="cpu", min_replicas=3, max_replicas=9, target_utilization_percent=70),
        applied_by="ada",
        created_at=NOON,
        updated_at=NOON,
        trace_id="trace-1",
    )
    await world.put("scl-1", policy.document())
    await scan(world)
    assert await findings(world) == []


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)], ids=["the same tick again", "an older tick"])
async def test_a_stale_tick_is_dropped(world: World, late: timedelta) -> None:
    await drifted(world)
    await scan(world)
    before = await world.rows()
    await scan_environment(deps_of(world), world.place, world.time - late)
    assert await world.rows() == before


async def test_more_findings_than_a_transaction_takes_are_written_in_several(world: World) -> None:
    await world.stand(*[placed(f"service-{number:03d}") for number in range(90)])
    await scan(world)
    assert len(await findings(world)) == len(await world.events(EventType.DRIFT_DETECTED)) == 90
    assert sorted(len(entry.events) for entry in await world.log()) == [10, 40, 40]
    assert len({entry.trace_id for entry in await world.log()}) == 1
    assert (await last_scan(world)).status is ScanStatus.COMPLETE


async def test_a_deployment_between_two_transactions_of_a_scan_ends_it_and_its_tick_is_still_to_come(world: World) -> None:
    await world.stand(*[placed(f"service-{number:03d}") for number in range(90)])
    again = world.store.get

    async def get(partition: str, key: str):
        if key == keys.SLOT:
            world.store.get = again  # type: ignore[method-assign]
            await world.deploy(ends=True)
        return await again(partition, key)

    world.store.get = get  # type: ignore[method-assign]
    await scan(world)
    assert len(await findings(world)) == 40
    assert (await last_scan(world)).status is ScanStatus.NEVER


async def test_findings_of_services_that_a_later_release_took_away_resolve(world: World) -> None:
    await drifted(world)
    await scan(world)
    await world.want()
    world.aks.running = {}
    await scan(world)
    assert [finding.status for finding in await findings(world)] == [Status.RESOLVED]


async def test_one_that_a_release_took_away_and_that_runs_on_is_unexpected(world: World) -> None:
    await drifted(world)
    await scan(world)
    await world.want()
    await scan(world)
    by_kind = {finding.kind: finding.status for finding in await findings(world)}
    assert by_kind == {"ImageVersionMismatch": Status.RESOLVED, "UnexpectedService": Status.OPEN}


async def test_one_that_was_told_of_by_somebody_else_is_not(world: World) -> None:
    await world.stand()
    world.aks.running = {"legacy": observed("legacy")}
    await world.tell(placed("legacy"))
    await scan(world)
    assert await findings(world) == []


async def test_what_nobody_wants_resolves_only_when_every_target_was_read(world: World) -> None:
    await world.stand()
    world.aks.running = {"miner": observed("miner")}
    await scan(world)
    world.aks.failure = Transient("kubernetes")
    await scan(world)
    [finding] = await findings(world)
    assert finding.status is Status.OPEN
    assert (await last_scan(world)).not_reached == ["aks"]
    world.aks.failure, world.aks.running = None, {}
    await scan(world)
    [finding] = await findings(world)
    assert finding.status is Status.RESOLVED


async def looked(world: World, *resources: str, generation: int = 1) -> bool:
    """The provisioner's look, a moment after the last one."""
    found = [ResourceDifference(resource=one, change=ResourceChange.UPDATE, properties=["sku"]) for one in resources]
    at = world.later(1)
    look = InfrastructureLook(started_at=at, completed_at=at, generation=generation, differences=found)
    return await Looks(world.store, world.draw).record(world.place, look)


async def test_what_a_look_at_the_infrastructure_found_is_one_finding_of_the_environment(world: World) -> None:
    await world.stand()
    assert await looked(world, "vault::kv")
    await scan(world)
    [finding] = await findings(world)
    assert (finding.kind, finding.service_id, finding.severity, finding.owner) == (
        "InfrastructureMismatch",
        None,
        "High",
        "unknown",
    )
    assert (finding.desired, finding.actual) == ("vault::kv: as provisioned", "vault::kv: changed (sku)")
    await looked(world)
    await scan(world)
    assert [one.status for one in await findings(world)] == [Status.RESOLVED]
    await looked(world, "vault::kv")
    await scan(world)
    assert [one.status for one in await findings(world)] == [Status.REOPENED]


async def test_a_look_from_before_an_operation_neither_raises_nor_resolves(world: World) -> None:
    await world.stand()
    assert await looked(world, "vault::kv")
    await scan(world)
    await looked(world)
    await world.deploy(ends=True)
    await scan(world)
    assert [(one.status, one.occurrences) for one in await findings(world)] == [(Status.OPEN, 1)]
    assert not await looked(world, generation=1)
    assert await looked(world, generation=2)


async def test_a_look_that_an_operation_or_a_later_look_overtook_is_not_kept(world: World) -> None:
    await world.stand()
    assert await looked(world, "vault::kv")
    old = InfrastructureLook(started_at=NOON, completed_at=NOON, generation=1, differences=[])
    assert not await Looks(world.store, world.draw).record(world.place, old)
    await world.deploy(ends=False)
    assert not await looked(world, generation=2)


async def test_a_secret_is_wanted_at_the_version_that_its_binding_uses_now(world: World) -> None:
    await world.stand(await world.bound("api", consumers="0" * 32, binding="1" * 32))
    world.aks.running = {"api": observed("api", env={"DB": f"keyvault:{VAULT}/secrets/db/{'0' * 32}"})}
    await scan(world)
    [finding] = await findings(world)
    assert (finding.kind, finding.owner) == ("SecretVersionMismatch", "rotation")
    assert (finding.desired[-4:], finding.actual[-4:]) == ("1111", "0000")
    world.aks.running = {"api": observed("api", env={"DB": f"keyvault:{VAULT}/secrets/db/{'1' * 32}"})}
    await scan(world)
    assert [one.status for one in await findings(world)] == [Status.RESOLVED]


async def test_an_unreadable_finding_is_left_alone_and_the_others_are_posted(world: World) -> None:
    await world.stand(placed("api"), placed("web"))
    await scan(world)
    broken, whole = await findings(world)
    await world.put(broken.finding_id, {"nonsense": True})
    await scan(world)
    rows = await world.rows()
    assert rows[broken.finding_id].document == {"nonsense": True}
    assert rows[whole.finding_id].document["occurrences"] == 2


async def test_the_list_of_environments_shows_how_much_and_how_bad(world: World) -> None:
    await drifted(world)
    await world.index.summarise(world.environment, {"services": 1, "degraded": 1})
    await scan(world)
    summary = await world.summary()
    assert (summary.open_findings, summary.highest_severity, summary.last_scan) == (1, "High", world.time)
    assert (summary.services, summary.degraded) == (1, 1)  # another sweep's
    world.aks.running = {"api": observed("api")}
    await scan(world)
    summary = await world.summary()
    assert (summary.open_findings, summary.highest_severity) == (0, None)


async def test_a_shard_is_scanned_whole_though_one_of_its_environments_fails(world: World) -> None:
    numbers = [number for number in range(64) if _shard(f"env-{number:016x}") == 0][:10]
    worlds = [World(f"env-{number:016x}", world.store) for number in numbers]
    for one in worlds:
        await drifted(one)
    worlds[3].aks.failure = RuntimeError("a defect")
    elsewhere = World(next(f"env-{number:016x}" for number in range(64) if _shard(f"env-{number:016x}") == 1), world.store)
    await drifted(elsewhere)
    targets = _Together({one.environment.environment_id: one.aks for one in [*worlds, elsewhere]})
    await scan_shard(surveyed(world, {"aks": targets}), 0, world.later(300))
    assert [len(await findings(one)) for one in worlds] == [1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert await findings(elsewhere) == []


def _shard(environment_id: str) -> int:
    return keys.shard_of(keys.partition_of(TENANT, environment_id), SHARDS)


class _Together(Cloud):
    """One target, many environments."""

    def __init__(self, by_environment) -> None:
        super().__init__()
        self.by_environment = by_environment

    async def observe(self, site):
        return await self.by_environment[site.environment_id].observe(site)


async def read_all_pages(world: World, status: Status | None, limit: int) -> list[list[dict]]:
    reader, pages, after = DriftReader(world.store, world.isolation), [], ""
    while True:
        page = await reader.findings(CALLER, world.environment.environment_id, Filters(status), limit, after)
        pages.append(page.findings)
        if page.after is None:
            return pages
        after = page.after


async def test_the_answer_lists_what_is_unresolved_newest_first_a_page_at_a_time(world: World) -> None:
    await world.stand(*[placed(name) for name in ("a", "b", "c", "d")])
    world.aks.running = {name: observed(name) for name in ("b", "c", "d")}
    await scan(world)
    world.aks.running = {name: observed(name) for name in ("a", "d")}
    await scan(world)
    pages = await read_all_pages(world, None, 1)
    assert sorted(page[0]["serviceId"] for page in pages) == ["b", "c"]
    del world.aks.running["d"]
    await scan(world)
    pages = await read_all_pages(world, None, 2)
    assert pages[0][0]["serviceId"] == "d"
    assert [len(page) for page in pages] == [2, 1]
    [[resolved]] = await read_all_pages(world, Status.RESOLVED, 50)
    assert resolved["serviceId"] == "a"


async def test_the_answer_tells_the_last_scan_and_that_there_was_none(world: World) -> None:
    await drifted(world)
    reader = DriftReader(world.store, world.isolation)
    environment_id = world.environment.environment_id
    page = await reader.findings(CALLER, environment_id, Filters(), 50, "")
    assert (page.findings, page.last_scan.document()) == ([], {"status": "Never", "notReached": []})
    await scan(world)
    page = await reader.findings(CALLER, environment_id, Filters(), 50, "")
    at = "2026-06-11T12:05:00Z"
    assert page.last_scan.document() == {"startedAt": at, "completedAt": at, "status": "Complete", "notReached": []}


async def test_findings_of_what_is_not_the_tenants_are_not_found(world: World) -> None:
    await drifted(world)
    await scan(world)
    reader = DriftReader(world.store, world.isolation)
    [finding] = await findings(world)
    other = Caller("other", "eve", "x", CALLER.scopes, "trace-2")
    mine = world.environment.environment_id
    for caller, ident in ((other, mine), (CALLER, "env-0000000000000000"), (CALLER, finding.finding_id), (CALLER, "x")):
        with pytest.raises(NotFound) as raised:
            await reader.findings(caller, ident, Filters(), 50, "")
        assert (raised.value.kind, raised.value.ident) == ("environment", ident)
