"""One release across all four targets: all of it, or nothing of it."""

from __future__ import annotations

import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, image

NOTIFY, PORTAL = "module-notify-function", "module-portal"
PLACES = {API: "aks", WORKER: "container-apps", NOTIFY: "functions", PORTAL: "app-service"}
TARGETS = list(PLACES.values())
QUICK = {"stableSeconds": 1, "retryTimeoutSeconds": 6}


def everywhere(version: str, **more: Json) -> list[Json]:
    return [component(module, version, target, **more.get(target, {})) for module, target in PLACES.items()]


def of(version: str) -> dict[str, set[str]]:
    return {module: {image(module, version)} for module in PLACES}


@pytest.mark.together
def test_one_release_runs_on_all_four_targets_and_is_listed_with_its_tags(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment(computeTargets=TARGETS)
    done = tenant.release(environment_id, everywhere("1.4.2"), gate=QUICK)
    assert done["status"] == "Completed", done
    assert platform.control.running(environment_id) == of("1.4.2")
    rows = tenant.listed(environment_id, PLACES)
    assert {name: (row["target"], row["version"]) for name, row in rows.items()} == {
        module: (target, "1.4.2") for module, target in PLACES.items()
    }
    again = tenant.release(environment_id, everywhere("1.4.3"), gate=QUICK)
    assert again["status"] == "Completed", again
    assert platform.control.running(environment_id) == of("1.4.3")
    back = tenant.post(f"/deployments/{again['deploymentId']}/rollback", {}).json()["deploymentId"]
    assert tenant.ended(back)["status"] == "Completed"
    assert platform.control.running(environment_id) == of("1.4.2")


@pytest.mark.together
def test_a_failure_on_the_third_of_four_targets_takes_all_back(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment(computeTargets=TARGETS)
    waves = {target: {"wave": number} for number, target in enumerate(TARGETS)}
    assert tenant.release(environment_id, everywhere("1.4.2"), gate=QUICK)["status"] == "Completed"
    platform.control.behave(environmentId=environment_id, image=image(NOTIFY, "1.5.0"), status="Unhealthy")
    tried = tenant.release(environment_id, everywhere("1.5.0", **waves), gate=QUICK)
    assert tried["status"] == "RolledBack", tried
    gated = [entry["wave"] for entry in tried["rolloutHistory"] if entry["phase"] == "HealthGating"]
    assert gated == [0, 1, 2]
    assert platform.control.running(environment_id) == of("1.4.2")


@pytest.mark.together
def test_a_first_release_that_fails_leaves_nothing_on_any_target(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment(computeTargets=TARGETS)
    platform.control.behave(environmentId=environment_id, image=image(NOTIFY, "1.0.0"), neverReady=True)
    tried = tenant.release(environment_id, everywhere("1.0.0"), gate=QUICK)
    assert (tried["status"], tried["error"]["code"]) == ("Failed", "NoStableSnapshot"), tried
    assert platform.control.running(environment_id) == {}


@pytest.mark.together
def test_an_image_that_no_registry_has_fails_before_anything_is_touched(platform: Platform, tenant: Tenant) -> None:
    environment_id = tenant.environment(computeTargets=TARGETS)
    assert tenant.release(environment_id, everywhere("1.4.2"), gate=QUICK)["status"] == "Completed"
    wanted = [component(API, "1.5.0"), component(PORTAL, "missing-1", "app-service")]
    tried = tenant.release(environment_id, wanted, gate=QUICK)
    assert (tried["status"], tried["error"]["code"]) == ("Failed", "ImageNotFound"), tried
    assert image(PORTAL, "missing-1") in tried["error"]["message"]
    assert "hold" not in tenant.read(f"/environments/{environment_id}")
    assert platform.control.running(environment_id) == of("1.4.2")
