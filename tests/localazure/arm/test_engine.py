"""The embedded engine against ARM: what it makes, what a second run after a crash adds, what it deletes."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections import Counter

import pytest

from localazure import engine
from tests.localazure.arm.bodies import SUBSCRIPTION, located
from tests.support.outputs import read_outputs

RECORD = {
    "tenantId": "connectsoft",
    "projectId": "prj-1",
    "environmentId": "env-0123456789abcdef",
    "name": "orders-dev",
    "stage": "prod",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["container-apps", "aks"],
    "placement": {"subscriptionId": SUBSCRIPTION.rpartition("/")[2], "resourceGroup": "rg-cs-0123456789abcdef"},
    "operationId": "op-0123456789abcdef0123456789abcdef",
    "attempt": 2,
}
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-cs-0123456789abcdef"
STEPS = [
    "ResourceGroup", "Identity", "Workspace", "KeyVault", "KeyVaultAccess", "ServiceBus", "ServiceBusSending",
    "ServiceBusReceiving", "ManagedEnvironment", "Cluster", "ClusterFederation",
]  # fmt: skip


class Steps:
    """Notes progress; raises at the step that a test names."""

    def __init__(self, fail_at: str = "") -> None:
        self.noted: list[tuple[str, str]] = []
        self.fail_at = fail_at

    async def __call__(self, step: str, status: str, detail: str) -> None:
        assert detail
        if step == self.fail_at:
            raise ConnectionError(step)
        self.noted.append((step, status))


def creations(local) -> Counter:
    return Counter(path for method, path, status in local.arm.judging.traffic if method == "PUT" and status == 201)


async def test_an_environment_is_made_with_its_outputs_and_tags(local) -> None:
    steps = Steps()
    outputs = await engine.make(RECORD, arm=local.arm, progress=steps)
    assert steps.noted == [(step, status) for step in STEPS for status in ("Running", "Succeeded")]
    identity = await local.arm.get(outputs["identityId"])
    assert outputs == {
        "resourceGroup": "rg-cs-0123456789abcdef",
        "vaultUri": "https://kv-0123456789abcdef.vault.azure.net/",
        "identityId": f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-0123456789abcdef",
        "identityClientId": identity["properties"]["clientId"],
        "directoryId": identity["properties"]["tenantId"],
        "workspaceId": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-0123456789abcdef",
        "managedEnvironmentId": f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae-0123456789abcdef",
        "clusterServer": "https://127.0.0.1:6443",
        "clusterCertificateAuthority": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode(),
        "clusterNamespace": "cs-env-0123456789abcdef",
        "serviceBusNamespace": "sb-0123456789abcdef",
    }
    group = await local.arm.get(GROUP)
    assert group["tags"] == {
        "cs-tenant-id": "connectsoft",
        "cs-project-id": "prj-1",
        "cs-environment-id": "env-0123456789abcdef",
        "cs-stage": "prod",
        "cs-operation-id": RECORD["operationId"],
        "cs-attempt": "2",
    }
    vault = await local.arm.get(f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-0123456789abcdef")
    assert vault["properties"]["enablePurgeProtection"] is True
    assert vault["properties"]["enableRbacAuthorization"] is True
    environment = await local.arm.get(outputs["managedEnvironmentId"])
    assert "sharedKey" not in str(environment)


async def test_only_what_the_targets_need_is_made(local) -> None:
    record = {**RECORD, "computeTargets": ["functions", "app-service"], "stage": "dev"}
    outputs = await engine.make(record, arm=local.arm, progress=Steps())
    assert not {"managedEnvironmentId", "clusterServer"} & set(outputs)
    plans = {name: await local.arm.get(outputs[name]) for name in ("functionsPlanId", "appServicePlanId")}
    assert {name: plan["sku"]["tier"] for name, plan in plans.items()} == {
        "functionsPlanId": "ElasticPremium",
        "appServicePlanId": "PremiumV3",
    }
    assert outputs["functionsStorageAccount"] == "stfn0123456789abcdef"
    assert sum("/roleAssignments/" in path for path in creations(local)) == 5
    assert len(creations(local)) == 13


async def test_whatever_the_app_reads_is_put_out(local) -> None:
    every = ["aks", "container-apps", "functions", "app-service"]
    outputs = await engine.make({**RECORD, "computeTargets": every}, arm=local.arm, progress=Steps())
    assert read_outputs() <= set(outputs)


async def test_the_pods_of_its_namespace_may_be_its_identity(local) -> None:
    outputs = await engine.make(RECORD, arm=local.arm, progress=Steps())
    cluster = await local.arm.get(f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-0123456789abcdef")
    credential = await local.arm.get(f"{outputs['identityId']}/federatedIdentityCredentials/aks")
    assert credential["properties"] == {
        "issuer": cluster["properties"]["oidcIssuerProfile"]["issuerURL"],
        "subject": f"system:serviceaccount:{outputs['clusterNamespace']}:default",
        "audiences": ["api://AzureADTokenExchange"],
    }


async def test_a_cluster_has_an_identity_of_its_nodes_and_keeps_it(local) -> None:
    name = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks-0123456789abcdef"
    await engine.make(RECORD, arm=local.arm, progress=Steps())
    kubelet = (await local.arm.get(name))["properties"]["identityProfile"]["kubeletidentity"]
    assert kubelet["resourceId"].endswith("/userAssignedIdentities/aks-0123456789abcdef-agentpool")
    await engine.make(RECORD, arm=local.arm, progress=Steps())
    assert (await local.arm.get(name))["properties"]["identityProfile"] == {"kubeletidentity": kubelet}
    assert uuid.UUID(kubelet["objectId"]) != uuid.UUID(kubelet["clientId"])


@pytest.mark.parametrize("step", STEPS)
async def test_a_run_after_a_failure_creates_nothing_twice(local, step: str) -> None:
    with pytest.raises(ConnectionError):
        await engine.make(RECORD, arm=local.arm, progress=Steps(fail_at=step))
    first = await engine.make(RECORD, arm=local.arm, progress=Steps())
    assert await engine.make(RECORD, arm=local.arm, progress=Steps()) == first
    made = creations(local)
    assert len(made) == len(STEPS)
    assert set(made.values()) == {1}
    assert [one for one in local.arm.judging.traffic if one[0] == "PUT" and one[2] != 201] == []


async def test_a_run_while_the_first_ones_operation_is_in_progress_waits_for_it(local) -> None:
    local.let_operations_take(1)
    killed = asyncio.create_task(engine.make(RECORD, arm=local.arm, progress=Steps()))
    while not any(path.endswith("cae-0123456789abcdef") for path in creations(local)):
        await asyncio.wait([killed], timeout=0.01)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    standing = await local.arm.get(f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae-0123456789abcdef")
    assert standing["properties"]["provisioningState"] == "InfrastructureSetupInProgress"
    await engine.make(RECORD, arm=local.arm, progress=Steps())
    assert set(creations(local).values()) == {1}


async def test_an_inspection_tells_what_is_gone_and_what_is_changed_and_changes_nothing(local) -> None:
    every = {**RECORD, "computeTargets": ["aks", "container-apps", "functions", "app-service"]}
    await engine.make(every, arm=local.arm, progress=Steps())
    later = {**every, "operationId": "", "attempt": 0}
    assert await engine.inspect(later, arm=local.arm) == []

    vault = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-0123456789abcdef"
    plan = f"{GROUP}/providers/Microsoft.Web/serverfarms/func-0123456789abcdef"
    for resource_id, change in (
        (vault, {"tags": {"cs-stage": "dev"}, "properties": {"enableRbacAuthorization": False}}),
        (plan, {"sku": {"capacity": 7}}),  # a scaling policy's
    ):
        await local.arm.begin("PATCH", resource_id, change)
    await local.arm.delete(f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae-0123456789abcdef")
    writes = [one for one in local.arm.judging.traffic if one[0] != "GET"]
    changed = ["properties.enableRbacAuthorization", "tags.cs-stage"]
    found = {one.pop("resource"): one for one in await engine.inspect(later, arm=local.arm)}
    assert set(found) == {"KeyVault", "ManagedEnvironment"}
    assert found["ManagedEnvironment"] == {"change": "delete"}
    assert found["KeyVault"]["change"] == "update"
    assert set(changed) <= set(found["KeyVault"]["properties"])
    actions = {"sharedKeys", "listClusterUserCredential"}
    more = [one for one in local.arm.judging.traffic if one[0] != "GET"][len(writes) :]
    assert {path.rpartition("/")[2] for _method, path, _status in more} <= actions


async def test_what_stands_on_something_gone_is_not_compared(local) -> None:
    outputs = await engine.make(RECORD, arm=local.arm, progress=Steps())
    await local.arm.delete(outputs["identityId"])
    assert await engine.inspect(RECORD, arm=local.arm) == [{"resource": "Identity", "change": "delete"}]


async def test_destroying_deletes_the_group_with_everything_and_may_be_repeated(local) -> None:
    await engine.make(RECORD, arm=local.arm, progress=Steps())
    steps = Steps()
    await engine.destroy(RECORD, arm=local.arm, progress=steps)
    assert steps.noted == [("ResourceGroup", "Running"), ("ResourceGroup", "Succeeded")]
    assert await local.arm.get(GROUP) is None
    await engine.destroy(RECORD, arm=local.arm, progress=steps)


async def test_in_a_shared_group_only_its_own_resources_are_deleted(local) -> None:
    await local.arm.put(GROUP, body=located(tags={"cs-environment-id": "env-other"}))
    await engine.make(RECORD, arm=local.arm, progress=Steps())
    foreign = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/foreign"
    await local.arm.put(foreign, body=located())
    await engine.destroy(RECORD, arm=local.arm, progress=Steps())
    assert [one["name"] for one in (await local.arm.get(f"{GROUP}/resources"))["value"]] == ["foreign"]
    assert (await local.arm.get(GROUP))["tags"] == {"cs-environment-id": "env-other"}
