"""The policy point decides on production, and nothing happens without its word."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.e2e.driving import Platform, Tenant, component
from tests.e2e.routing import BODIES
from tests.e2e.rows import Rows
from tests.e2e.test_http import problem

SWEPT = ("health", "scan", "slot", "seq", "rev", "infra", "looking")
FOLLOWING = ("log-", "out-", "in-", "svc-", "drift-")  # rows of what the platform tells, and of what follows from it


@pytest.fixture(scope="module")
def production(platform: Platform) -> tuple[Tenant, str]:
    """A production environment with a stable release that has a predecessor."""
    tenant = platform.fresh_tenant()
    environment_id = tenant.environment(stage="prod")
    for version in ("1.4.1", "1.4.2"):
        assert tenant.release(environment_id, [component(version=version)])["status"] == "Completed"
    return tenant, environment_id


def governed(tenant: Tenant, environment_id: str) -> dict[str, Any]:
    """Every governed change of a production environment, each ready to be sent."""
    vault = tenant.read(f"/environments/{environment_id}")["outputs"]["vaultUri"]
    tenant.platform.control.set_secret(vault, "db", "never shown")
    bind = {**BODIES["/secret-bindings"](tenant.tenant_id, environment_id), "vaultUri": vault}
    stable = tenant.read(f"/environments/{environment_id}")["stableDeploymentId"]
    return {
        "deploy": lambda: tenant.deploy(environment_id, [component(version="1.4.3")]),
        "rollback": lambda: tenant.post(f"/deployments/{stable}/rollback", {}),
        "bind": lambda: tenant.post("/secret-bindings", bind),
        "scale": lambda: tenant.post("/scaling-policies", BODIES["/scaling-policies"](tenant.tenant_id, environment_id)),
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Keys of what came, went or became different, but for what the sweeps write by themselves."""
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    own = {key for key in keys if key.startswith("log-") and not after[key]["actor"].endswith("-sweep")}
    return own | {key for key in keys if key not in SWEPT and not key.startswith(FOLLOWING)}


def test_the_rules_deny_a_production_that_is_no_silo(tenant: Tenant, rows: Rows) -> None:
    document = problem(tenant.provision(stage="prod", isolationModel="pool"), 403, "PolicyDenied")
    assert document["reasons"] == ["a production environment must be isolated as a silo"]
    assert document["decisionId"]
    assert document["obligations"] == {}
    [entry] = rows.log(tenant.tenant_id)
    assert (entry["outcome"], entry["code"], entry["decisionId"]) == ("Denied", "PolicyDenied", document["decisionId"])


def test_the_rules_deny_a_region_outside_the_list_and_name_every_reason(tenant: Tenant) -> None:
    document = problem(tenant.provision(stage="prod", region="moonbase", isolationModel="shared"), 403, "PolicyDenied")
    assert len(document["reasons"]) == 2


def test_what_is_not_production_needs_no_decision(platform: Platform, tenant: Tenant) -> None:
    with platform.control.policy(False):
        assert tenant.provision(stage="staging", isolationModel="pool").status_code == 202


@pytest.mark.parametrize("change", ["deploy", "rollback", "bind", "scale"])
def test_a_denial_stops_every_governed_change(
    platform: Platform, production: tuple[Tenant, str], rows: Rows, change: str
) -> None:
    tenant, environment_id = production
    attempt = governed(tenant, environment_id)[change]
    before = rows.of_environment(tenant.tenant_id, environment_id)
    with platform.control.policy(False, reasons=["not on a Friday"]):
        document = problem(attempt(), 403, "PolicyDenied")
    assert document["reasons"] == ["not on a Friday"]
    assert document["decisionId"]
    only_logged(before, rows.of_environment(tenant.tenant_id, environment_id), "Denied", "PolicyDenied")


def test_an_approval_obligation_is_named(platform: Platform, production: tuple[Tenant, str]) -> None:
    tenant, environment_id = production
    with platform.control.policy(False, reasons=["two pairs of eyes"], obligations={"approval": {"by": "release-board"}}):
        answer = governed(tenant, environment_id)["deploy"]()
    document = problem(answer, 403, "PolicyApprovalRequired")
    assert document["obligations"] == {"approval": {"by": "release-board"}}
    assert document["reasons"] == ["two pairs of eyes"]


@pytest.mark.parametrize("mode", ["down", "error"])
@pytest.mark.parametrize("change", ["deploy", "rollback", "bind", "scale"])
def test_without_the_policy_point_nothing_is_started(
    platform: Platform, production: tuple[Tenant, str], rows: Rows, mode: str, change: str
) -> None:
    tenant, environment_id = production
    attempt = governed(tenant, environment_id)[change]
    before = rows.of_environment(tenant.tenant_id, environment_id)
    with platform.control.fault("policy", mode):
        unavailable(attempt())
    only_logged(before, rows.of_environment(tenant.tenant_id, environment_id), "Failed", "DependencyUnavailable")


def test_without_the_policy_point_no_environment_is_made(platform: Platform, tenant: Tenant, rows: Rows) -> None:
    made = platform.control.traffic("arm", "PUT", "/resourcegroups/")
    with platform.control.fault("policy", "down"):
        unavailable(tenant.provision(stage="prod", name="never"))
    [(partition, kept)] = rows.partitions(tenant.tenant_id).items()
    assert partition == f"{tenant.tenant_id}|~"
    assert [key.partition("-")[0] for key in kept] == ["log"], "nothing but the attempt is written"
    assert platform.control.traffic("arm", "PUT", "/resourcegroups/") == made
    assert tenant.provision(stage="prod", name="never").status_code == 202, "the name is free"


def unavailable(answer: httpx.Response) -> None:
    problem(answer, 503, "DependencyUnavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def only_logged(before: dict[str, Any], after: dict[str, Any], outcome: str, code: str) -> None:
    [key] = changed(before, after)
    assert key.startswith("log-")
    assert (after[key]["outcome"], after[key]["code"]) == (outcome, code)
