"""What people decide about findings, on a running platform: somebody changes what runs, a sweep finds it, a person says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.driving import API, Json, Platform, Tenant, component, image, until

QUICK = {"stableSeconds": 1}
CHANGED = image(API, "1.4.1")


def found(platform: Platform, tenant: Tenant) -> Json:
    """A finding of a service that runs another image than was promoted."""
    environment_id = tenant.environment()
    assert tenant.release(environment_id, [component(target="container-apps")], gate=QUICK)["status"] == "Completed"
    platform.control.change(environment_id, API, image=CHANGED)
    [finding] = until(lambda: unresolved(tenant, environment_id), bool)
    assert (finding["kind"], finding["actual"]) == ("ImageVersionMismatch", "1.4.1")
    return finding


def unresolved(tenant: Tenant, environment_id: str, **query: str) -> list[Json]:
    return list(tenant.read(f"/drift/{environment_id}", **query)["findings"])


def decided(tenant: Tenant, finding: Json, action: str, **body: str) -> Json:
    answer = tenant.post(f"/drift/{finding['environmentId']}/findings/{finding['findingId']}/{action}", body)
    assert answer.is_success, answer.text
    if "Operation-Location" in answer.headers:
        operation = tenant.settled(answer.headers["Operation-Location"].rpartition("/")[2])
        assert operation["status"] == "Succeeded", operation
    return dict(answer.json())


@pytest.mark.together
def test_what_is_acknowledged_stays_so_what_is_accepted_comes_back_in_time_and_both_resolve_when_it_is_gone(
    platform: Platform, tenant: Tenant
) -> None:
    finding = found(platform, tenant)
    environment_id = finding["environmentId"]
    assert decided(tenant, finding, "acknowledge", reason="a hotfix is on its way")["status"] == "Acknowledged"
    later = finding["occurrences"] + 1
    [seen] = until(lambda: unresolved(tenant, environment_id), lambda all_: all_[0]["occurrences"] > later)
    assert (seen["status"], seen["decision"]["reason"]) == ("Acknowledged", "a hotfix is on its way")
    soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    assert decided(tenant, finding, "accept", until=soon, reason="until the window")["status"] == "AcceptedUntil"
    until(lambda: unresolved(tenant, environment_id), lambda all_: [one["status"] for one in all_] == ["Reopened"])
    platform.control.change(environment_id, API, image=image(API, "1.4.2"))
    until(lambda: unresolved(tenant, environment_id), lambda all_: all_ == [])
    [resolved] = unresolved(tenant, environment_id, status="Resolved")
    assert resolved["findingId"] == finding["findingId"]


@pytest.mark.together
def test_what_is_ignored_is_no_finding_until_the_rule_is_gone(platform: Platform, tenant: Tenant) -> None:
    finding = found(platform, tenant)
    path = f"/drift/{finding['environmentId']}/ignore-rules"
    rule = {"serviceId": API, "field": "image", "reason": "a canary"}
    for rules in ([rule], []):
        answer = tenant.request("PUT", f"/v1/runtime{path}", json={"rules": rules})
        assert answer.status_code == 200, answer.text
        until(lambda: unresolved(tenant, finding["environmentId"]), lambda all_, left=not rules: bool(all_) is left)
    [again] = unresolved(tenant, finding["environmentId"])
    assert (again["findingId"], again["status"]) == (finding["findingId"], "Reopened")


@pytest.mark.together
def test_a_remedy_brings_back_what_was_promoted_behind_its_gate(platform: Platform, tenant: Tenant) -> None:
    finding = found(platform, tenant)
    environment_id = finding["environmentId"]
    deployment = tenant.read(f"/deployments/{decided(tenant, finding, 'remediate', reason='not ours')['deploymentId']}")
    gates = [entry["gate"]["verdict"] for entry in deployment["rolloutHistory"] if "gate" in entry]
    assert (deployment["status"], gates) == ("Completed", ["Passed"])
    assert platform.control.running(environment_id) == {API: {image(API, "1.4.2")}}
    until(lambda: unresolved(tenant, environment_id), lambda all_: all_ == [])


@pytest.mark.together
def test_what_is_adopted_is_wanted_from_then_on_and_nothing_is_rolled_out(platform: Platform, tenant: Tenant) -> None:
    finding = found(platform, tenant)
    environment_id = finding["environmentId"]
    decided(tenant, finding, "adopt", reason="better so")
    assert tenant.listed(environment_id, {API})[API]["version"] == "1.4.1"
    assert CHANGED in platform.control.running(environment_id)[API]
    before = tenant.read(f"/drift/{environment_id}")["lastScan"].get("startedAt", "")
    scan = until(lambda: tenant.read(f"/drift/{environment_id}"), lambda one: one["lastScan"].get("startedAt", "") > before)
    assert scan["findings"] == []


@pytest.mark.together
def test_the_isolation_probe_tells_that_it_tried_and_that_nothing_was_open(tenant: Tenant) -> None:
    report = until(lambda: tenant.read("/isolation"), lambda one: one["status"] != "Never")
    assert (report["status"], report["breaches"], report["consecutiveBreaches"]) == ("Intact", [], 0), report
    assert report["attempts"] > 40, "every route that names something of a tenant"
