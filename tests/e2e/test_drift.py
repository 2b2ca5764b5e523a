"""What changes behind the platform's back shows as a finding, and goes when reality returns. And what health tells."""

from __future__ import annotations

from functools import partial

import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, image, until

THIRD = "module-search"
QUICK = {"stableSeconds": 1}
EXPECTED = {
    API: ("ImageVersionMismatch", "1.4.2", "1.4.1", "High"),
    WORKER: ("ReplicaCountMismatch", "1", "3", "Medium"),
    THIRD: ("MissingService", "1.4.2", "absent", "Critical"),
}


def says(status: str, health: Json) -> bool:
    return bool(health["status"] == status)


def on(target: str) -> list[Json]:
    return [component(module, target=target) for module in (API, WORKER, THIRD)]


@pytest.mark.together
@pytest.mark.parametrize("target", ["aks", "container-apps"])
def test_every_kind_of_drift_shows_resolves_and_comes_back_as_the_same_finding(
    platform: Platform, tenant: Tenant, target: str
) -> None:
    environment_id = tenant.environment()
    assert tenant.release(environment_id, on(target), gate=QUICK)["status"] == "Completed"
    path = f"/drift/{environment_id}"
    clean = until(lambda: tenant.read(path), lambda one: one["lastScan"]["status"] == "Complete")
    assert clean["findings"] == []
    platform.control.change(environment_id, API, image=image(API, "1.4.1"))
    platform.control.change(environment_id, WORKER, replicas=3)
    platform.control.change(environment_id, THIRD, delete=True)
    found = until(lambda: tenant.read(path)["findings"], lambda findings: len(findings) == len(EXPECTED))
    seen = {one["serviceId"]: (one["kind"], one["desired"], one["actual"], one["severity"]) for one in found}
    assert seen == EXPECTED
    assert {one["status"] for one in found} == {"Open"}
    edited = "unknown" if target == "aks" else "deployment"  # a cluster keeps book of who wrote a field
    assert {one["serviceId"]: one["owner"] for one in found} == {API: edited, WORKER: edited, THIRD: "deployment"}
    again = until(lambda: tenant.read(path)["findings"], lambda findings: all(one["occurrences"] > 1 for one in findings))
    assert {one["findingId"] for one in again} == {one["findingId"] for one in found}, "one finding, seen again"
    assert all(one["firstSeenAt"] == one["detectedAt"] < one["lastSeenAt"] for one in again)
    inventory = tenant.listed(environment_id, EXPECTED)
    assert {row["version"] for row in inventory.values()} == {"1.4.2"}, "the inventory tells what was promoted"
    platform.control.change(environment_id, API, image=image(API, "1.4.2"))
    platform.control.change(environment_id, WORKER, replicas=1)
    until(lambda: tenant.read(path)["findings"], lambda findings: [one["serviceId"] for one in findings] == [THIRD])
    resolved = tenant.read(path, status="Resolved")["findings"]
    assert {one["serviceId"] for one in resolved} == {API, WORKER}
    assert tenant.release(environment_id, on(target), gate=QUICK)["status"] == "Completed", "what was deleted comes back"
    until(lambda: tenant.read(path)["findings"], lambda findings: findings == [])
    assert platform.control.running(environment_id) == {one: {image(one, "1.4.2")} for one in EXPECTED}
    platform.control.change(environment_id, API, image=image(API, "1.4.1"))
    [reopened] = until(lambda: tenant.read(path)["findings"], bool)
    assert reopened["status"] == "Reopened"
    assert reopened["findingId"] in {one["findingId"] for one in found}


@pytest.mark.together
def test_no_findings_is_not_the_same_as_not_scanned(tenant: Tenant) -> None:
    environment_id = tenant.provision().json()["environmentId"]
    drift = tenant.read(f"/drift/{environment_id}")
    assert drift["findings"] == []
    assert drift["lastScan"] == {"status": "Never", "notReached": []}
    tenant.provisioned(environment_id)


def test_health_is_unknown_before_the_first_look_and_then_as_it_is(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    with platform.control.fault("serviceBus"):  # no sweep without its messages
        assert tenant.release(environment_id, [component()], gate=QUICK)["status"] == "Completed"
        row = tenant.listed(environment_id, {API})[API]
        health = tenant.read(f"/services/{API}/health", environmentId=environment_id)
    assert (row["status"], row["stale"]) == ("Unknown", False)
    assert health == {"serviceId": API, "environmentId": environment_id, "status": "Unknown", "checks": []}
    assert tenant.healthy(API)["environmentId"] == environment_id


@pytest.mark.together
@pytest.mark.parametrize(("target", "module"), [("aks", API), ("container-apps", WORKER)])
def test_health_follows_the_workload(platform: Platform, tenant: Tenant, target: str, module: str) -> None:
    environment_id = tenant.environment()
    tenant.release(environment_id, [component(module, target=target)], gate=QUICK)
    tenant.healthy(module)
    path = f"/services/{module}/health"
    for status in ("Degraded", "Unhealthy"):
        platform.control.behave(environmentId=environment_id, status=status, httpStatus=200)
        seen = until(lambda: tenant.read(path), partial(says, status))
        assert {check["name"]: check["status"] for check in seen["checks"]}["sql"] == status
        assert seen["cause"] == "sql"
    row = until(lambda: tenant.listed(environment_id, {module})[module], lambda one: one["status"] == "Unhealthy")
    assert row["evaluatedAt"].endswith("Z")


@pytest.mark.together
def test_an_inventory_row_has_the_decided_fields(tenant: Tenant) -> None:
    environment_id = tenant.environment()
    done = tenant.release(environment_id, [component(replicas=2)], gate=QUICK)
    tenant.healthy(API)
    row = tenant.listed(environment_id, {API})[API]
    fields = {"serviceId", "target", "image", "version", "replicas", "status", "endpointUrl", "deploymentId", "source"}
    assert fields | {"observedAt", "generation", "stale", "evaluatedAt"} == row.keys()
    assert (row["replicas"], row["status"], row["stale"]) == (2, "Healthy", False)
    assert row["deploymentId"] == done["deploymentId"]


@pytest.mark.together
def test_a_service_in_several_environments_answers_from_the_highest_stage(tenant: Tenant) -> None:
    environments = {stage: tenant.environment(stage=stage) for stage in ("staging", "dev")}
    for stage in environments:
        tenant.release(environments[stage], [component()], gate=QUICK)
        tenant.listed(environments[stage], {API})
    assert tenant.read(f"/services/{API}/health")["environmentId"] == environments["staging"]
    named = tenant.read(f"/services/{API}/health", environmentId=environments["dev"])
    assert named["environmentId"] == environments["dev"]


@pytest.mark.together
def test_the_list_of_environments_carries_their_summaries(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    tenant.release(environment_id, [component(), component(WORKER, target="container-apps")], gate=QUICK)
    platform.control.behave(environmentId=environment_id, serviceId=WORKER, status="Unhealthy")
    platform.control.change(environment_id, API, image=image(API, "1.4.1"))

    def summary() -> Json:
        [one] = tenant.read("/environments")["environments"]
        return dict(one["summary"])

    seen = until(summary, lambda one: one["unhealthy"] == 1 and one["openFindings"] == 1)
    assert (seen["services"], seen["highestSeverity"]) == (2, "High")
    assert seen["stableReleaseRef"] == "release-2026.6.11"
    assert {"degraded", "unknown", "stale", "lastScan", "asOf"} <= seen.keys()
