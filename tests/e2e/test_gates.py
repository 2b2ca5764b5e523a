"""Nothing is promoted without evidence of its own, and what fails is taken back."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, image
from tests.e2e.observer import Observer
from tests.e2e.test_http import problem

GOOD = "1.4.2"
QUICK = {"stableSeconds": 1, "retryTimeoutSeconds": 3}
MEGABYTES = 5 * 1024 * 1024
# name -> (version that behaves so, the rule)
NEVER_PROMOTED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "unhealthy": ("2.0.0", {"status": "Unhealthy"}),
    "200 with an unhealthy body": ("2.0.1", {"status": "Unhealthy", "httpStatus": 200}),
    "degraded": ("2.0.2", {"status": "Degraded"}),
    "a redirect to what is healthy": ("2.0.3", {"redirectTo": "HEALTHY"}),
    "5 MB of a healthy body": ("2.0.4", {"rawBody": '{"status":"Healthy","checks":[],"more":"' + "x" * MEGABYTES + '"}'}),
    "HTML": ("2.0.5", {"rawBody": "<html><body>Healthy</body></html>"}),
    "never ready": ("2.0.6", {"neverReady": True}),
    "500 with a healthy body": ("2.0.7", {"httpStatus": 500}),
    "an answer after the timeout": ("2.0.8", {"delayMs": 30_000}),
    "no status in the body": ("2.0.9", {"rawBody": '{"checks":[]}'}),
    "an empty body": ("2.0.10", {"rawBody": ""}),
    "a status of its own": ("2.0.11", {"rawBody": '{"status":"Fine"}'}),
    "starts after the gate is over": ("2.0.12", {"startSeconds": 60}),
}


def both(version: str) -> list[Json]:
    return [component(API, version), component(WORKER, version, target="container-apps")]


def told(deployment: Json) -> list[tuple[str, int | None]]:
    """(phase, wave) of each entry of the history."""
    return [(entry["phase"], entry.get("wave")) for entry in deployment["rolloutHistory"]]


class Ground:
    """An environment in which the good version runs; one behaviour after the other is tried in it and taken back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._made: tuple[Tenant, str] | None = None

    def ready(self, platform: Platform) -> tuple[Tenant, str]:
        if self._made is None:
            tenant = platform.fresh_tenant()
            environment_id = tenant.environment()
            good = tenant.release(environment_id, both(GOOD), gate=QUICK)
            assert good["status"] == "Completed", good
            self._made = tenant, environment_id
        return self._made


GROUNDS = [Ground() for _ in range(4)]


@pytest.mark.together
@pytest.mark.parametrize("name", NEVER_PROMOTED)
def test_what_does_not_prove_its_health_is_never_promoted(platform: Platform, name: str) -> None:
    version, rule = NEVER_PROMOTED[name]
    if "redirectTo" in rule:
        rule = {**rule, "redirectTo": f"{platform.endpoints['control']}/health"}
    ground = GROUNDS[list(NEVER_PROMOTED).index(name) % len(GROUNDS)]
    with ground.lock:
        tenant, environment_id = ground.ready(platform)
        for module in (API, WORKER):
            platform.control.behave(environmentId=environment_id, image=image(module, version), **rule)
        tried = tenant.release(environment_id, both(version), gate=QUICK)
        running = platform.control.running(environment_id)
    assert (tried["status"], tried["phase"]) == ("RolledBack", "RolledBack"), tried
    assert tried["error"]["code"] in ("GateFailed", "GateInconclusive"), tried["error"]
    assert running == {module: {image(module, GOOD)} for module in (API, WORKER)}, "the earlier version really runs again"
    the_evidence_is_newer_than_the_apply(tried, version)
    each_phase_is_told_once(tried)


def the_evidence_is_newer_than_the_apply(tried: Json, version: str) -> None:
    history = tried["rolloutHistory"]
    rolling, gating = (next(one for one in history if one["phase"] == phase) for phase in ("RollingOut", "HealthGating"))
    samples = gating["gate"]["samples"]
    assert {sample["serviceId"] for sample in samples} == {API, WORKER}
    assert all(sample["evaluatedAt"] > rolling["endedAt"] for sample in samples)
    taken = [one for one in samples if one["status"] == "Healthy" and one["image"].endswith(f":{version}")]
    assert not taken, "no answer of the new revision was taken for health"
    assert gating["gate"]["verdict"] in ("Failed", "Inconclusive")
    assert [entry["phase"] for entry in history if "gate" in entry] == ["HealthGating"]


def each_phase_is_told_once(tried: Json) -> None:
    assert told(tried) == [
        ("Requested", None),
        ("Provisioning", None),
        ("Configuring", None),
        ("RollingOut", 0),
        ("HealthGating", 0),
        ("RollingBack", 0),
        ("RolledBack", None),
    ]
    assert all("endedAt" in entry for entry in tried["rolloutHistory"])


@pytest.mark.together
def test_an_automatic_rollback_is_told_once_and_holds_until_a_person_deploys(
    platform: Platform, tenant: Tenant, observer: Observer
) -> None:
    environment_id = tenant.environment()
    good = tenant.release(environment_id, both(GOOD), gate=QUICK)
    platform.control.behave(environmentId=environment_id, image=image(API, "3.1.0"), status="Unhealthy")
    tried = tenant.release(environment_id, both("3.1.0"), gate=QUICK)
    assert tried["status"] == "RolledBack", tried
    state = tenant.read(f"/environments/{environment_id}")
    assert state["stableDeploymentId"] == good["deploymentId"]
    assert state["hold"]["deploymentId"] == tried["deploymentId"]
    assert "activeOperationId" not in state
    assert {row["serviceId"]: row["version"] for row in state["inventory"]} == {API: GOOD, WORKER: GOOD}
    observer.wait(environment_id, "RuntimeDeploymentRolledBack")
    assert tenant.release(environment_id, [component(version="1.4.3")], gate=QUICK)["status"] == "Completed"
    assert "hold" not in tenant.read(f"/environments/{environment_id}")
    [event] = observer.wait(environment_id, "RuntimeDeploymentRolledBack")
    assert event.body["payload"]["deploymentId"] == tried["deploymentId"]
    assert event.body["payload"]["restored"] == good["deploymentId"]
    assert event.body["traceId"] == tried["traceId"]


@pytest.mark.together
def test_a_first_deployment_that_fails_leaves_nothing_running(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    platform.control.behave(environmentId=environment_id, status="Unhealthy")
    failed = tenant.release(environment_id, both("3.0.0"), gate=QUICK)
    assert (failed["status"], failed["phase"], failed["error"]["code"]) == ("Failed", "Failed", "NoStableSnapshot")
    assert failed["rolloutHistory"][-1]["phase"] == "Failed"
    assert not any(platform.control.running(environment_id).values())
    state = tenant.read(f"/environments/{environment_id}")
    assert (state["status"], state["inventory"]) == ("Provisioned", [])
    assert "stableDeploymentId" not in state
    operation = tenant.read(f"/operations/{failed['operationId']}")
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "NoStableSnapshot")


@pytest.mark.together
def test_waves_roll_out_one_after_the_other_and_are_taken_back_in_reverse(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    components = [component(API, GOOD, wave=1), component(WORKER, GOOD, target="container-apps", wave=3)]
    done = tenant.release(environment_id, components, gate=QUICK)
    waves = [("RollingOut", 1), ("HealthGating", 1), ("RollingOut", 3), ("HealthGating", 3)]
    assert told(done)[3:-2] == waves, done
    assert told(done)[-2:] == [("Promoting", None), ("Completed", None)]
    first, second = (entry for entry in done["rolloutHistory"] if entry["phase"] == "HealthGating")
    assert {one["serviceId"] for one in first["gate"]["samples"]} == {API}
    assert {one["serviceId"] for one in second["gate"]["samples"]} == {WORKER}
    assert first["endedAt"] <= second["startedAt"]
    platform.control.behave(environmentId=environment_id, image=image(WORKER, "4.0.0"), status="Unhealthy")
    components = [component(API, "4.0.0"), component(WORKER, "4.0.0", target="container-apps", wave=1)]
    tried = tenant.release(environment_id, components, gate=QUICK)
    assert told(tried)[-3:] == [("RollingBack", 1), ("RollingBack", 0), ("RolledBack", None)], tried
    assert platform.control.running(environment_id) == {module: {image(module, GOOD)} for module in (API, WORKER)}


@pytest.mark.together
def test_all_at_once_is_one_wave_with_the_same_gate(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    components = [component(API, wave=0), component(WORKER, target="container-apps", wave=1)]
    done = tenant.release(environment_id, components, strategy="AllAtOnce", gate=QUICK)
    gates = [entry for entry in done["rolloutHistory"] if entry["phase"] == "HealthGating"]
    assert len(gates) == 1, done["rolloutHistory"]
    assert {one["serviceId"] for one in gates[0]["gate"]["samples"]} == {API, WORKER}
    platform.control.behave(environmentId=environment_id, image=image(API, "4.1.0"), status="Unhealthy")
    tried = tenant.release(environment_id, [component(API, "4.1.0")], strategy="AllAtOnce", gate=QUICK)
    assert tried["status"] == "RolledBack"


@pytest.mark.together
def test_a_release_changes_what_it_names_and_a_manual_rollback_is_a_deployment_of_its_own(
    platform: Platform, tenant: Tenant
) -> None:
    environment_id = tenant.environment()
    first = tenant.release(environment_id, both(GOOD), gate=QUICK)
    second = tenant.release(environment_id, [component(API, "1.5.0")], gate=QUICK)
    assert platform.control.running(environment_id) == {API: {image(API, "1.5.0")}, WORKER: {image(WORKER, GOOD)}}
    inventory = tenant.listed(environment_id, {API, WORKER})
    assert {name: row["version"] for name, row in inventory.items()} == {API: "1.5.0", WORKER: GOOD}
    answer = tenant.post(f"/deployments/{second['deploymentId']}/rollback", {"reason": "customers complain"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body.keys() == {"deploymentId", "status", "rollbackOf", "traceId"}
    assert (body["status"], body["rollbackOf"]) == ("InProgress", second["deploymentId"])
    assert {"Location", "Operation-Location", "Retry-After"} <= {name.title() for name in answer.headers}
    done = tenant.ended(body["deploymentId"])
    assert (done["status"], done["rollbackOf"]) == ("Completed", second["deploymentId"]), done
    assert [entry["phase"] for entry in done["rolloutHistory"]] == [
        *("Requested", "Provisioning", "Configuring", "RollingOut", "HealthGating", "Promoting", "Completed"),
    ]
    assert tenant.read(f"/deployments/{second['deploymentId']}")["status"] == "Completed", "the one undone stays as it is"
    assert platform.control.running(environment_id) == {module: {image(module, GOOD)} for module in (API, WORKER)}
    assert tenant.read(f"/environments/{environment_id}")["stableDeploymentId"] == body["deploymentId"]
    operation = tenant.read(f"/operations/{done['operationId']}")
    assert (operation["kind"], operation["status"]) == ("RollbackDeployment", "Succeeded")
    problem(tenant.post(f"/deployments/{first['deploymentId']}/rollback", {}), 409, "NoStableSnapshot")
    unknown = {"toDeploymentId": "dep-0000000000000000"}
    problem(tenant.post(f"/deployments/{second['deploymentId']}/rollback", unknown), 422, "ValidationFailed")


@pytest.fixture(scope="module")
def ground(platform: Platform) -> tuple[Tenant, str]:
    """An environment for requests that are refused."""
    tenant = platform.fresh_tenant()
    return tenant, tenant.environment()


def test_a_target_that_the_environment_does_not_name_is_not_enabled(ground: tuple[Tenant, str]) -> None:
    tenant, environment_id = ground
    document = problem(tenant.deploy(environment_id, [component(target="functions")]), 422, "TargetNotEnabled")
    assert list(document["errors"]) == ["components[0].target"]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"image": "docker.io/library/nginx:1"}, "components[0].image"),
        ({"image": "acr.azurecr.io/reservations-api:latest"}, "components[0].image"),
        ({"image": "acr.azurecr.io/reservations-api"}, "components[0].image"),
        ({"dependsOn": [WORKER]}, "components[0].dependsOn"),
        ({"replicas": -1}, "components[0].replicas"),
        ({"env": {"1BAD": "x"}}, "components[0].env"),
    ],
    ids=str,
)
def test_a_component_that_cannot_be_is_named(ground: tuple[Tenant, str], more: dict[str, Any], path: str) -> None:
    tenant, environment_id = ground
    document = problem(tenant.deploy(environment_id, [{**component(), **more}]), 422, "ValidationFailed")
    assert list(document["errors"]) == [path]


@pytest.mark.together
def test_an_environment_that_is_not_ready_takes_no_deployment(tenant: Tenant) -> None:
    environment_id = tenant.provision().json()["environmentId"]
    problem(tenant.deploy(environment_id, [component()]), 409, "EnvironmentNotReady")
    tenant.provisioned(environment_id)
