"""Scaling policies: stored as asked for, enforced by the target's own autoscaler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.driving import API, WORKER, Json, Platform, Tenant, component, until
from tests.e2e.test_http import problem


@pytest.fixture(scope="module")
def scaled(platform: Platform) -> tuple[Tenant, str]:
    """A service on each target."""
    tenant = platform.fresh_tenant()
    environment_id = tenant.environment()
    components = [component(), component(WORKER, target="container-apps")]
    assert tenant.release(environment_id, components, gate={"stableSeconds": 1})["status"] == "Completed"
    return tenant, environment_id


@pytest.fixture(scope="module")
def cluster(platform: Platform) -> Iterator[httpx.Client]:
    """The cluster's API, as the written kubeconfig leads to it."""
    import ssl

    kubeconfig = json.loads((platform.data / "kubeconfig").read_text())
    trusted = ssl.create_default_context(cafile=kubeconfig["clusters"][0]["cluster"]["certificate-authority"])
    headers = {"Authorization": f"Bearer {kubeconfig['users'][0]['user']['token']}"}
    server = kubeconfig["clusters"][0]["cluster"]["server"]
    with httpx.Client(base_url=server, headers=headers, verify=trusted, trust_env=False) as client:
        yield client


def policy(scaled: tuple[Tenant, str], **changes: Any) -> httpx.Response:
    tenant, environment_id = scaled
    body = {
        "tenantId": tenant.tenant_id,
        "environmentId": environment_id,
        "serviceId": API,
        "target": "aks",
        "metric": "cpu",
        "minReplicas": 2,
        "maxReplicas": 20,
        "targetUtilizationPercent": 65,
        "scaleToZero": False,
    }
    return tenant.post("/scaling-policies", {**body, **changes})


def enforced(tenant: Tenant, ident: str) -> Json:
    return until(lambda: tenant.read(f"/scaling-policies/{ident}"), lambda one: one["enforcement"] != "Pending")


def test_a_policy_becomes_a_horizontal_pod_autoscaler(scaled: tuple[Tenant, str], cluster: httpx.Client) -> None:
    tenant, environment_id = scaled
    ident = policy(scaled).json()["scalingPolicyId"]
    shown = enforced(tenant, ident)
    assert shown["enforcement"] == "Enforced"
    wanted = {"metric": "cpu", "minReplicas": 2, "maxReplicas": 20, "targetUtilizationPercent": 65, "scaleToZero": False}
    assert shown["requested"] == shown["effective"] == wanted
    assert wanted.items() <= shown.items(), "the seed's fields stand beside them"
    every = cluster.get("/apis/autoscaling/v2/horizontalpodautoscalers").json()["items"]
    [found] = [one for one in every if one["metadata"]["namespace"].endswith(environment_id)]
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 20)
    assert found["spec"]["scaleTargetRef"]["name"] == API


def test_the_same_policy_again_is_200_with_the_same_id_and_another_201(scaled: tuple[Tenant, str]) -> None:
    first = policy(scaled, minReplicas=3)
    again = policy(scaled, minReplicas=3)
    other = policy(scaled, minReplicas=2)
    assert (again.status_code, other.status_code) == (200, 201)
    assert len({answer.json()["scalingPolicyId"] for answer in (first, again, other)}) == 1
    assert again.json().keys() == {"scalingPolicyId", "status", "traceId"}


def test_a_container_app_is_scaled_by_its_own_rules(scaled: tuple[Tenant, str], platform: Platform) -> None:
    tenant, environment_id = scaled
    changes = {"serviceId": WORKER, "target": "container-apps", "metric": "requests", "minReplicas": 2, "maxReplicas": 5}
    shown = enforced(tenant, policy(scaled, **changes).json()["scalingPolicyId"])
    assert shown["enforcement"] in ("Enforced", "Partial"), shown
    assert (shown["effective"]["minReplicas"], shown["effective"]["maxReplicas"]) == (2, 5)

    def ready() -> int:
        return sum(one["ready"] for one in platform.control.workloads(environment_id)[WORKER]["replicas"])

    until(ready, lambda count: count == 2)


def test_enforcing_is_an_operation_and_no_drift(scaled: tuple[Tenant, str]) -> None:
    tenant, environment_id = scaled
    enforced(tenant, policy(scaled).json()["scalingPolicyId"])
    kinds = {one["kind"] for one in tenant.read("/operations", environmentId=environment_id)["operations"]}
    assert "EnforceScaling" in kinds
    scanned = tenant.read(f"/drift/{environment_id}")["lastScan"].get("completedAt", "")
    later = until(
        lambda: tenant.read(f"/drift/{environment_id}"),
        lambda one: one["lastScan"]["status"] == "Complete" and one["lastScan"]["completedAt"] > scanned,
        30,
    )
    assert later["findings"] == []


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"minReplicas": 9, "maxReplicas": 3}, ["minReplicas"]),
        ({"minReplicas": 0}, ["minReplicas"]),
        ({"scaleToZero": True}, ["scaleToZero"]),
        ({"targetUtilizationPercent": 0}, ["targetUtilizationPercent"]),
        ({"targetUtilizationPercent": 101}, ["targetUtilizationPercent"]),
        ({"metric": "mood"}, ["metric"]),
        ({"maxReplicas": 1001}, ["maxReplicas"]),
    ],
    ids=str,
)
def test_numbers_that_cannot_be_are_named(scaled: tuple[Tenant, str], changes: dict[str, Any], paths: list[str]) -> None:
    assert list(problem(policy(scaled, **changes), 422, "ValidationFailed")["errors"]) == paths


def test_a_target_the_environment_has_not_is_not_enabled(scaled: tuple[Tenant, str]) -> None:
    problem(policy(scaled, target="functions"), 422, "TargetNotEnabled")
