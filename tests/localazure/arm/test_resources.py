"""What every type of resource has in common: creation, operations, conflicts, lists, refusals."""

from __future__ import annotations

import asyncio
import base64
import time

import httpx
import pytest
import yaml
from azure.core.exceptions import HttpResponseError

from tests.localazure.arm.bodies import APP, ENVIRONMENT, GROUP, SUBSCRIPTION, app, environment, located


async def refused(awaitable) -> tuple[int, str]:
    with pytest.raises(HttpResponseError) as caught:
        await awaitable
    return caught.value.status_code, caught.value.error.code


async def test_a_group_is_201_then_200_and_keeps_its_tags(local) -> None:
    first = await local.arm.send("PUT", GROUP, located(tags={"cs-stage": "dev"}))
    again = await local.arm.send("PUT", GROUP, located(tags={"cs-stage": "test"}))
    assert (first.http_response.status_code, again.http_response.status_code) == (201, 200)
    assert (await local.arm.get(GROUP))["tags"] == {"cs-stage": "test"}
    assert (await local.arm.send("HEAD", GROUP)).http_response.status_code == 204
    assert await local.arm.get(f"{GROUP}-other") is None


async def test_creating_is_201_and_in_progress_until_the_operation_ends(local) -> None:
    await local.arm.put(GROUP, body=located())
    started = time.monotonic()
    first, final = await local.arm.begin("PUT", ENVIRONMENT, located(properties={}))
    assert time.monotonic() - started >= 0.05
    assert first.status_code == 201
    assert first.headers["Azure-AsyncOperation"].startswith("https://management.azure.com/subscriptions/")
    assert first.json()["properties"]["provisioningState"] not in ("Succeeded", "Failed")
    assert final["properties"]["provisioningState"] == "Succeeded"
    again, _ = await local.arm.begin("PUT", ENVIRONMENT, located(properties={}))
    assert again.status_code == 200
    assert again.headers["Azure-AsyncOperation"]


async def test_ids_are_compared_without_case_and_keep_that_of_their_creation(local) -> None:
    await environment(local.arm)
    found = await local.arm.get(ENVIRONMENT.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert found["id"] == ENVIRONMENT


async def test_a_change_during_a_change_is_a_conflict(local) -> None:
    await environment(local.arm)
    local.let_operations_take(1)
    await local.arm.send("PUT", APP, app())
    assert await refused(local.arm.send("PUT", APP, app(suffix="v2"))) == (409, "ContainerAppOperationInProgress")
    assert await refused(local.arm.send("DELETE", APP)) == (409, "ContainerAppOperationInProgress")
    await local.arm.until(APP, lambda found: found["properties"]["provisioningState"] == "Succeeded")
    await local.arm.put(APP, body=app(suffix="v2"))


async def test_patching_merges_and_answers_202(local) -> None:
    await environment(local.arm)
    await local.arm.put(APP, body=app())
    first, final = await local.arm.begin("PATCH", APP, {"tags": {"more": "x"}})
    assert first.status_code == 202
    assert first.headers["Location"].startswith("https://management.azure.com/")
    assert final["tags"] == {**app()["tags"], "more": "x"}
    assert final["properties"]["latestRevisionName"] == "orders--v1"


async def test_deleting_a_group_deletes_everything_inside(local) -> None:
    await environment(local.arm)
    await local.arm.put(APP, body=app())
    listed = (await local.arm.get(f"{GROUP}/resources"))["value"]
    assert [found["name"] for found in listed] == ["orders", "cae"]
    first, _ = await local.arm.begin("DELETE", GROUP)
    assert first.status_code == 202
    assert await local.arm.get(GROUP) is None
    assert await local.arm.get(APP) is None
    assert local.workloads.known == {}
    assert local.workloads.served == {("env-0123456789abcdef", "orders"): None}
    assert await refused(local.arm.send("DELETE", GROUP)) == (404, "ResourceGroupNotFound")


async def test_nothing_is_made_in_a_group_that_is_going(local) -> None:
    await local.arm.put(GROUP, body=located())
    local.let_operations_take(1)
    await local.arm.send("DELETE", GROUP)
    assert await refused(local.arm.send("PUT", ENVIRONMENT, located())) == (409, "ResourceGroupBeingDeleted")


async def test_what_is_absent_is_204_to_delete_and_404_to_read(local) -> None:
    assert await refused(local.arm.send("GET", APP)) == (404, "ResourceGroupNotFound")
    await local.arm.put(GROUP, body=located())
    assert (await local.arm.send("DELETE", APP)).http_response.status_code == 204
    assert await refused(local.arm.send("GET", APP)) == (404, "ResourceNotFound")
    assert await refused(local.arm.send("PUT", f"{GROUP}x/providers/Microsoft.App/jobs/j", located())) == (
        404,
        "ResourceGroupNotFound",
    )


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", f"{GROUP}/providers/Microsoft.Sql/servers/x", (501, "NotImplemented")),
        ("GET", f"{SUBSCRIPTION}/tagNames", (501, "NotImplemented")),
        ("POST", GROUP, (405, "MethodNotAllowed")),
        ("PUT", GROUP, (400, "LocationRequired")),
    ],
)
async def test_refusals_have_arms_shape(local, method: str, path: str, expected: tuple[int, str]) -> None:
    assert await refused(local.arm.send(method, path)) == expected


async def test_token_and_api_version_are_required(local) -> None:
    url = local.arm._client._base_url  # the judge's client always has both
    transport = httpx.ASGITransport(app=local.application)
    async with httpx.AsyncClient(transport=transport, base_url=url) as plain:
        good = {"Authorization": "Bearer good"}
        answers = [
            await plain.get(GROUP, params={"api-version": "2025-01-01"}),
            await plain.get(GROUP, params={"api-version": "2025-01-01"}, headers={"Authorization": "Bearer bad"}),
            await plain.get(GROUP, headers=good),
            await plain.get(GROUP, params={"api-version": "soon"}, headers=good),
            await plain.put(GROUP, params={"api-version": "2025-01-01"}, headers=good, content=b"{"),
            await plain.put(GROUP, params={"api-version": "2025-01-01"}, headers=good, json=located(tags=[1])),
        ]
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [
        (401, "AuthenticationFailed"),
        (401, "AuthenticationFailed"),
        (400, "MissingApiVersionParameter"),
        (400, "InvalidApiVersionParameter"),
        (400, "InvalidRequestContent"),
        (400, "InvalidRequestContent"),
    ]
    assert answers[0].headers["www-authenticate"].startswith("Bearer ")


async def test_a_location_cannot_change(local) -> None:
    await local.arm.put(GROUP, body=located())
    await local.arm.put(GROUP, body={"location": "West Europe"})
    assert await refused(local.arm.send("PUT", GROUP, {"location": "northeurope"})) == (409, "InvalidResourceLocation")


async def test_a_vault_is_created_at_the_key_vault_too_and_its_name_is_global(local) -> None:
    await local.arm.put(GROUP, body=located())
    await local.arm.put(f"{GROUP}-2", body=located())
    properties = {"tenantId": "t", "sku": {"family": "A", "name": "standard"}}
    path = "providers/Microsoft.KeyVault/vaults/kv-0123456789abcdef"
    vault = await local.arm.put(f"{GROUP}/{path}", body=located(properties=properties))
    assert vault["properties"]["vaultUri"] == "https://kv-0123456789abcdef.vault.azure.net/"
    assert local.vaults.created == ["kv-0123456789abcdef"]
    taken = local.arm.send("PUT", f"{GROUP}-2/{path}", located(properties=properties))
    assert await refused(taken) == (409, "VaultAlreadyExists")
    long = local.arm.send("PUT", f"{GROUP}/{path}0123456789", located(properties=properties))
    assert await refused(long) == (400, "VaultNameNotValid")
    await local.arm.delete(f"{GROUP}/{path}")
    assert local.vaults.created == []


async def test_an_identity_keeps_its_ids_and_fills_those_who_use_it(local) -> None:
    await local.arm.put(GROUP, body=located())
    path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-1"
    made = await local.arm.put(path, body=located())
    again = await local.arm.put(path, body=located())
    ids = {name: made["properties"][name] for name in ("clientId", "principalId")}
    assert {name: again["properties"][name] for name in ids} == ids
    using = located(properties={}, identity={"type": "UserAssigned", "userAssignedIdentities": {path: {}}})
    assert (await local.arm.put(ENVIRONMENT, body=using))["identity"]["userAssignedIdentities"] == {path: ids}


async def test_an_environment_with_apps_is_not_deleted(local) -> None:
    await environment(local.arm)
    await local.arm.put(APP, body=app())
    assert await refused(local.arm.send("DELETE", ENVIRONMENT)) == (409, "ManagedEnvironmentNotEmpty")
    await local.arm.delete(APP)
    await local.arm.delete(ENVIRONMENT)
    assert await local.arm.get(ENVIRONMENT) is None


async def test_a_cluster_leads_to_the_kubernetes_stand_in(local) -> None:
    await local.arm.put(GROUP, body=located())
    path = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-1"
    cluster = await local.arm.put(
        path, body=located(properties={"dnsPrefix": "x", "agentPoolProfiles": [{"name": "system"}]})
    )
    assert cluster["properties"]["fqdn"] == "127.0.0.1:6443"
    credential = (await local.arm.post(f"{path}/listClusterUserCredential"))["kubeconfigs"][0]
    reached = yaml.safe_load(base64.b64decode(credential["value"]))["clusters"][0]["cluster"]
    assert reached["server"] == "https://127.0.0.1:6443"
    assert base64.b64decode(reached["certificate-authority-data"]).startswith(b"-----BEGIN")


async def test_role_assignments_stand_on_any_scope_once(local) -> None:
    await environment(local.arm)
    name = "providers/Microsoft.Authorization/roleAssignments"
    body = {"properties": {"roleDefinitionId": "/r", "principalId": "p"}}
    for scope in (SUBSCRIPTION, GROUP, ENVIRONMENT):
        made = (await local.arm.send("PUT", f"{scope}/{name}/1", body, "2022-04-01")).http_response
        assert (made.status_code, made.json()["properties"]["scope"]) == (201, scope)
    twice = local.arm.send("PUT", f"{GROUP}/{name}/2", body, "2022-04-01")
    assert await refused(twice) == (409, "RoleAssignmentExists")
    assert (await local.arm.send("DELETE", f"{GROUP}/{name}/1")).http_response.status_code == 200
    assert len((await local.arm.get(f"{GROUP}/resources"))["value"]) == 1


async def test_many_resources_are_made_at_once(local) -> None:
    await environment(local.arm)
    bodies = {f"{APP}{n}": app() for n in range(12)}
    await asyncio.gather(*(local.arm.put(path, body=body) for path, body in bodies.items()))
    assert len((await local.arm.get(APP.rpartition("/")[0]))["value"]) == 12
