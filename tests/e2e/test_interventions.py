"""What people do to what is under way, over HTTP alone: pause and its answers, cancel, retry, decommission, release-hold.

The flows run at the same time, each in an environment of its own; each test then looks at one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.driving import API, SETTLED, Json, Platform, Tenant, component, image, until
from tests.e2e.observer import Observer
from tests.e2e.test_http import problem

pytestmark = pytest.mark.timeout(400)  # of a crowded machine; alone all of it takes well below a minute

GOOD, BAD = "1.4.2", "7.0.0"
QUICK = {"stableSeconds": 1, "retryTimeoutSeconds": 3}
PAUSE = {**QUICK, "failureLimit": 0, "onFailure": "Pause"}


@dataclass
class Flow:
    """What was answered and seen on the way, by name; `environment_id` is where."""

    tenant: Tenant
    environment_id: str
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    seen: dict[str, Json] = field(default_factory=dict)

    def operation(self, ident: str) -> Json:
        return self.tenant.read(f"/operations/{ident}")

    def state(self) -> Json:
        return self.tenant.read(f"/environments/{self.environment_id}")


def followed(answer: httpx.Response) -> str:
    """The id of the operation that a 202 began."""
    assert answer.status_code == 202, answer.text
    return answer.headers["Operation-Location"].rsplit("/", 1)[-1]


def furnished(platform: Platform, version: str) -> Flow:
    """`GOOD` is stable; `version` is unhealthy there."""
    tenant = platform.fresh_tenant()
    flow = Flow(tenant, tenant.environment())
    assert tenant.release(flow.environment_id, [component(version=GOOD)], gate=QUICK)["status"] == "Completed"
    platform.control.behave(environmentId=flow.environment_id, image=image(API, version), status="Unhealthy")
    return flow


def deployed(flow: Flow, version: str, **more: Any) -> tuple[str, str]:
    """(deployment, operation) of a release that has begun."""
    answer = flow.tenant.deploy(flow.environment_id, [component(version=version)], **more)
    operation_id = followed(answer)
    return answer.json()["deploymentId"], operation_id


def paused(flow: Flow, operation_id: str, name: str) -> None:
    def waits(operation: Json) -> bool:
        return "a person" in operation.get("waitingFor", "")

    flow.seen[name] = until(lambda: flow.operation(operation_id), waits, 60)


def play_pause(platform: Platform) -> Flow:
    """Paused, judged again in vain, promoted."""
    flow = furnished(platform, BAD)
    tenant = flow.tenant
    deployment_id, operation_id = deployed(flow, BAD, gate=PAUSE)
    flow.answers["promoted too early"] = tenant.post(f"/deployments/{deployment_id}/promote", {"reason": "hurry"})
    paused(flow, operation_id, "paused")
    flow.seen["while paused"] = tenant.read(f"/deployments/{deployment_id}")
    flow.answers["deployed meanwhile"] = tenant.deploy(flow.environment_id, [component(version="9.9.9")])
    flow.answers["retried"] = tenant.post(f"/operations/{operation_id}/retry", {"reason": "look again"})
    until(lambda: flow.operation(operation_id), lambda one: "a person" not in one.get("waitingFor", ""), 60)
    paused(flow, operation_id, "paused again")
    flow.answers["no reason"] = tenant.post(f"/deployments/{deployment_id}/promote", {})
    flow.answers["promoted"] = tenant.post(f"/deployments/{deployment_id}/promote", {"reason": "known and harmless"})
    flow.seen["ended"] = tenant.ended(deployment_id)
    flow.seen["operation"] = tenant.settled(operation_id)
    return flow


def play_cancel(platform: Platform) -> Flow:
    """A running gate cancelled, then retried to its end."""
    flow = furnished(platform, "7.0.1")
    tenant = flow.tenant
    deployment_id, operation_id = deployed(flow, "7.1.0", gate={"stableSeconds": 600, "retryTimeoutSeconds": 900})
    until(lambda: tenant.read(f"/deployments/{deployment_id}"), lambda one: one["phase"] == "HealthGating", 60)
    flow.answers["cancelled"] = tenant.post(f"/operations/{operation_id}/cancel", {"reason": "not today"})
    flow.seen["ended"] = tenant.ended(deployment_id)
    flow.seen["operation"] = tenant.settled(operation_id)
    flow.seen["state"] = flow.state()
    flow.seen["running"] = {"images": sorted(platform.control.running(flow.environment_id)[API])}
    flow.answers["cancelled again"] = tenant.post(f"/operations/{operation_id}/cancel", {})
    flow.answers["retried"] = tenant.post(f"/operations/{operation_id}/retry", {})
    again = followed(flow.answers["retried"])
    flow.answers["retry cancelled"] = tenant.post(f"/operations/{again}/cancel", {})
    flow.seen["retry"] = tenant.settled(again)
    return flow


def play_hold(platform: Platform) -> Flow:
    """An automatic rollback, and its hold lifted by hand."""
    flow = furnished(platform, "7.0.2")
    tenant = flow.tenant
    deployment_id, _ = deployed(flow, "7.0.2", gate=QUICK)
    flow.seen["ended"] = tenant.ended(deployment_id)
    flow.seen["on hold"] = flow.state()
    path = f"/environments/{flow.environment_id}/release-hold"
    flow.answers["released"] = tenant.post(path, {"reason": "seen"})
    flow.seen["released"] = flow.state()
    flow.answers["released again"] = tenant.post(path, {})
    return flow


def play_decommission(platform: Platform) -> Flow:
    """Gone, and another of the same name there."""
    flow = furnished(platform, "7.0.3")
    tenant, path = flow.tenant, f"/environments/{flow.environment_id}/decommission"
    name = flow.state()["name"]
    flow.answers["misspelled"] = tenant.post(path, {"confirm": name.upper()})
    flow.answers["name taken"] = tenant.provision(name=name)
    flow.answers["begun"] = tenant.post(path, {"confirm": name})
    flow.answers["twice"] = tenant.post(path, {"confirm": name})
    flow.answers["deployed meanwhile"] = tenant.deploy(flow.environment_id, [component(version="9.9.9")])
    flow.seen["operation"] = tenant.settled(followed(flow.answers["begun"]))
    flow.seen["state"] = flow.state()
    flow.seen["running"] = platform.control.workloads(flow.environment_id)
    flow.answers["health"] = tenant.get(f"/services/{API}/health", params={"environmentId": flow.environment_id})
    flow.answers["gone twice"] = tenant.post(path, {"confirm": name})
    second = tenant.environment(name=name)
    flow.seen["second"] = tenant.read(f"/environments/{second}")
    flow.seen["release"] = tenant.release(second, [component(version=GOOD)], gate=QUICK)
    return flow


PLAYS = {"pause": play_pause, "cancel": play_cancel, "hold": play_hold, "decommission": play_decommission}


@pytest.fixture(scope="module")
def flows(platform: Platform) -> Iterator[dict[str, Future[Flow]]]:
    with ThreadPoolExecutor(len(PLAYS)) as pool:
        yield {name: pool.submit(play, platform) for name, play in PLAYS.items()}


@pytest.fixture(scope="module")
def pause(flows: dict[str, Future[Flow]]) -> Flow:
    return flows["pause"].result()


@pytest.fixture(scope="module")
def cancel(flows: dict[str, Future[Flow]]) -> Flow:
    return flows["cancel"].result()


@pytest.fixture(scope="module")
def hold(flows: dict[str, Future[Flow]]) -> Flow:
    return flows["hold"].result()


@pytest.fixture(scope="module")
def decommission(flows: dict[str, Future[Flow]]) -> Flow:
    return flows["decommission"].result()


def test_a_paused_release_says_what_it_waits_for(pause: Flow) -> None:
    operation, deployment = pause.seen["paused"], pause.seen["while paused"]
    assert operation["status"] == "Running"
    assert operation["waitingFor"].startswith("a person: retry judges again, promote goes on, cancel rolls back")
    assert (deployment["status"], deployment["phase"]) == ("InProgress", "HealthGating")
    assert deployment["rolloutHistory"][-1]["gate"]["verdict"] == "Failed"


def test_while_it_is_paused_nothing_else_starts(pause: Flow) -> None:
    refused = problem(pause.answers["deployed meanwhile"], 409, "OperationInFlight")
    assert refused["operationId"] == pause.seen["paused"]["operationId"]
    assert refused["mustSettleBy"] == pause.seen["paused"]["mustSettleBy"]


def test_retry_of_a_paused_release_judges_again(pause: Flow) -> None:
    answer = pause.answers["retried"]
    assert answer.status_code == 202, answer.text
    assert answer.json()["operationId"] == pause.seen["paused"]["operationId"]
    assert pause.seen["paused again"]["attempt"] == 1


def test_promote_needs_a_reason_and_a_paused_gate(pause: Flow) -> None:
    assert pause.answers["promoted too early"].status_code == 409
    assert "reason" in problem(pause.answers["no reason"], 400, "MalformedRequest")["errors"]


def test_promote_goes_on_and_the_history_says_who_and_why(pause: Flow) -> None:
    answer, ended = pause.answers["promoted"], pause.seen["ended"]
    assert (answer.status_code, answer.json()["deploymentId"]) == (202, ended["deploymentId"])
    assert (ended["status"], pause.seen["operation"]["status"]) == ("Completed", "Succeeded")
    gating = next(entry for entry in ended["rolloutHistory"] if entry["phase"] == "HealthGating")
    assert "went on in spite of Failed: known and harmless" in gating["detail"]
    assert "judged again: look again" in gating["detail"]
    assert (gating["gate"]["verdict"], gating["gate"]["overridden"]["reason"]) == ("Failed", "known and harmless")
    assert gating["gate"]["overridden"]["by"]
    assert pause.state()["stableDeploymentId"] == ended["deploymentId"]


def test_a_cancelled_release_is_rolled_back_and_then_canceled(cancel: Flow) -> None:
    answer = cancel.answers["cancelled"]
    assert (answer.status_code, answer.json()["operationId"]) == (202, cancel.seen["operation"]["operationId"])
    ended, operation = cancel.seen["ended"], cancel.seen["operation"]
    assert (ended["status"], operation["status"], operation["error"]["code"]) == ("Canceled", "Canceled", "Canceled")
    assert [entry["phase"] for entry in ended["rolloutHistory"]][-2:] == ["RollingBack", "Canceled"]
    assert cancel.seen["running"] == {"images": [image(API, GOOD)]}
    assert "hold" not in cancel.seen["state"]
    problem(cancel.answers["cancelled again"], 409, "NotCancellable")


def test_a_retry_is_a_new_operation_that_says_what_it_retries(cancel: Flow) -> None:
    answer, first = cancel.answers["retried"], cancel.seen["operation"]
    retry = answer.json()
    assert (retry["retryOf"], retry["kind"], retry["request"]) == (first["operationId"], "Deploy", first["request"])
    assert retry["operationId"] != first["operationId"]
    assert answer.headers["Location"].endswith(retry["resourceLocation"])
    assert (cancel.answers["retry cancelled"].status_code, cancel.seen["retry"]["status"]) == (202, "Canceled")


def test_operations_are_listed_newest_first_and_by_status(cancel: Flow) -> None:
    tenant, where = cancel.tenant, {"environmentId": cancel.environment_id}
    listed = tenant.read("/operations", **where)["operations"]
    assert [one["kind"] for one in listed] == ["Deploy", "Deploy", "Deploy", "ProvisionEnvironment"]
    assert [one["status"] for one in listed] == ["Canceled", "Canceled", "Succeeded", "Succeeded"]
    assert tenant.read("/operations")["operations"] == listed
    canceled = tenant.read("/operations", **where, status="Canceled")["operations"]
    assert [one["operationId"] for one in canceled] == [one["operationId"] for one in listed[:2]]
    assert tenant.read("/operations", status="Running")["operations"] == []
    first = tenant.read("/operations", **where, limit=1)
    assert [one["operationId"] for one in first["operations"]] == [listed[0]["operationId"]]
    assert "nextLink" in first
    problem(tenant.get("/operations", params={"status": "Paused"}), 400, "MalformedRequest")


def test_what_has_succeeded_is_neither_cancelled_nor_retried(cancel: Flow) -> None:
    tenant = cancel.tenant
    [provision] = [one for one in tenant.read("/operations")["operations"] if one["kind"] == "ProvisionEnvironment"]
    problem(tenant.post(f"/operations/{provision['operationId']}/cancel", {}), 409, "NotCancellable")
    problem(tenant.post(f"/operations/{provision['operationId']}/retry", {}), 409, "NotRetryable")


def test_another_tenant_s_operation_is_not_there(cancel: Flow, tenant: Tenant) -> None:
    ident = cancel.seen["operation"]["operationId"]
    for action in ("cancel", "retry"):
        problem(tenant.post(f"/operations/{ident}/{action}", {}), 404, "NotFound")


def test_a_hold_is_lifted_by_hand(hold: Flow) -> None:
    assert hold.seen["ended"]["status"] == "RolledBack"
    assert hold.seen["on hold"]["hold"]["deploymentId"] == hold.seen["ended"]["deploymentId"]
    for name in ("released", "released again"):
        answer = hold.answers[name]
        assert (answer.status_code, answer.json()["environmentId"]) == (200, hold.environment_id)
    assert "hold" not in hold.seen["released"]


def test_decommissioning_takes_the_name_s_spelling(decommission: Flow) -> None:
    refused = problem(decommission.answers["misspelled"], 422, "ValidationFailed")
    assert list(refused["errors"]) == ["confirm"]


def test_decommissioning_answers_at_once_and_keeps_everything_else_out(decommission: Flow) -> None:
    begun = decommission.answers["begun"]
    assert begun.json() == {
        "environmentId": decommission.environment_id,
        "status": "Decommissioning",
        "traceId": begun.json()["traceId"],
    }
    assert begun.headers["Location"].endswith(f"/v1/runtime/environments/{decommission.environment_id}")
    assert problem(decommission.answers["twice"], 409, "OperationInFlight")["operationId"] == followed(begun)
    problem(decommission.answers["deployed meanwhile"], 409, "EnvironmentNotReady")


def test_a_decommissioned_environment_is_empty_and_stays_gone(decommission: Flow) -> None:
    operation, state = decommission.seen["operation"], decommission.seen["state"]
    assert operation["status"] == "Succeeded", operation
    assert operation["steps"][0]["name"] == "Workloads"
    assert {step["status"] for step in operation["steps"]} == {"Succeeded"}
    assert (state["status"], state["inventory"]) == ("Decommissioned", [])
    assert not {"stableDeploymentId", "activeOperationId", "hold"} & state.keys()
    assert decommission.seen["running"] == {}
    problem(decommission.answers["health"], 404, "NotFound")
    problem(decommission.answers["gone twice"], 409, "EnvironmentNotReady")


def test_its_name_is_free_again_once_it_is_gone(decommission: Flow) -> None:
    problem(decommission.answers["name taken"], 409, "NameTaken")
    first, second = decommission.seen["state"], decommission.seen["second"]
    assert (second["name"], second["status"]) == (first["name"], "Provisioned")
    assert second["environmentId"] != first["environmentId"]
    assert decommission.seen["release"]["status"] == "Completed"


def test_its_end_is_told_once(decommission: Flow, observer: Observer) -> None:
    [event] = observer.wait(decommission.environment_id, "RuntimeEnvironmentDecommissioned")
    assert event.body["payload"]["environmentId"] == decommission.environment_id


def test_every_operation_of_these_flows_has_ended(flows: dict[str, Future[Flow]]) -> None:
    for flow in (future.result() for future in flows.values()):
        listed = flow.tenant.read("/operations")["operations"]
        assert {one["status"] for one in listed} <= SETTLED
        assert not [one for one in listed if "waitingFor" in one]
