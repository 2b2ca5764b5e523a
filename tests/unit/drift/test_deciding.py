"""What people decide about findings, through the routes, on the whole app in this process."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from shared.kernel.clock import now, text
from shared.runtime.drift.deciding import MOST_ATTEMPTS
from shared.runtime.health.document import HealthStatus
from shared.targets.port import Scaling, Workload
from tests.unit.doubles.platform import TENANT, Platform
from tests.unit.doubles.targets import STRANGE
from tests.unit.doubles.world import image
from tests.unit.drift.drifted import Drifted
from tests.unit.rehearsal.stage import component, release

NEVER = {"stableSeconds": 0, "failureLimit": 0}


CHANGES = {
    "ImageVersionMismatch": {"image": image("api", "9")},
    "ReplicaCountMismatch": {"replicas": 7},
    "ConfigurationMismatch": {"env": {"LEVEL": "debug", "MORE": "yes"}},
    "ScalingPolicyMismatch": {
        "scaling": Scaling(metric="memory", min_replicas=1, max_replicas=40, target_utilization_percent=55)
    },
}


def changed(drifted: Drifted, kind: str) -> None:
    if kind == "MissingService":
        del drifted.platform.apps.services["api"]
    elif kind == "UnexpectedService":
        miner = Workload(service_id="miner", image=image("miner", "3"), replicas=1, env={"DEPTH": "9"}, release="none")
        drifted.platform.cluster.plant(miner)
    else:
        drifted.platform.apps.change("api", **CHANGES[kind])


async def test_who_acknowledges_a_finding_says_why_and_it_stays_so_while_the_difference_does(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    finding = await drifted.finding()
    told = await drifted.decide(finding, "acknowledge", reason="a hotfix is on its way")
    assert (told["httpStatus"], told["status"]) == (200, "Acknowledged")
    assert told["decision"]["by"] == "olga"
    again = await drifted.finding()
    assert (again["status"], again["occurrences"]) == ("Acknowledged", 2)
    entry = next(one for one in await drifted.timeline() if one["kind"] == "drift.acknowledged")
    assert entry["summary"] == "api, ImageVersionMismatch: acknowledged by olga: a hotfix is on its way"
    assert entry["resource"] == finding["findingId"]
    twice = await drifted.decide(finding, "acknowledge", reason="again")
    assert (twice["httpStatus"], twice["code"]) == (409, "TransitionRefused")


async def test_an_acceptance_ends(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    finding = await drifted.finding()
    soon = text(now() + timedelta(seconds=0.3))
    told = await drifted.decide(finding, "accept", until=soon, reason="until the window")
    assert (told["status"], told["decision"]["until"]) == ("AcceptedUntil", soon)
    past = await drifted.decide(finding, "accept", until=text(now() - timedelta(1)), reason="late")
    assert (past["httpStatus"], list(past["errors"])) == (422, ["until"])
    naive = await drifted.decide(finding, "accept", until="2030-01-01T00:00:00", reason="which zone?")
    assert naive["httpStatus"] in (400, 422)
    await asyncio.sleep(0.4)
    assert (await drifted.finding())["status"] == "Reopened"


@pytest.mark.parametrize("kind", [*CHANGES, "MissingService", "UnexpectedService"])
async def test_a_remedy_applies_what_is_wanted_and_the_next_scan_resolves_it(drifted: Drifted, kind: str) -> None:
    before = (await drifted.environment())["stableDeploymentId"]
    changed(drifted, kind)
    finding = await drifted.finding()
    assert finding["kind"] == kind
    told = await drifted.done(finding, "remediate", reason="not ours")
    assert told["headers"]["Operation-Location"].endswith(told["deploymentId"].replace("dep-", "op-"))
    operation = await drifted.platform.send("GET", f"/operations/{told['deploymentId'].replace('dep-', 'op-')}")
    assert (operation["kind"], operation["status"]) == ("RemediateDrift", "Succeeded"), operation
    assert (await drifted.findings())[0]["status"] == "Remediating"
    assert await drifted.scan() == []
    deployment = await drifted.platform.send("GET", f"/deployments/{told['deploymentId']}")
    assert (deployment["status"], deployment["drift"]["findingId"]) == ("Completed", finding["findingId"])
    after = await drifted.environment()
    assert after["stableDeploymentId"] == told["deploymentId"] != before
    assert {(one["serviceId"], one["version"]) for one in after["inventory"]} == {("api", "1"), ("web", "1")}
    if kind != "UnexpectedService":
        gates = [entry["gate"] for entry in deployment["rolloutHistory"] if "gate" in entry]
        assert [gate["verdict"] for gate in gates] == ["Passed"]


async def test_a_remedy_that_does_not_get_healthy_brings_back_what_ran_and_is_tried_only_so_often(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    platform = drifted.platform
    platform.prober.says[image("api", "1")] = HealthStatus.UNHEALTHY
    platform.container.__dict__["gate"] = platform.container.gate.model_copy(update={"failure_limit": 0})
    platform.container.__dict__.pop("deployments", None)
    platform.container.__dict__.pop("deciding", None)
    finding = await drifted.finding()
    for attempt in range(1, MOST_ATTEMPTS + 1):
        told = await drifted.done(finding, "remediate")
        deployment = await platform.send("GET", f"/deployments/{told['deploymentId']}")
        assert (deployment["status"], deployment["error"]["code"]) == ("RolledBack", "GateFailed")
        assert platform.apps.serves("api") == image("api", "9")
        finding = await drifted.finding()
        assert (finding["status"], finding["attempts"]) == ("Reopened", attempt)
        held = await drifted.decide(finding, "remediate")
        assert (held["httpStatus"], held["code"]) == (409, "OnHold")
        await platform.send("POST", f"/environments/{drifted.ident}/release-hold", {})
    over = await drifted.decide(finding, "remediate")
    assert (over["httpStatus"], over["code"]) == (409, "AttemptsExhausted")


async def test_a_remedy_that_failed_can_be_tried_again_as_an_operation(drifted: Drifted) -> None:
    changed(drifted, "MissingService")
    platform = drifted.platform
    finding = await drifted.finding()
    platform.apps.fail("apply", "api", LookupError("a defect"))
    told = await drifted.done(finding, "remediate")
    operation = told["deploymentId"].replace("dep-", "op-")
    assert (await platform.send("GET", f"/operations/{operation}"))["status"] == "Failed"
    await drifted.scan()
    await platform.send("POST", f"/environments/{drifted.ident}/release-hold", {})
    again = await platform.send("POST", f"/operations/{operation}/retry", {})
    await platform.settle()
    assert again["retryOf"] == operation
    assert await drifted.scan() == []


async def test_no_remedy_while_an_operation_is_in_flight(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    finding = await drifted.finding()
    await drifted.platform.send("POST", "/deployments", release(drifted.ident, component("web", "2")))
    for action in ("remediate", "adopt"):
        told = await drifted.decide(finding, action)
        assert (told["httpStatus"], told["code"]) == (409, "OperationInFlight")


@pytest.mark.parametrize("kind", [*CHANGES, "MissingService", "UnexpectedService"])
async def test_what_is_adopted_is_wanted_from_then_on(drifted: Drifted, kind: str) -> None:
    if kind == "ScalingPolicyMismatch":
        bounds = {"metric": "cpu", "minReplicas": 2, "maxReplicas": 5, "targetUtilizationPercent": 70}
        named = {"tenantId": TENANT, "environmentId": drifted.ident, "serviceId": "api", "target": "container-apps"}
        policy = await drifted.platform.send("POST", "/scaling-policies", named | bounds)
        await enforced(drifted)
    changed(drifted, kind)
    finding = await drifted.finding()
    assert finding["kind"] == kind
    told = await drifted.done(finding, "adopt", reason="better so")
    operation = await drifted.platform.send("GET", f"/operations/{told['deploymentId'].replace('dep-', 'op-')}")
    assert (operation["kind"], operation["status"]) == ("AdoptDrift", "Succeeded"), operation
    [resolved] = await drifted.findings("?status=Resolved")
    assert (resolved["findingId"], resolved["decision"]["reason"]) == (finding["findingId"], "better so")
    assert await drifted.scan() == [], "reality is what is wanted"
    inventory = {one["serviceId"]: one for one in (await drifted.environment())["inventory"]}
    assert inventory.keys() == {
        "MissingService": {"web"},
        "UnexpectedService": {"api", "web", "miner"},
    }.get(kind, {"api", "web"})
    if kind == "ImageVersionMismatch":
        assert inventory["api"]["version"] == "9"
    if kind == "ScalingPolicyMismatch":
        shown = await drifted.platform.send("GET", f"/scaling-policies/{policy['scalingPolicyId']}")
        assert (shown["minReplicas"], shown["maxReplicas"], shown["enforcement"]) == (1, 40, "Enforced")
        assert (shown["metric"], shown["targetUtilizationPercent"]) == ("memory", 55)
    deployment = await drifted.platform.send("GET", f"/deployments/{told['deploymentId']}")
    assert [entry["phase"] for entry in deployment["rolloutHistory"]] == ["Requested", "Completed"]


async def enforced(drifted: Drifted) -> None:
    platform = drifted.platform
    admitted = await platform.isolation.admit(TENANT, drifted.ident)
    for policy in await platform.enforcing.waiting(admitted):
        await platform.hub.start(await platform.enforcing.begin(admitted, policy))
    await platform.settle()


async def test_what_was_adopted_can_be_rolled_back(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    told = await drifted.done(await drifted.finding(), "adopt")
    await drifted.platform.send("POST", f"/deployments/{told['deploymentId']}/rollback", {})
    await drifted.platform.settle()
    assert drifted.platform.apps.serves("api") == image("api", "1")
    assert await drifted.scan() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"image": "docker.example/api:9"}, "ImageNotAllowed"),
        ({"image": image("api", "latest")}, "ImageNotAllowed"),
        ({"env": {"DB_PASSWORD": "hunter2"}}, "SecretLikeValue"),
    ],
)
async def test_what_no_release_could_want_is_not_adopted(drifted: Drifted, change: dict[str, Any], code: str) -> None:
    drifted.platform.apps.change("api", **change)
    told = await drifted.done(await drifted.finding(), "adopt")
    operation = await drifted.platform.send("GET", f"/operations/{told['deploymentId'].replace('dep-', 'op-')}")
    assert (operation["status"], operation["error"]["code"]) == ("Failed", code)
    assert "hunter2" not in json.dumps(operation)
    assert (await drifted.finding())["status"] == "Open"
    assert (await drifted.environment())["status"] == "Provisioned"


async def test_a_difference_that_is_gone_leaves_nothing_to_adopt(drifted: Drifted) -> None:
    changed(drifted, "ReplicaCountMismatch")
    finding = await drifted.finding()
    drifted.platform.apps.change("api", replicas=2)
    told = await drifted.done(finding, "adopt")
    operation = await drifted.platform.send("GET", f"/operations/{told['deploymentId'].replace('dep-', 'op-')}")
    assert operation["error"]["code"] == "NothingToAdopt"


async def test_a_finding_of_another_environment_or_tenant_is_not_found(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    finding = await drifted.finding()
    elsewhere = await drifted.platform.send("POST", "/environments", other_environment())
    await drifted.platform.settle()
    for action, body in (("acknowledge", {"reason": "x"}), ("adopt", {}), ("remediate", {})):
        path = f"findings/{finding['findingId']}/{action}"
        wrong = await drifted.platform.ask("POST", f"/drift/{elsewhere['environmentId']}/{path}", body)
        foreign = await drifted.platform.ask("POST", f"/drift/{drifted.ident}/{path}", body, tenant="other")
        assert (wrong.status, foreign.status) == (404, 404)


def other_environment() -> dict[str, Any]:
    placed = {"region": "westeurope", "isolationModel": "silo", "computeTargets": ["aks"]}
    return {"tenantId": TENANT, "projectId": "orders", "name": "orders-prod", "stage": "prod", **placed}


async def test_in_production_every_decision_needs_the_policy_points_word() -> None:
    platform = Platform()
    made = await platform.send("POST", "/environments", other_environment())
    await platform.settle()
    drifted = Drifted(platform, made["environmentId"])
    platform.cluster.plant(Workload(service_id="miner", image=image("miner", "3"), replicas=1, release="none"))
    finding = await drifted.finding()
    platform.denies = {"allow": False, "reasons": ["freeze"]}
    later = text(now() + timedelta(days=1))
    bodies = {"acknowledge": {"reason": "x"}, "accept": {"until": later, "reason": "x"}, "adopt": {}, "remediate": {}}
    for action, body in bodies.items():
        assert (await drifted.decide(finding, action, **body))["code"] == "PolicyDenied"
    rules = await platform.ask("PUT", f"/drift/{drifted.ident}/ignore-rules", {"rules": []})
    assert json.loads(rules.body)["code"] == "PolicyDenied"
    platform.denies = None
    told = await drifted.done(finding, "remediate")
    deployment = await platform.send("GET", f"/deployments/{told['deploymentId']}")
    assert deployment["status"] == "Completed"
    assert STRANGE not in str(platform.cluster.services)


async def test_findings_are_filtered(drifted: Drifted) -> None:
    changed(drifted, "UnexpectedService")
    changed(drifted, "ReplicaCountMismatch")
    await drifted.scan()
    assert len(await drifted.findings()) == 2
    for query, kinds in {
        "?kind=UnexpectedService": ["UnexpectedService"],
        "?severity=Medium": ["ReplicaCountMismatch"],
        "?serviceId=miner": ["UnexpectedService"],
        "?status=Open&serviceId=api": ["ReplicaCountMismatch"],
        "?status=Resolved": [],
    }.items():
        assert [one["kind"] for one in await drifted.findings(query)] == kinds
    assert (await drifted.platform.ask("GET", f"/drift/{drifted.ident}?kind=Mood")).status == 400


RULE = {"serviceId": "api", "kind": "ImageVersionMismatch", "reason": "a canary that we know of"}


async def test_what_people_ignore_is_no_finding_until_the_rule_is_gone(drifted: Drifted) -> None:
    changed(drifted, "ImageVersionMismatch")
    assert (await drifted.finding())["status"] == "Open"
    path = f"/drift/{drifted.ident}/ignore-rules"
    assert await drifted.platform.send("GET", path) == {"environmentId": drifted.ident, "rules": []}
    put = await drifted.platform.send("PUT", path, {"rules": [RULE]})
    got = await drifted.platform.send("GET", path)
    assert got["rules"] == put["rules"] == [RULE]
    assert got["changedBy"] == "olga"
    assert await drifted.scan() == []
    await drifted.platform.send("PUT", path, {"rules": []})
    assert (await drifted.finding())["status"] == "Reopened"
    assert [one["kind"] for one in await drifted.timeline()].count("drift.rules-replaced") == 2


async def test_rules_are_replaced_from_the_state_that_was_read(drifted: Drifted) -> None:
    path = f"/drift/{drifted.ident}/ignore-rules"
    tag = dict((await drifted.platform.ask("GET", path)).headers)["ETag"]
    assert (await drifted.platform.ask("PUT", path, {"rules": [RULE]}, if_match=tag)).status == 200
    assert (await drifted.platform.ask("PUT", path, {"rules": []}, if_match=tag)).status == 412


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ([{"reason": "all of it"}], "rules[0]"),
        ([RULE, {"kind": "IsolationBreach", "reason": "no"}], "rules[1].kind"),
    ],
    ids=str,
)
async def test_a_rule_that_would_hide_everything_or_a_breach_is_refused(drifted: Drifted, rules: Any, where: str) -> None:
    answer = await drifted.platform.ask("PUT", f"/drift/{drifted.ident}/ignore-rules", {"rules": rules})
    assert (answer.status, list(json.loads(answer.body)["errors"])) == (422, [where])
