"""The seed's five examples, verbatim and in order; and the answers' exact fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import httpx
import pytest

from tests.e2e.driving import Json, Platform, Tenant, until

SEED_ENVIRONMENT = {
    "tenantId": "connectsoft",
    "projectId": "proj-booking-saas",
    "name": "booking-prod-weu",
    "stage": "prod",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps", "functions", "app-service"],
}
SEED_COMPONENTS = [
    {"moduleId": "module-reservations-api", "image": "acr.azurecr.io/reservations-api:1.4.2", "target": "aks"},
    {"moduleId": "module-billing-worker", "image": "acr.azurecr.io/billing-worker:1.4.2", "target": "container-apps"},
]
PHASES = ["Requested", "Provisioning", "Configuring", "RollingOut", "HealthGating", "Promoting", "Completed"]
TRACE = re.compile(r"trace-[0-9a-f]{32}")


@dataclass(frozen=True)
class Seed:
    """The seed's answers, in the order of its examples."""

    tenant: Tenant
    provision: httpx.Response
    operation: Json
    environment_id: str
    deploy: httpx.Response
    deployment: Json
    health: Json
    scaling: httpx.Response
    drift: httpx.Response


@pytest.fixture(scope="module")
def seed(platform: Platform) -> Seed:
    tenant = platform.tenant("connectsoft")
    provision = tenant.post("/environments", SEED_ENVIRONMENT)
    assert provision.status_code == 202, provision.text
    environment_id = provision.json()["environmentId"]
    operation = tenant.settled(provision.headers["Operation-Location"].rpartition("/")[2])
    about = {"tenantId": "connectsoft", "environmentId": environment_id}
    configuration = tenant.post("/configurations", {**about, "values": {"LOG_LEVEL": "info"}}).json()
    release = {
        **about,
        "releaseRef": "release-2026.6.11",
        "components": SEED_COMPONENTS,
        "configurationId": configuration["configurationId"],
        "strategy": "RollingHealthGated",
    }
    deploy = tenant.request("POST", "/runtime/deployments", json=release)
    assert deploy.status_code == 202, deploy.text
    deployment = tenant.ended(deploy.json()["deploymentId"])
    health = tenant.healthy("module-reservations-api")
    policy = {
        **about,
        "serviceId": "module-reservations-api",
        "target": "aks",
        "metric": "cpu",
        "minReplicas": 2,
        "maxReplicas": 20,
        "targetUtilizationPercent": 65,
        "scaleToZero": False,
    }
    scaling = tenant.post("/scaling-policies", policy)
    drift = tenant.get(f"/drift/{environment_id}")
    return Seed(tenant, provision, operation, environment_id, deploy, deployment, health, scaling, drift)


def test_provisioning_is_accepted_with_the_seeds_four_fields(seed: Seed) -> None:
    body = seed.provision.json()
    assert set(body) == {"environmentId", "status", "traceId", "pulumiStackRef"}
    assert (body["status"], body["pulumiStackRef"]) == ("Provisioning", "booking-prod-weu")
    assert re.fullmatch(r"env-[0-9a-f]{16}", body["environmentId"])
    assert TRACE.fullmatch(body["traceId"])


def test_an_accepted_request_says_where_to_look_and_when(seed: Seed, platform: Platform) -> None:
    for answer, resource in ((seed.provision, seed.environment_id), (seed.deploy, seed.deploy.json()["deploymentId"])):
        assert answer.headers["Location"].endswith(f"/{resource}")
        assert answer.headers["Operation-Location"].startswith(f"{platform.endpoints['api']}/v1/runtime/operations/op-")
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_operation_succeeds_with_its_steps(seed: Seed) -> None:
    operation = seed.operation
    assert (operation["kind"], operation["status"], operation["attempt"]) == ("ProvisionEnvironment", "Succeeded", 1)
    assert operation["steps"], operation
    assert {step["status"] for step in operation["steps"]} == {"Succeeded"}
    assert all(step["startedAt"] <= step["endedAt"] for step in operation["steps"])
    assert operation["requestedBy"] == "local-operator"
    assert operation["resourceLocation"] == f"/v1/runtime/environments/{seed.environment_id}"
    assert operation["request"]["name"] == "booking-prod-weu"
    assert operation["decisionId"]
    assert operation["traceId"] == seed.provision.json()["traceId"]
    assert "error" not in operation


def test_the_environment_is_provisioned_with_what_it_is_made_of(seed: Seed) -> None:
    state = seed.tenant.read(f"/environments/{seed.environment_id}")
    assert SEED_ENVIRONMENT.items() <= state.items()
    assert state["status"] == "Provisioned"
    assert state["binding"] == {"status": "Active"}
    assert state["stableDeploymentId"] == seed.deployment["deploymentId"]
    assert state["outputs"]["vaultUri"].rstrip("/").endswith(".vault.azure.net")
    assert set(state["placement"]) == {"subscriptionId", "resourceGroup"}
    assert TRACE.fullmatch(state["traceId"])


def test_the_deployment_is_accepted_with_the_seeds_three_fields(seed: Seed) -> None:
    body = seed.deploy.json()
    assert set(body) == {"deploymentId", "status", "traceId"}
    assert body["status"] == "InProgress"
    assert body["deploymentId"].startswith(f"dep-{seed.environment_id.removeprefix('env-')}")


def test_the_deployment_completes_through_every_phase(seed: Seed) -> None:
    deployment = seed.deployment
    assert (deployment["status"], deployment["phase"]) == ("Completed", "Completed")
    history = deployment["rolloutHistory"]
    assert [entry["phase"] for entry in history] == PHASES
    assert [entry.get("wave") for entry in history] == [None, None, None, 0, 0, None, None]
    assert [entry["phase"] for entry in history if "gate" in entry] == ["HealthGating"]
    assert all(datetime.fromisoformat(entry["startedAt"]) for entry in history)


def test_the_deployment_shows_the_request_and_its_outcome(seed: Seed) -> None:
    deployment = seed.deployment
    for asked, shown in zip(SEED_COMPONENTS, deployment["components"], strict=True):
        assert asked.items() <= shown.items()
    assert deployment["releaseRef"] == "release-2026.6.11"
    assert deployment["strategy"] == "RollingHealthGated"
    assert deployment["requestedBy"] == "local-operator"
    assert re.fullmatch(r"[0-9a-f]{64}", deployment["contentHash"].removeprefix("sha256:"))
    assert deployment["createdAt"] < deployment["endedAt"]
    assert "error" not in deployment


def test_the_service_is_healthy_with_its_checks(seed: Seed) -> None:
    health = seed.health
    assert set(health) == {"serviceId", "environmentId", "status", "checks", "evaluatedAt"}
    assert (health["serviceId"], health["environmentId"]) == ("module-reservations-api", seed.environment_id)
    assert health["checks"] == [
        {"name": "self", "status": "Healthy"},
        {"name": "sql", "status": "Healthy", "durationMs": 12},
        {"name": "service-bus", "status": "Healthy", "durationMs": 8},
    ]
    assert health["evaluatedAt"].endswith("Z")


def test_the_scaling_policy_is_applied_with_the_seeds_three_fields(seed: Seed) -> None:
    assert seed.scaling.status_code == 201, seed.scaling.text
    body = seed.scaling.json()
    assert set(body) == {"scalingPolicyId", "status", "traceId"}
    assert body["status"] == "Applied"


def test_nothing_drifts(seed: Seed) -> None:
    assert seed.drift.status_code == 200
    body = seed.drift.json()
    assert (body["environmentId"], body["findings"]) == (seed.environment_id, [])
    assert set(body) == {"environmentId", "findings", "lastScan"}


def test_a_foreign_image_shows_as_the_seeds_finding(seed: Seed, platform: Platform) -> None:
    image = "acr.azurecr.io/reservations-api:1.4.1"
    platform.control.change(seed.environment_id, "module-reservations-api", image=image)
    path = f"/drift/{seed.environment_id}"
    [finding] = until(lambda: seed.tenant.read(path)["findings"], bool)
    expected = {
        "serviceId": "module-reservations-api",
        "kind": "ImageVersionMismatch",
        "desired": "1.4.2",
        "actual": "1.4.1",
        "severity": "High",
    }
    assert expected.items() <= finding.items()
    assert finding["findingId"].startswith("drift-")
    assert finding["detectedAt"].endswith("Z")


def test_the_inventory_lists_what_was_promoted(seed: Seed) -> None:
    inventory = {row["serviceId"]: row for row in seed.tenant.read(f"/environments/{seed.environment_id}")["inventory"]}
    assert set(inventory) == {one["moduleId"] for one in SEED_COMPONENTS}
    for asked in SEED_COMPONENTS:
        row = inventory[asked["moduleId"]]
        assert (row["image"], row["target"], row["version"]) == (asked["image"], asked["target"], "1.4.2")
        assert row["deploymentId"] == seed.deployment["deploymentId"]
        assert row["source"] == "deployment"
