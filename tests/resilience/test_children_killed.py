"""SIGKILL of the stand-ins' process and of the provisioner in mid-work: started again, and what was under way settles."""

from __future__ import annotations

import os
import signal

import grpc
import httpx

from tests.e2e.driving import Platform, Tenant, until
from tests.e2e.observer import Observer
from tests.resilience.evidence import (
    SOON,
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
from tests.resilience.processes import alive, children, kill, provisioner_of, until_back, until_started
from tests.resilience.releases import at, job_runs, over, two_services


def addresses(hurt: Platform, environment_id: str, names: set[str]) -> dict[str, str]:
    """url -> image, of every replica that answers."""
    rows = hurt.control.workloads(environment_id)
    replicas = [one for name in names for one in rows[name]["replicas"]]
    return {one["url"]: one["image"] for one in replicas if httpx.get(one["url"] + "/health", trust_env=False).is_success}


def test_a_deployment_outlives_the_stand_ins(hurt: Platform, resident: Tenant, home: str, observer: Observer) -> None:
    standing = two_services()
    completed(resident, home, standing)
    names = {one["moduleId"] for one in standing}
    before = addresses(hurt, home, names)
    assert set(before.values()) == {one["image"] for one in standing}

    wanted = two_services()
    ident = deploy(resident, home, wanted)
    at_phase(resident, f"/deployments/{ident}", lambda one: one["phase"] == "HealthGating")
    host, killed = children(hurt)["host"], kill(hurt, "services")
    until_back(hurt, "services", killed)

    assert addresses(hurt, home, names) == before
    seen = ended(resident, ident)
    assert seen["status"] == "Completed", seen
    assert children(hurt)["host"] == host
    completed(resident, home, at(wanted, "1.0.1"))
    events = gapless(observer, home, "RuntimeDeploymentCompleted", deploymentId=ident)
    assert types(events, deploymentId=ident)["RuntimeDeploymentCompleted"] == 1


def test_a_provision_outlives_the_stand_ins_and_the_provisioner_that_ends_with_them(
    hurt: Platform, tenant: Tenant, observer: Observer
) -> None:
    answer = tenant.provision()
    operation = operation_of(answer)
    at_phase(tenant, f"/operations/{operation}", job_runs)
    worker = provisioner_of(operation)
    assert worker is not None
    until_back(hurt, "services", kill(hurt, "services"))
    until(lambda: alive(worker), lambda one: not one, SOON)

    environment_id = tenant.provisioned(answer.json()["environmentId"])
    assert tenant.settled(operation)["status"] == "Succeeded"
    assert types(gapless(observer, environment_id, "RuntimeEnvironmentProvisioned"))["RuntimeEnvironmentProvisioned"] == 1
    completed(tenant, environment_id, two_services())


def test_a_provisioner_killed_in_mid_work_is_started_again(hurt: Platform, tenant: Tenant, observer: Observer) -> None:
    answer = tenant.provision()
    operation = operation_of(answer)
    at_phase(tenant, f"/operations/{operation}", job_runs)
    worker = provisioner_of(operation)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)

    look = patiently(lambda: tenant.read(f"/operations/{operation}"))
    assert until(look, lambda one: bool(one) and over(one), SOON)["status"] == "Succeeded"
    environment_id = answer.json()["environmentId"]
    assert len(created_once(hurt, environment_id.removeprefix("env-"))) == 11
    assert types(gapless(observer, environment_id, "RuntimeEnvironmentProvisioned"))["RuntimeEnvironmentProvisioned"] == 1


def test_the_grpc_face_comes_back_on_its_port_and_nobody_waits_for_it(hurt: Platform, resident: Tenant, home: str) -> None:
    ident = deploy(resident, home, two_services())
    until_started(hurt, "grpc", kill(hurt, "grpc"))
    with grpc.insecure_channel(hurt.endpoints["grpc"]) as channel:
        grpc.channel_ready_future(channel).result(SOON)
    assert ended(resident, ident)["status"] == "Completed"
