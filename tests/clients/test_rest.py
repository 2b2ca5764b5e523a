"""What the client makes of the API: typed answers, all pages, problems with fields, safe repetition, ETags, polling."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import pytest

from clients.runtime_client import (
    Denied,
    Invalid,
    NotThere,
    OperationFailed,
    OperationInFlight,
    Runtime,
    Stale,
    Unavailable,
)
from clients.runtime_client.generated import documents as doc
from shared.http.openapi.examples import SEED
from shared.operations.model import Operation, OperationStatus
from shared.store.port import Put
from tests.clients.conftest import Through
from tests.contract.app import BASE, TENANT
from tests.contract.shop import Shop

PROVISION = cast(doc.ProvisionRequest, SEED["environments.provision"].request)


async def end(shop: Shop, operation_id: str, status: OperationStatus, **more: Any) -> None:
    """As its worker ends an operation."""
    store = shop.app.container.store
    row = await store.get(shop.partition, operation_id)
    assert row is not None
    ended = Operation.read({**row.document, "status": status, **more})
    await store.commit(shop.partition, f"end-{operation_id}", [Put(operation_id, ended.document())])


async def test_what_is_begun_can_be_followed_to_its_end(runtime: Runtime, shop: Shop) -> None:
    operation_id, seen = shop.ids["operationId"], []
    waiting = asyncio.ensure_future(runtime.settled(operation_id, told=lambda one: seen.append(one["status"])))
    await asyncio.sleep(0.05)
    await end(shop, operation_id, OperationStatus.SUCCEEDED)
    assert (await waiting)["status"] == "Succeeded"
    assert seen == ["NotStarted", "Succeeded"]


async def test_polling_waits_as_long_as_the_platform_says(
    runtime: Runtime, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    operation_id = shop.ids["operationId"]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await end(shop, operation_id, OperationStatus.SUCCEEDED)

    monkeypatch.setattr("clients.runtime_client.rest.asyncio.sleep", sleep)
    await runtime.settled(operation_id)
    assert slept == [2.0]  # the operation's own Retry-After


async def test_an_operation_that_fails_is_an_exception_with_the_operation(runtime: Runtime, shop: Shop) -> None:
    operation_id = shop.ids["operationId"]
    await end(shop, operation_id, OperationStatus.FAILED, error={"code": "GateFailed", "message": "it was unhealthy"})
    with pytest.raises(OperationFailed) as failed:
        await runtime.settled(operation_id)
    assert (failed.value.code, failed.value.operation["kind"]) == ("GateFailed", "Deploy")


async def test_waiting_has_an_end(runtime: Runtime, shop: Shop) -> None:
    with pytest.raises(TimeoutError):
        await runtime.settled(shop.ids["operationId"], within=0.05)


async def test_lists_are_read_to_their_end_page_by_page(runtime: Runtime, shop: Shop, through: Through) -> None:
    about = {"tenantId": TENANT, "environmentId": shop.ids["environmentId"]}
    for number in range(5):
        await runtime.publish(cast(doc.PublishRequest, {**about, "values": {"N": number}}))
    through.seen.clear()
    found = [one["version"] async for one in runtime.configurations(shop.ids["environmentId"], limit=2)]
    assert sorted(found) == [1, 2, 3, 4, 5, 6]  # some of them of the same millisecond
    assert len(through.seen) == 3


async def test_problems_are_exceptions_with_fields(runtime: Runtime, shop: Shop) -> None:
    with pytest.raises(Invalid) as invalid:
        await runtime.provision(cast(doc.ProvisionRequest, {**PROVISION, "stage": "moon"}))
    assert (invalid.value.status, list(invalid.value.errors)) == (422, ["stage"])
    assert (invalid.value.trace_id or "").startswith("trace-")
    release = {**(SEED["deployments.deploy"].request or {}), "environmentId": shop.ids["environmentId"]}
    release["configurationId"] = shop.ids["configurationId"]
    with pytest.raises(OperationInFlight) as busy:
        await runtime.deploy(cast(doc.DeployRequest, release))
    assert busy.value.operation_id == shop.ids["operationId"]
    assert busy.value.must_settle_by.endswith("Z")
    with pytest.raises(NotThere):
        await runtime.environment("env-" + "f" * 16)
    with pytest.raises(Denied) as denied:
        await runtime.provision(cast(doc.ProvisionRequest, {**PROVISION, "tenantId": "another"}))
    assert denied.value.code == "TenantMismatch"


async def test_an_answer_that_is_lost_is_asked_for_again_and_happens_once(runtime: Runtime, through: Through) -> None:
    through.lost = 2
    begun = await runtime.provision({**PROVISION, "name": "lost-and-found"})
    tried = [request.headers["Idempotency-Key"] for request in through.seen]
    assert len(tried) == 3
    assert len(set(tried)) == 1
    listed = [one["environmentId"] async for one in runtime.environments()]
    assert listed == [begun.document["environmentId"]]
    assert begun.operation_id.startswith("op-")


async def test_the_callers_own_key_is_used(runtime: Runtime, through: Through) -> None:
    first = await runtime.provision(PROVISION, idempotency_key="mine")
    again = await runtime.provision(PROVISION, idempotency_key="mine")
    assert first.document == again.document
    assert {request.headers["Idempotency-Key"] for request in through.seen} == {"mine"}


async def test_what_did_not_change_is_not_sent_again(runtime: Runtime, shop: Shop, through: Through) -> None:
    through.seen.clear()
    first = await runtime.environment(shop.ids["environmentId"])
    again = await runtime.environment(shop.ids["environmentId"])
    assert first == again
    assert ["If-None-Match" in request.headers for request in through.seen] == [False, True]


async def test_a_state_that_is_not_current_is_stale(runtime: Runtime, shop: Shop) -> None:
    _, etag = await runtime.transport.tagged(f"/v1/runtime/environments/{shop.ids['environmentId']}")
    await runtime.release_hold(shop.ids["environmentId"], if_match=etag)
    with pytest.raises(Stale):
        await runtime.release_hold(shop.ids["environmentId"], if_match='"another"')


async def test_a_dry_run_tells_every_obstacle(runtime: Runtime, shop: Shop) -> None:
    told = await runtime.rehearse(f"/environments/{shop.ids['environmentId']}/decommission", {"confirm": "no"})
    assert not told["allowed"]
    assert {"ValidationFailed", "OperationInFlight"} <= {one["code"] for one in told["obstacles"]}


@pytest.mark.parametrize(("status", "headers"), [(503, {"Retry-After": "1"}), (429, {"Retry-After": "1"}), (502, {})])
async def test_what_may_work_later_is_tried_as_long_as_patience_lasts(status: int, headers: dict[str, str]) -> None:
    tried: list[int] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        tried.append(1)
        return httpx.Response(status, headers=headers, text="<html>a gateway</html>")

    async with httpx.AsyncClient(base_url=BASE, transport=httpx.MockTransport(answer)) as http:
        runtime = Runtime(BASE, "token", http=http, patience=1.5)
        with pytest.raises(Exception, match=f"Http{status}") as refused:
            await runtime.environment("env-1")
    assert isinstance(refused.value, Unavailable) is (status != 502)
    assert len(tried) == (2 if status != 502 else 1)


async def test_a_token_may_be_fetched_anew_for_every_request(through: Through) -> None:
    given = iter([f"{TENANT};runtime.environments.read", "another;runtime.environments.read"])

    async def token() -> str:
        return next(given)

    async with httpx.AsyncClient(base_url=BASE, transport=through) as http:
        runtime = Runtime(BASE, token, http=http)
        assert [one async for one in runtime.environments()] == []
        assert [one async for one in runtime.environments()] == []
    assert [request.headers["Authorization"].partition(";")[0] for request in through.seen] == [
        f"Bearer {TENANT}",
        "Bearer another",
    ]


async def test_every_reading_method_has_a_route(runtime: Runtime, shop: Shop) -> None:
    environment = shop.ids["environmentId"]
    assert (await runtime.deployment(shop.ids["deploymentId"]))["phase"] == "Requested"
    assert (await runtime.configuration(shop.ids["configurationId"]))["version"] == 1
    assert (await runtime.secret_binding(shop.ids["secretBindingId"]))["status"] == "Bound"
    assert (await runtime.scaling_policy(shop.ids["scalingPolicyId"]))["maxReplicas"] == 20
    assert (await runtime.operation(shop.ids["operationId"]))["kind"] == "Deploy"
    assert (await runtime.last_scan(environment))["status"] == "Never"
    lists: list[Any] = [
        runtime.deployments(environment),
        runtime.secret_bindings(environment),
        runtime.scaling_policies(environment),
        runtime.operations(environment, status="NotStarted"),
        runtime.timeline(environment, kind="deployment"),
    ]
    assert [len([one async for one in listed]) for listed in lists] == [1, 1, 1, 1, 1]
    assert [one async for one in runtime.findings(environment, status="Resolved")] == []
    with pytest.raises(NotThere):
        await runtime.health("nobody", environment_id=environment)


async def test_people_decide_about_findings_and_policies(runtime: Runtime, shop: Shop) -> None:
    environment, policy = shop.ids["environmentId"], shop.ids["scalingPolicyId"]
    absent = "drift-" + environment.removeprefix("env-") + "0" * 16
    until = {"until": "2099-01-01T00:00:00Z", "reason": "known"}
    for decision in (
        runtime.acknowledge(environment, absent, "seen"),
        runtime.accept(environment, absent, cast(doc.AcceptRequest, until)),
    ):
        with pytest.raises(NotThere):
            await decision
    for by in ("adopt", "remediate"):
        with pytest.raises((NotThere, OperationInFlight)):  # whichever is looked at first
            await runtime.resolve(environment, absent, by)
    rule = cast(doc.RulesRequest, {"rules": [{"serviceId": "api", "reason": "it is played with"}]})
    await runtime.replace_ignore_rules(environment, rule)
    assert [one["reason"] for one in (await runtime.ignore_rules(environment))["rules"]] == ["it is played with"]
    for asked in (runtime.pause, runtime.resume):
        await shop.free()
        assert (await asked(policy)).document["scalingPolicyId"] == policy


async def test_the_isolation_probe_tells_its_last_result(runtime: Runtime) -> None:
    assert "status" in await runtime.isolation()
