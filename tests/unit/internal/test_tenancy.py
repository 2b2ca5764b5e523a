"""The tenant binding: suspended, nothing changes; and only its own route lifts that."""

from __future__ import annotations

from typing import Any

import pytest

from shared.access.binding import BindingStatus
from tests.unit.doubles.world import World, component
from tests.unit.internal.conftest import Api, document

BINDING = "/tenant-binding"


async def publish(api: Api) -> tuple[int, str]:
    body = {"tenantId": "connectsoft", "environmentId": api.world.environment_id, "values": {"LOG_LEVEL": "info"}}
    answer = await api.ask("POST", "//configurations", body)
    return answer.status, document(answer).get("code", "")


async def test_the_binding_is_shown(api: Api) -> None:
    answer = await api.ask("GET", BINDING)
    assert document(answer)["status"] == "Active"
    assert answer.headers["ETag"]


async def test_a_suspended_tenant_changes_nothing_until_it_is_let_in_again(api: Api, world: World) -> None:
    answer = await api.ask("PUT", BINDING, {"tenantId": "connectsoft", "status": "Suspended", "reason": "unpaid"})
    assert (answer.status, document(answer)["status"], document(answer)["changedBy"]) == (200, "Suspended", "worker")
    assert await publish(api) == (403, "TenantSuspended")
    health = {"serviceId": "a", "status": "Healthy", "observedAt": world.clock()}
    assert (await api.ask("POST", "/health-results", {"results": [health]})).status == 403
    assert document(await api.ask("GET", BINDING))["status"] == "Suspended"
    assert (await api.ask("PUT", BINDING, {"status": "Active"})).status == 200
    assert await publish(api) == (201, "")


async def test_a_binding_that_is_taken_away_is_suspended(api: Api) -> None:
    answer = await api.ask("DELETE", BINDING)
    assert (answer.status, answer.body) == (204, b"")
    assert document(await api.ask("GET", BINDING))["status"] == "Suspended"
    assert (await api.ask("DELETE", BINDING)).status == 204
    assert await publish(api) == (403, "TenantSuspended")


async def test_what_provisioning_has_not_bound_nobody_binds_by_hand(api: Api, world: World) -> None:
    await world.bind_tenant(status=BindingStatus.PENDING)
    for method, body in (("PUT", {"status": "Active"}), ("DELETE", None)):
        answer = await api.ask(method, BINDING, body)
        assert (answer.status, document(answer)["code"]) == (409, "EnvironmentNotReady")


async def test_vaults_are_kept_unless_they_are_named(api: Api, world: World) -> None:
    await api.ask("PUT", BINDING, {"status": "Active", "allowedVaults": ["https://kv-shared.vault.azure.net/"]})
    await api.ask("PUT", BINDING, {"status": "Active"})
    admitted = await world.admitted()
    assert admitted.binding.allowed_vaults == ("https://kv-shared.vault.azure.net",)


async def test_a_change_can_be_made_conditional(api: Api) -> None:
    etag = (await api.ask("GET", BINDING)).headers["ETag"]
    assert (await api.ask("PUT", BINDING, {"status": "Suspended"}, if_match=etag)).status == 200
    assert (await api.ask("PUT", BINDING, {"status": "Active"}, if_match=etag)).status == 412


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "Pending"}, 422),
        ({}, 400),
        ({"status": "Active", "allowedVaults": ["http://plain"]}, 422),
        ({"status": "Active", "tenantId": "another"}, 403),
    ],
)
async def test_the_request_is_strict(api: Api, body: dict[str, Any], status: int) -> None:
    assert (await api.ask("PUT", BINDING, body)).status == status


async def test_another_tenant_sees_no_binding(api: Api) -> None:
    assert (await api.ask("GET", BINDING, tenant="another")).status == 404
    assert (await api.ask("DELETE", BINDING, tenant="another")).status == 404


async def test_it_says_who_did_it_and_why(api: Api, world: World) -> None:
    await api.ask("PUT", BINDING, {"status": "Suspended", "reason": "unpaid"})
    entry = (await world.entries())[-1]
    assert (entry.kind, entry.actor, entry.summary) == (
        "tenant-binding.suspended",
        "worker",
        "the tenant's binding is Suspended: unpaid",
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "PUT",
            "/services/api",
            {"target": "aks", "image": "r/api:1", "replicas": 1, "observedAt": "2026-06-11T12:00:00Z"},
        ),
        ("DELETE", "/services/api", None),
        ("POST", "/inventory", {"services": []}),
        ("POST", "/health-results", {"results": []}),
        ("POST", "//configurations", {"tenantId": "connectsoft", "environmentId": "ENV", "values": {}}),
    ],
)
async def test_before_provisioning_has_bound_the_tenant_nothing_is_let_through(
    api: Api, world: World, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await world.bind_tenant(status=BindingStatus.PENDING)
    if body is not None and "environmentId" in body:
        body = {**body, "environmentId": world.environment_id}
    answer = await api.ask(method, path, body)
    assert (answer.status, document(answer)["code"]) == (409, "EnvironmentNotReady")
    if method == "DELETE":  # there is nothing to rehearse: the service is not there
        return
    rehearsed = document(await api.ask(method, f"{path}?dryRun=true", body))
    assert [one["code"] for one in rehearsed["obstacles"]].count("EnvironmentNotReady") == 1


async def test_who_suspends_learns_what_goes_on_to_its_end(api: Api, world: World) -> None:
    assert "activeOperationId" not in document(await api.ask("PUT", BINDING, {"status": "Active"}))
    operation = await world.deploy(component("api"))
    answer = document(await api.ask("PUT", BINDING, {"status": "Suspended"}))
    assert answer["activeOperationId"] == operation.operation_id
