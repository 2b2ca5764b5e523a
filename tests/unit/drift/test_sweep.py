"""Scans on the in-memory store: what is found, what goes away, what comes back."""

from __future__ import annotations

from datetime import timedelta

from shared.events.envelope import EventType
from shared.runtime.drift.model import FindingStatus as Status
from shared.runtime.drift.model import Scan, ScanStatus
from shared.runtime.environments.model import ComputeTarget
from shared.runtime.scaling.model import ScalingPolicy
from shared.targets.port import Scaling
from tests.unit.drift.scanning import drifted, findings, last_scan, scan
from tests.unit.drift.world import NOON, TENANT, VAULT, World, image_of, observed, placed


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


async def test_an_environment_without_services_is_scanned_for_what_nobody_wants(world: World) -> None:
    await world.stand()
    world.apps.running = {"miner": observed("miner")}
    await scan(world)
    [finding] = await findings(world)
    assert (finding.kind, finding.service_id, finding.severity) == ("UnexpectedService", "miner", "Low")
    assert (await last_scan(world)).status is ScanStatus.COMPLETE


async def test_nothing_found_is_a_complete_scan_and_no_line_in_the_log(world: World) -> None:
    await world.stand(placed("api"))
    world.aks.running = {"api": observed("api")}
    await scan(world)
    assert await findings(world) == []
    assert await last_scan(world) == Scan(started_at=world.time, completed_at=world.time, status=ScanStatus.COMPLETE)
    assert await world.log() == []
    assert world.apps.asked  # nothing is wanted there, but something could run


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
