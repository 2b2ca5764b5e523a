"""The platform on a real Kubernetes: what it releases runs there, scales, is taken back, and outlives kills under it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from localazure.kubernetes_real import binaries
from tests.e2e.driving import API, Platform, Tenant, component, image, started, until
from tests.resilience.evidence import STRICT_GATE, at_phase, completed, deploy, ended
from tests.resilience.processes import children, kill, tree, until_back, until_started

pytestmark = pytest.mark.real_kubernetes
SOON = 60.0  # seconds


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    if absent := binaries.missing():
        pytest.skip(f"no real Kubernetes here ({', '.join(absent)} not built): run `make tools`")
    with started(tmp_path_factory.mktemp("real") / "data", "--kubernetes", "real") as running:
        yield running


@pytest.fixture(scope="module")
def place(real: Platform) -> tuple[Tenant, str]:
    """A tenant, and an environment of it whose one service runs in 1.0.0."""
    tenant = real.fresh_tenant()
    environment_id = tenant.environment(computeTargets=["aks"])
    completed(tenant, environment_id, release("1.0.0"))
    assert real.control.running(environment_id) == {API: {image(API, "1.0.0")}}
    return tenant, environment_id


def release(version: str) -> list[Any]:
    return [component(API, version, "aks")]


def ready(real: Platform, environment_id: str) -> list[str]:
    """The addresses of the service's ready replicas, each of which answers."""
    rows = [one for one in real.control.workloads(environment_id)[API]["replicas"] if one["ready"]]
    assert all(httpx.get(f"{one['url']}/health", trust_env=False).is_success for one in rows)
    return [one["url"] for one in rows]


def test_a_release_outlives_the_api_server_and_the_nodes(real: Platform, place: tuple[Tenant, str]) -> None:
    tenant, environment_id = place
    ident = deploy(tenant, environment_id, release("1.1.0"))
    at_phase(tenant, f"/deployments/{ident}", lambda one: one["phase"] == "HealthGating")
    guard = children(real)["kube-apiserver"]
    os.kill(tree(guard)[1], signal.SIGKILL)  # the server itself, and not who keeps it
    nodes = kill(real, "services")
    until_started(real, "kube-apiserver", guard, SOON)
    until_back(real, "services", nodes)
    seen = ended(tenant, ident)
    assert seen["status"] == "Completed", seen
    assert real.control.running(environment_id) == {API: {image(API, "1.1.0")}}
    assert ready(real, environment_id)
    assert {"etcd", "kube-apiserver", "services"} <= children(real).keys()


def test_a_release_that_turns_unhealthy_is_taken_back(real: Platform, place: tuple[Tenant, str]) -> None:
    tenant, environment_id = place
    before = real.control.running(environment_id)
    real.control.behave(environmentId=environment_id, image=image(API, "1.2.0"), status="Unhealthy")
    seen = ended(tenant, deploy(tenant, environment_id, release("1.2.0"), STRICT_GATE))
    assert seen["status"] == "RolledBack", seen
    assert real.control.running(environment_id) == before


def test_a_policy_makes_the_clusters_own_autoscaler_follow_the_load(real: Platform, place: tuple[Tenant, str]) -> None:
    tenant, environment_id = place
    body = {
        "tenantId": tenant.tenant_id,
        "environmentId": environment_id,
        "serviceId": API,
        "target": "aks",
        "metric": "cpu",
        "minReplicas": 1,
        "maxReplicas": 6,
        "targetUtilizationPercent": 50,
        "scaleToZero": False,
    }
    assert tenant.post("/scaling-policies", body).is_success
    real.control.post("/workloads/load", environmentId=environment_id, serviceId=API, metric="cpu", value=200)
    until(lambda: ready(real, environment_id), lambda found: len(found) == 4, SOON)
