"""Nothing is promoted without evidence of its own, and what fails is taken back.

The scenarios run at the same time in environments of their own; each test then looks at one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, image, until
from tests.e2e.observer import Observer
from tests.e2e.test_http import problem

GOOD = "1.4.2"
QUICK = {"stableSeconds": 1, "retryTimeoutSeconds": 3}
MEGABYTES = 5 * 1024 * 1024
# name -> (version that behaves so, the rule); each version is deployed by one scenario only
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


@dataclass(frozen=True)
class Scenario:
    """One environment: what ran, what was tried, and what was seen when it had ended."""

    tenant: Tenant
    environment_id: str
    good: Json
    tried: Json
    running: dict[str, set[str]]


def both(version: str) -> list[Json]:
    return [component(API, version), component(WORKER, version, target="container-apps")]


def play(platform: Platform, version: str) -> Scenario:
    tenant = platform.fresh_tenant()
    environment_id = tenant.environment()
    good = tenant.release(environment_id, both(GOOD), seconds=120, gate=QUICK)
    tried = tenant.release(environment_id, both(version), seconds=120, gate=QUICK)
    return Scenario(tenant, environment_id, good, tried, platform.control.running(environment_id))


@pytest.fixture(scope="module")
def scenarios(platform: Platform) -> dict[str, Future[Scenario]]:
    """Every scenario, a few at a time, so that two cores keep the gates' time."""
    healthy = f"{platform.endpoints['control']}/health"
    for version, rule in NEVER_PROMOTED.values():
        if "redirectTo" in rule:
            rule = {**rule, "redirectTo": healthy}
        for module in (API, WORKER):
            platform.control.behave(image=image(module, version), **rule)
    with ThreadPoolExecutor(5) as pool:
        return {name: pool.submit(play, platform, version) for name, (version, _) in NEVER_PROMOTED.items()}


@pytest.mark.parametrize("name", NEVER_PROMOTED)
def test_what_does_not_prove_its_health_is_never_promoted(scenarios: dict[str, Future[Scenario]], name: str) -> None:
    scenario = scenarios[name].result()
    assert scenario.good["status"] == "Completed", scenario.good
    tried = scenario.tried
    assert (tried["status"], tried["phase"]) == ("RolledBack", "RolledBack"), tried
    assert tried["error"]["code"] in ("GateFailed", "GateInconclusive"), tried["error"]
    assert scenario.running == {module: {image(module, GOOD)} for module in (API, WORKER)}, "the earlier version runs again"


@pytest.mark.parametrize("name", NEVER_PROMOTED)
def test_the_stored_evidence_is_newer_than_the_apply(scenarios: dict[str, Future[Scenario]], name: str) -> None:
    history = scenarios[name].result().tried["rolloutHistory"]
    rolling, gating = (next(one for one in history if one["phase"] == phase) for phase in ("RollingOut", "HealthGating"))
    samples = gating["gate"]["samples"]
    assert {sample["serviceId"] for sample in samples} == {API, WORKER}
    assert all(sample["evaluatedAt"] > rolling["endedAt"] for sample in samples)
    version = NEVER_PROMOTED[name][0]
    bad = [sample for sample in samples if sample["status"] == "Healthy" and sample["image"].endswith(f":{version}")]
    assert not bad, "no answer of the new revision was taken for health"
    assert gating["gate"]["verdict"] in ("Failed", "Inconclusive")


@pytest.mark.parametrize("name", NEVER_PROMOTED)
def test_the_history_tells_each_phase_once_and_ends_with_the_outcome(
    scenarios: dict[str, Future[Scenario]], name: str
) -> None:
    history = scenarios[name].result().tried["rolloutHistory"]
    told = [(entry["phase"], entry.get("wave")) for entry in history]
    assert told == [
        ("Requested", None),
        ("Provisioning", None),
        ("Configuring", None),
        ("RollingOut", 0),
        ("HealthGating", 0),
        ("RollingBack", 0),
        ("RolledBack", None),
    ]
    assert all("endedAt" in entry for entry in history)
    assert [entry["phase"] for entry in history if "gate" in entry] == ["HealthGating"]


@pytest.fixture(scope="module")
def rolled_back(scenarios: dict[str, Future[Scenario]]) -> Scenario:
    return scenarios["unhealthy"].result()


def test_an_automatic_rollback_puts_the_environment_on_hold(rolled_back: Scenario) -> None:
    state = rolled_back.tenant.read(f"/environments/{rolled_back.environment_id}")
    assert state["stableDeploymentId"] == rolled_back.good["deploymentId"]
    assert state["hold"]["deploymentId"] == rolled_back.tried["deploymentId"]
    assert "activeOperationId" not in state
    versions = {row["serviceId"]: row["version"] for row in state["inventory"]}
    assert versions == {API: GOOD, WORKER: GOOD}


def test_a_rollback_is_told_by_exactly_one_event(rolled_back: Scenario, observer: Observer) -> None:
    [event] = observer.wait(rolled_back.environment_id, "RuntimeDeploymentRolledBack")
    assert event.body["payload"]["deploymentId"] == rolled_back.tried["deploymentId"]
    assert event.body["payload"]["restored"] == rolled_back.good["deploymentId"]
    assert event.body["traceId"] == rolled_back.tried["traceId"]


def test_a_person_may_deploy_in_spite_of_the_hold_and_lifts_it(rolled_back: Scenario) -> None:
    """Last of the tests on this scenario: it moves on."""
    tenant, environment_id = rolled_back.tenant, rolled_back.environment_id
    assert tenant.release(environment_id, [component(version="1.4.3")])["status"] == "Completed"
    assert "hold" not in tenant.read(f"/environments/{environment_id}")


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


def test_waves_roll_out_one_after_the_other(tenant: Tenant) -> None:
    environment_id = tenant.environment()
    components = [component(API, wave=1), component(WORKER, target="container-apps", wave=3)]
    done = tenant.release(environment_id, components, gate=QUICK)
    told = [(entry["phase"], entry.get("wave")) for entry in done["rolloutHistory"]]
    waves = [("RollingOut", 1), ("HealthGating", 1), ("RollingOut", 3), ("HealthGating", 3)]
    assert told[3:-2] == waves, told
    assert told[-2:] == [("Promoting", None), ("Completed", None)]
    first, second = (entry for entry in done["rolloutHistory"] if entry["phase"] == "HealthGating")
    assert {one["serviceId"] for one in first["gate"]["samples"]} == {API}
    assert {one["serviceId"] for one in second["gate"]["samples"]} == {WORKER}
    assert first["endedAt"] <= second["startedAt"]


def test_a_failing_second_wave_takes_both_back_in_reverse(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    tenant.release(environment_id, both(GOOD), gate=QUICK)
    platform.control.behave(environmentId=environment_id, image=image(WORKER, "4.0.0"), status="Unhealthy")
    components = [component(API, "4.0.0"), component(WORKER, "4.0.0", target="container-apps", wave=1)]
    tried = tenant.release(environment_id, components, gate=QUICK)
    told = [(entry["phase"], entry.get("wave")) for entry in tried["rolloutHistory"]]
    assert told[-3:] == [("RollingBack", 1), ("RollingBack", 0), ("RolledBack", None)], told
    assert platform.control.running(environment_id) == {module: {image(module, GOOD)} for module in (API, WORKER)}


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


def test_a_deployment_changes_only_what_it_names(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    tenant.release(environment_id, both(GOOD), gate=QUICK)
    tenant.release(environment_id, [component(API, "1.5.0")], gate=QUICK)
    assert platform.control.running(environment_id) == {API: {image(API, "1.5.0")}, WORKER: {image(WORKER, GOOD)}}
    rows = until(
        lambda: tenant.listed(environment_id, {API, WORKER}), lambda inventory: inventory[API]["version"] == "1.5.0"
    )
    assert rows[WORKER]["version"] == GOOD


def test_a_manual_rollback_is_a_deployment_of_its_own(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment()
    first = tenant.release(environment_id, both(GOOD), gate=QUICK)
    second = tenant.release(environment_id, both("1.5.0"), gate=QUICK)
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


@pytest.mark.parametrize("target", ["functions", "app-service"])
def test_targets_of_a_later_issue_are_not_enabled(tenant: Tenant, target: str) -> None:
    environment_id = tenant.environment(computeTargets=["aks", "container-apps", "functions", "app-service"])
    document = problem(tenant.deploy(environment_id, [component(target=target)]), 422, "TargetNotEnabled")
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
def test_a_component_that_cannot_be_is_named(tenant: Tenant, more: dict[str, Any], path: str) -> None:
    environment_id = tenant.environment()
    document = problem(tenant.deploy(environment_id, [{**component(), **more}]), 422, "ValidationFailed")
    assert list(document["errors"]) == [path]


def test_pausing_gates_are_of_a_later_issue(tenant: Tenant) -> None:
    environment_id = tenant.environment()
    answer = tenant.deploy(environment_id, [component()], gate={"onFailure": "Pause"})
    assert list(problem(answer, 422, "ValidationFailed")["errors"]) == ["gate.onFailure"]


def test_an_environment_that_is_not_ready_takes_no_deployment(tenant: Tenant) -> None:
    environment_id = tenant.provision().json()["environmentId"]
    problem(tenant.deploy(environment_id, [component()]), 409, "EnvironmentNotReady")
    tenant.provisioned(environment_id)
