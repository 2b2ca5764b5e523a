"""What every engine keeps, asked of the embedded one and of Pulumi: the same outputs, nothing twice, nothing left.

Pulumi's part needs its engine on PATH; without it, that half is one stated skip.
"""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from infra.provisioner.engine import Engine, load
from tests.infra.cloud import record
from tests.infra.e2e.conftest import ABSENT, Local, certificate, local, plugins
from tests.infra.e2e.stand_in import VERSION
from tests.support.outputs import read_outputs

__all__ = ["certificate", "local", "plugins"]

TARGETS = ["container-apps", "aks", "functions", "app-service"]
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-env-0123456789abcdef"
OUTPUTS = {
    "resourceGroup", "identityId", "identityClientId", "directoryId", "workspaceId", "vaultUri", "managedEnvironmentId",
    "clusterServer", "clusterCertificateAuthority", "clusterNamespace", "functionsPlanId", "functionsStorageAccount",
    "appServicePlanId", "serviceBusNamespace",
}  # fmt: skip
STEPS = [
    "ResourceGroup", "Identity", "Workspace", "KeyVault", "KeyVaultAccess", "ServiceBus", "ServiceBusSending",
    "ServiceBusReceiving", "ManagedEnvironment", "Cluster", "ClusterFederation", "FunctionsStorage",
    "FunctionsStorageBlobs", "FunctionsStorageQueues", "FunctionsPlan", "AppServicePlan",
]  # fmt: skip
ENGINES = ["embedded", pytest.param("pulumi", marks=pytest.mark.skipif(ABSENT, reason="pulumi is not on PATH"))]


class Steps:
    """`fail_at`: the step at whose report the run breaks off."""

    def __init__(self, fail_at: str = "") -> None:
        self.noted: list[tuple[str, str]] = []
        self.fail_at = fail_at

    async def __call__(self, step: str, status: str, detail: str) -> None:
        assert detail
        if step == self.fail_at:
            raise ConnectionError(step)
        self.noted.append((step, status))

    def first(self, status: str) -> set[str]:
        """Once each: a heartbeat repeats the last report."""
        return {step for step, noted in self.noted if noted == status and step in STEPS}


@pytest_asyncio.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, local: Local) -> Engine:
    return local.engine if request.param == "pulumi" else load("localazure.engine")


def environment(**changed: Any) -> dict[str, Any]:
    return record(stage="dev", compute_targets=TARGETS, **changed).document()


async def made_once(local: Local) -> bool:
    return set(local.azure.made.values()) == {1}


async def test_outputs_are_the_ones_that_targets_look_for(engine: Engine, local: Local) -> None:
    steps = Steps()
    outputs = await engine.make(environment(), arm=local.arm, progress=steps)
    assert set(outputs) >= OUTPUTS >= read_outputs()
    assert all(isinstance(value, str) and value for value in outputs.values())
    assert outputs["resourceGroup"] == "rg-env-0123456789abcdef"
    assert outputs["vaultUri"] == "https://kv-0123456789abcdef.vault.azure.net/"
    assert outputs["clusterServer"] == "https://127.0.0.1:6443"
    assert outputs["clusterNamespace"] == "cs-env-0123456789abcdef"
    assert outputs["serviceBusNamespace"] == "sb-0123456789abcdef"
    assert outputs["functionsStorageAccount"] == "stfn0123456789abcdef"
    identity = await local.arm.get(outputs["identityId"])
    assert identity is not None
    assert outputs["identityClientId"] == identity["properties"]["clientId"]
    assert outputs["directoryId"] == identity["properties"]["tenantId"]
    assert await local.arm.get(outputs["managedEnvironmentId"])
    assert steps.first("Running") == steps.first("Succeeded") == set(STEPS)
    group = await local.arm.get(GROUP)
    assert group is not None
    assert group["tags"] == {
        "cs-tenant-id": "connectsoft",
        "cs-project-id": "proj-booking",
        "cs-environment-id": "env-0123456789abcdef",
        "cs-stage": "dev",
        "cs-operation-id": "op-0123456789abcdef0123456789abcdef",
        "cs-attempt": "1",
    }

    assert await engine.make(environment(attempt=2), arm=local.arm, progress=Steps()) == outputs
    assert await made_once(local)

    await engine.destroy(environment(), arm=local.arm, progress=Steps())
    assert await local.arm.get(GROUP) is None
    await engine.destroy(environment(), arm=local.arm, progress=Steps())


@pytest.mark.parametrize("step", ["Identity", "KeyVault", "ManagedEnvironment"])
async def test_a_run_that_broke_off_is_taken_up_and_makes_nothing_twice(engine: Engine, local: Local, step: str) -> None:
    with pytest.raises(ConnectionError):
        await engine.make(environment(), arm=local.arm, progress=Steps(fail_at=step))
    outputs = await engine.make(environment(attempt=2), arm=local.arm, progress=Steps())
    assert set(outputs) >= OUTPUTS
    assert await made_once(local)


async def test_a_run_that_broke_off_leaves_nothing_once_it_is_unmade(engine: Engine, local: Local) -> None:
    with pytest.raises(ConnectionError):
        await engine.make(environment(), arm=local.arm, progress=Steps(fail_at="KeyVault"))
    await engine.destroy(environment(), arm=local.arm, progress=Steps())
    assert await local.arm.get(GROUP) is None


async def test_an_inspection_finds_what_was_changed_and_what_is_gone_and_changes_nothing(
    engine: Engine, local: Local
) -> None:
    await engine.make(environment(), arm=local.arm, progress=Steps())
    looking = environment(operation_id="", attempt=0)
    assert await engine.inspect(looking, arm=local.arm) == []
    bus = await local.arm.get(f"{GROUP}/providers/Microsoft.ServiceBus/namespaces/sb-0123456789abcdef")
    assert bus is not None
    body = {name: bus[name] for name in ("location", "tags", "sku")}
    await local.arm.put(bus["id"], VERSION, {**body, "properties": {"disableLocalAuth": False, "minimumTlsVersion": "1.2"}})
    await local.arm.delete(f"{GROUP}/providers/Microsoft.App/managedEnvironments/cae-0123456789abcdef")
    made, reached = dict(local.azure.made), list(local.azure.reached)
    found = {one["resource"]: one["change"] for one in await engine.inspect(looking, arm=local.arm)}
    ours = {name: change for name, change in found.items() if name in STEPS}
    assert ours == {"ServiceBus": "update", "ManagedEnvironment": "delete"}
    assert (dict(local.azure.made), local.azure.reached) == (made, reached)


async def test_made_again_to_mend_what_was_changed_is_changed_back_and_what_others_decide_on_stays(
    engine: Engine, local: Local
) -> None:
    outputs = await engine.make(environment(), arm=local.arm, progress=Steps())
    bus = await local.arm.get(f"{GROUP}/providers/Microsoft.ServiceBus/namespaces/sb-0123456789abcdef")
    assert bus is not None
    body = {name: bus[name] for name in ("location", "tags", "sku")}
    await local.arm.put(bus["id"], VERSION, {**body, "properties": {"disableLocalAuth": False, "minimumTlsVersion": "1.2"}})
    plan = await local.arm.get(outputs["appServicePlanId"])
    assert plan is not None
    body = {name: plan[name] for name in ("location", "tags", "kind")}
    scaled = {**body, "sku": {**plan["sku"], "capacity": 7}, "properties": {"reserved": True, "perSiteScaling": False}}
    await local.arm.put(plan["id"], VERSION, scaled)
    await local.arm.delete(outputs["managedEnvironmentId"])
    assert await engine.make(environment(attempt=2), arm=local.arm, progress=Steps()), "without a word, it is left so"
    assert {one["resource"] for one in await engine.inspect(environment(), arm=local.arm)} & {"ServiceBus"}

    assert await engine.make(environment(attempt=3, mend=True), arm=local.arm, progress=Steps()) == outputs
    assert await engine.inspect(environment(), arm=local.arm) == []
    mended = await local.arm.get(bus["id"])
    assert mended is not None
    assert mended["properties"]["disableLocalAuth"] is True
    plan = await local.arm.get(outputs["appServicePlanId"])
    assert plan is not None
    assert plan["sku"]["capacity"] == 7


async def test_a_count_that_a_scaling_policy_owns_is_no_difference(engine: Engine, local: Local) -> None:
    outputs = await engine.make(environment(), arm=local.arm, progress=Steps())
    plan = await local.arm.get(outputs["appServicePlanId"])
    assert plan is not None
    body = {name: plan[name] for name in ("location", "tags", "kind")}
    named = plan["properties"].keys() & {"reserved", "perSiteScaling", "zoneRedundant"}
    properties = {name: plan["properties"][name] for name in named}
    await local.arm.put(plan["id"], VERSION, {**body, "sku": {**plan["sku"], "capacity": 7}, "properties": properties})
    assert await engine.inspect(environment(), arm=local.arm) == []


async def test_what_was_never_made_is_unmade_without_a_word(engine: Engine, local: Local) -> None:
    steps = Steps()
    await engine.destroy(environment(), arm=local.arm, progress=steps)
    assert steps.noted == []


async def test_data_that_is_retained_stays(engine: Engine, local: Local) -> None:
    outputs = await engine.make(environment(), arm=local.arm, progress=Steps())
    await engine.destroy(environment(retain_data=True), arm=local.arm, progress=Steps())
    assert await local.arm.get(outputs["workspaceId"])
    assert await local.arm.get(f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-0123456789abcdef")
    assert await local.arm.get(outputs["identityId"]) is None
    assert await local.arm.get(outputs["managedEnvironmentId"]) is None
