"""Each metric of the platform, recorded by what happens and not by the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.kernel import metrics
from shared.kernel.clock import now
from shared.runtime.drift.sweep import scan_shard
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.sweep import check_shard
from shared.runtime.rotation.ages import measure_shard
from shared.runtime.rotation.sweep import turn_shard
from shared.runtime.upkeep.sweep import keep_shard
from shared.runtime.upkeep.verifying import verify_shard
from tests.unit.doubles.platform import Platform
from tests.unit.rehearsal.scenes.deployments import rolling_back
from tests.unit.rehearsal.scenes.drift import adopting, remediating
from tests.unit.rehearsal.scenes.settings import binding, rotating
from tests.unit.rehearsal.stage import Scene
from tests.unit.telemetry.recorder import Recorder, recording
from tests.unit.telemetry.test_canary import ENVIRONMENT

SHARDS = range(2)
API = "mod-booking-api"


async def provisioned(platform: Platform) -> str:
    made = await platform.send("POST", "/environments", ENVIRONMENT)
    await platform.settle()
    return str(made["environmentId"])


async def released(platform: Platform, environment_id: str, version: str, **fields: Any) -> Mapping[str, Any]:
    component = {"moduleId": API, "image": f"acr.azurecr.io/booking-api:{version}", "target": "container-apps"}
    body = {"tenantId": "connectsoft", "environmentId": environment_id, "releaseRef": f"rel-{version}"}
    gate = {"stableSeconds": 0, "retryTimeoutSeconds": 1}
    made = await platform.send("POST", "/deployments", {**body, "components": [component], "gate": gate, **fields})
    await platform.settle()
    return await platform.send("GET", f"/deployments/{made['deploymentId']}")


def last(taken: Recorder, metric: str, **dimensions: str) -> float:
    return [value for value, found in taken.of(metric) if dimensions.items() <= found.items()][-1]


async def test_a_deployment_tells_how_long_it_took_and_whether_it_was_taken_back() -> None:
    platform = Platform()
    environment_id = await provisioned(platform)
    with recording() as taken:
        assert (await released(platform, environment_id, "1.0.0"))["status"] == "Completed"
    assert [found for _, found in taken.of(metrics.DEPLOYMENT_DURATION)] == [{"kind": "Deploy", "outcome": "Completed"}]
    assert taken.of(metrics.DEPLOYMENT_DURATION)[0][0] >= 0
    assert taken.of(metrics.ROLLBACK_RATE) == [(0.0, {"kind": "Deploy", "outcome": "Completed"})]


async def test_sweeps_tell_what_stands() -> None:
    platform = Platform()
    environment_id = await provisioned(platform)
    await released(platform, environment_id, "1.0.0")
    container, tick = platform.container, now() + timedelta(seconds=1)
    with recording() as taken:
        for shard in SHARDS:
            await check_shard(container.health_sweep, shard, tick)
            await scan_shard(container.drift_sweep, shard, tick)
            await verify_shard(container.verifying, shard)
            await keep_shard(container.upkeep, shard, platform.hub)  # type: ignore[arg-type]
            await turn_shard(container.rotation_sweep, shard, platform.hub)  # type: ignore[arg-type]
    told = [last(taken, metrics.HEALTH_STATUS, status=status) for status in ("healthy", "unhealthy", "degraded", "unknown")]
    assert sum(told) == 1, "the one service is in one of them"
    assert {found["severity"] for _, found in taken.of(metrics.DRIFT_OPEN)} == {"Critical", "High", "Medium", "Low"}
    assert {found["shard"] for _, found in taken.of(metrics.OPERATION_UNSETTLED)} == {"0", "1"}
    assert sum(value for value, _ in taken.of(metrics.OPERATION_UNSETTLED)) == 0
    assert taken.of(metrics.OUTBOX_LAG), "its events were still to be sent"


async def test_a_finding_is_open_until_it_is_gone_and_tells_how_long_it_was() -> None:
    platform = Platform()
    environment_id = await provisioned(platform)
    await released(platform, environment_id, "1.0.0")
    wanted, tick = platform.apps.serves(API), now() + timedelta(seconds=1)
    platform.apps.change(API, image="acr.azurecr.io/booking-api:0.0.1")
    with recording() as taken:
        await scanned(platform, tick)
        assert last(taken, metrics.DRIFT_OPEN, severity="High") == 1
        assert not taken.of(metrics.REMEDIATION_TIME)
        platform.apps.change(API, image=wanted)
        await scanned(platform, tick + timedelta(seconds=1))
    assert last(taken, metrics.DRIFT_OPEN, severity="High") == 0
    ((seconds, dimensions),) = taken.of(metrics.REMEDIATION_TIME)
    assert seconds >= 0
    assert dimensions == {"severity": "High"}


async def scanned(platform: Platform, tick: datetime) -> None:
    for shard in SHARDS:
        await scan_shard(platform.container.drift_sweep, shard, tick)


async def test_a_release_that_is_taken_back_counts_for_the_rate() -> None:
    platform = Platform()
    environment_id = await provisioned(platform)
    await released(platform, environment_id, "1.0.0")
    platform.prober.says["acr.azurecr.io/booking-api:6.6.6"] = HealthStatus.UNHEALTHY
    with recording() as taken:
        assert (await released(platform, environment_id, "6.6.6"))["status"] == "RolledBack"
    assert taken.of(metrics.ROLLBACK_RATE) == [(1.0, {"kind": "Deploy", "outcome": "RolledBack"})]


@pytest.mark.parametrize(
    ("begins", "kinds"),
    [
        (rolling_back, ["RollbackDeployment"]),
        (rotating, ["RotateSecret"]),
        (remediating, ["RemediateDrift"]),
        (adopting, []),  # what runs becomes what is wanted: nothing is rolled out
    ],
    ids=["a rollback", "a rotation", "a remediation", "an adoption"],
)
async def test_whatever_rolls_a_release_out_counts_as_one_of_its_kind(begins: Scene, kinds: list[str]) -> None:
    platform = Platform()
    method, path, body = await begins(platform)
    with recording() as taken:
        await platform.send(method, path, body)
        await platform.settle()
    assert [found["kind"] for _, found in taken.of(metrics.DEPLOYMENT_DURATION)] == kinds
    assert taken.of(metrics.ROLLBACK_RATE) == [(0.0, {"kind": kind, "outcome": "Completed"}) for kind in kinds]


async def test_an_adoption_that_fails_is_no_release_that_failed() -> None:
    platform = Platform()
    method, path, body = await adopting(platform)
    platform.apps.change("api", image="example.com/api:9")  # a registry that nothing may come from
    with recording() as taken:
        await platform.send(method, path, body)
        operation = platform.hub.started[0].operation_id
        await platform.settle()
    assert (await platform.send("GET", f"/operations/{operation}"))["status"] == "Failed"
    assert not taken.of(metrics.ROLLBACK_RATE)


async def test_a_policy_tells_its_enforcement_and_the_replicas_of_its_service() -> None:
    platform = Platform()
    environment_id = await provisioned(platform)
    await released(platform, environment_id, "1.0.0")
    bounds = {"metric": "cpu", "minReplicas": 2, "maxReplicas": 5, "targetUtilizationPercent": 70}
    named = {"tenantId": "connectsoft", "environmentId": environment_id, "serviceId": API, "target": "container-apps"}
    await platform.send("POST", "/scaling-policies", {**named, **bounds})
    with recording() as taken:
        for shard in SHARDS:
            await keep_shard(platform.container.upkeep, shard, platform.hub)  # type: ignore[arg-type]
        await platform.settle()
        for shard in SHARDS:
            await verify_shard(platform.container.verifying, shard)
    assert taken.of(metrics.SCALING_ACTIONS) == [(1, {"target": "container-apps", "outcome": "Enforced"})]
    assert last(taken, metrics.SCALING_REPLICAS, environment=environment_id, service=API) >= 1


async def test_an_operation_that_passed_its_deadline_is_unsettled() -> None:
    platform = Platform()
    made = await platform.send("POST", "/environments", ENVIRONMENT)
    operation = platform.hub.started[0]
    late = operation.must_settle_by + timedelta(seconds=1)
    upkeep = replace(platform.container.upkeep, settling=replace(platform.container.settling, clock=lambda: late))
    with recording() as taken:
        for shard in SHARDS:
            await keep_shard(upkeep, shard, platform.hub)  # type: ignore[arg-type]
    assert made["status"] == "Provisioning"
    assert sorted(value for value, _ in taken.of(metrics.OPERATION_UNSETTLED)) == [0, 1]


@pytest.mark.parametrize("binds", [binding, rotating], ids=["nobody rotates it", "some use it"])
async def test_every_binding_tells_how_old_its_versions_are(binds: Scene) -> None:
    platform = Platform()
    method, path, body = await binds(platform)
    bound = path.split("/")[2] if binds is rotating else (await platform.send(method, path, body))["secretBindingId"]
    with recording() as taken:
        for shard in SHARDS:
            await measure_shard(platform.store, shard, now() + timedelta(days=31))
    ((seconds, dimensions),) = taken.of(metrics.ROTATION_AGE)
    assert timedelta(days=30) < timedelta(seconds=seconds) < timedelta(days=32)
    assert dimensions == {"binding": bound}


async def test_ages_are_read_for_nobody_where_nobody_takes_them() -> None:
    await measure_shard(None, 0, now())  # type: ignore[arg-type]
