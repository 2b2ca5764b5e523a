"""SIGKILL of the Functions host at every point of a provision and of a deployment: both finish, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.driving import Json, Platform, Tenant, image, until
from tests.e2e.observer import Observer
from tests.resilience.evidence import (
    SOON,
    STRICT_GATE,
    at_phase,
    completed,
    created_once,
    deploy,
    ended,
    gapless,
    operation_of,
    patiently,
    types,
)
from tests.resilience.processes import kill, until_back, until_started
from tests.resilience.releases import at, over, two_services

RESOURCES = 11  # of an environment: what the engine makes through ARM


def reported(step: str) -> Callable[[Json], bool]:
    return lambda operation: any(one["name"] == step for one in operation["steps"])


def provisioned_once(platform: Platform, tenant: Tenant, observer: Observer, environment_id: str, operation: str) -> None:
    look = patiently(lambda: tenant.read(operation))
    assert until(look, lambda one: bool(one) and over(one), SOON)["status"] == "Succeeded"
    assert tenant.read(f"/environments/{environment_id}")["status"] == "Provisioned"
    until(lambda: tenant.read("/environments")["environments"], lambda listed: listed[0]["status"] == "Provisioned", SOON)
    created = created_once(platform, environment_id.removeprefix("env-"))
    assert len(created) == RESOURCES, created
    events = types(gapless(observer, environment_id, "RuntimeEnvironmentProvisioned"))
    assert events["RuntimeEnvironmentProvisioned"] == 1


def ended_once(platform: Platform, tenant: Tenant, observer: Observer, deployment: Json) -> None:
    """What holds after every deployment, whenever the host was killed."""
    environment_id, status = deployment["environmentId"], deployment["status"]
    for one in deployment["components"]:
        assert created_once(platform, one["moduleId"]), one
    ident = {"deploymentId": deployment["deploymentId"]}
    events = types(gapless(observer, environment_id, f"RuntimeDeployment{status}", **ident), **ident)
    assert events["RuntimeDeploymentRequested"] == 1
    assert events["RuntimeDeploymentCompleted"] == (status == "Completed")
    assert events["RuntimeDeploymentRolledBack"] == (status == "RolledBack")


def completed_once(platform: Platform, tenant: Tenant, observer: Observer, deployment_id: str) -> None:
    seen = ended(tenant, deployment_id)
    assert seen["status"] == "Completed", seen
    home, wanted = seen["environmentId"], {one["moduleId"]: one["image"] for one in seen["components"]}
    running = platform.control.running(home)
    assert {name: running[name] for name in wanted} == {name: {one} for name, one in wanted.items()}

    def inventory() -> dict[str, str]:
        return {row["serviceId"]: row["image"] for row in tenant.read(f"/environments/{home}")["inventory"]}

    until(inventory, lambda rows: wanted.items() <= rows.items(), SOON)
    ended_once(platform, tenant, observer, seen)


@pytest.mark.parametrize(
    ("job", "phases"),
    [
        pytest.param(None, None, id="just after the 202"),
        pytest.param("KeyVault", {"RollingOut"}, id="while the job runs and the targets are told"),
        pytest.param("Cluster", {"HealthGating"}, id="while the job ends and the gate judges"),
    ],
)
def test_a_provision_and_a_deployment_finish_once(
    job: str | None,
    phases: set[str] | None,
    hurt: Platform,
    tenant: Tenant,
    resident: Tenant,
    home: str,
    observer: Observer,
) -> None:
    answer = tenant.provision()
    operation = f"/operations/{operation_of(answer)}"
    if job is not None:
        at_phase(tenant, operation, reported(job))
    ident = deploy(resident, home, two_services())
    if phases is not None:
        at_phase(resident, f"/deployments/{ident}", lambda one: one["phase"] in phases)
    killed = kill(hurt, "host")

    provisioned_once(hurt, tenant, observer, answer.json()["environmentId"], operation)
    completed_once(hurt, resident, observer, ident)
    until_back(hurt, "host", killed)


def test_a_provision_ends_once_when_its_outcome_was_just_committed(
    hurt: Platform, tenant: Tenant, observer: Observer
) -> None:
    answer = tenant.provision()
    operation = f"/operations/{operation_of(answer)}"
    at_phase(tenant, operation, over)
    kill(hurt, "host")
    provisioned_once(hurt, tenant, observer, answer.json()["environmentId"], operation)


@pytest.mark.parametrize("phase", ["Promoting", "Completed"])
def test_a_deployment_ends_once(phase: str, hurt: Platform, resident: Tenant, home: str, observer: Observer) -> None:
    ident = deploy(resident, home, two_services())
    at_phase(resident, f"/deployments/{ident}", lambda one: one["phase"] == phase)
    kill(hurt, "host")
    completed_once(hurt, resident, observer, ident)


def test_a_host_that_dies_again_and_again_gets_there(
    hurt: Platform, resident: Tenant, home: str, observer: Observer
) -> None:
    ident = deploy(resident, home, two_services())
    for _ in range(3):
        until_started(hurt, "host", kill(hurt, "host"))
    completed_once(hurt, resident, observer, ident)


def test_an_apply_whose_answer_nobody_heard_is_not_made_twice(
    hurt: Platform, resident: Tenant, home: str, observer: Observer
) -> None:
    with hurt.control.fault("kubernetes", "slow"), hurt.control.fault("arm", "slow"):
        ident = deploy(resident, home, two_services())
        at_phase(resident, f"/deployments/{ident}", lambda one: one["phase"] == "RollingOut")
        kill(hurt, "host")
    completed_once(hurt, resident, observer, ident)


def test_what_replaced_something_is_taken_back_once(
    hurt: Platform, resident: Tenant, home: str, observer: Observer
) -> None:
    good = two_services()
    completed(resident, home, good)
    bad = at(good, "2.0.0")
    hurt.control.behave(image=bad[0]["image"], environmentId=home, status="Unhealthy")
    ident = deploy(resident, home, bad, STRICT_GATE)
    at_phase(resident, f"/deployments/{ident}", lambda one: one["phase"] == "RollingBack")
    kill(hurt, "host")

    seen = ended(resident, ident)
    assert seen["status"] == "RolledBack", seen
    running = hurt.control.running(home)
    names = [one["moduleId"] for one in good]
    assert {name: running[name] for name in names} == {name: {image(name, "1.0.0")} for name in names}
    ended_once(hurt, resident, observer, seen)
    completed(resident, home, at(good, "3.0.0"))


def test_what_was_new_is_taken_away_once(hurt: Platform, resident: Tenant, home: str, observer: Observer) -> None:
    bad = two_services()
    hurt.control.behave(image=bad[0]["image"], environmentId=home, status="Unhealthy")
    ident = deploy(resident, home, bad, STRICT_GATE)
    at_phase(resident, f"/deployments/{ident}", lambda one: one["phase"] in {"RollingBack", "RolledBack"})
    kill(hurt, "host")

    seen = ended(resident, ident)
    assert seen["status"] in {"RolledBack", "Failed"}, seen
    running = hurt.control.running(home)
    assert not any(running.get(one["moduleId"]) for one in bad), running
    if seen["status"] == "RolledBack":
        ended_once(hurt, resident, observer, seen)
