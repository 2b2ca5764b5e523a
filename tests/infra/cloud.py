"""Azure as Pulumi's mocks have it: what a program declares is noted, and answered with what Azure would add to it."""

from __future__ import annotations

import asyncio
import base64
import copy
import re
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import pulumi
import yaml
from pulumi.runtime.stack import wait_for_rpcs

from infra.provisioner.engine import EnvironmentRecord

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
# What the platform's stack puts out and environments are tied to.
PLATFORM_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-cs-platform-prod"
_PROVIDERS = f"{PLATFORM_GROUP}/providers"
PLATFORM = {
    "registryId": f"{_PROVIDERS}/Microsoft.ContainerRegistry/registries/cr",
    "endpointsSubnetId": f"{_PROVIDERS}/Microsoft.Network/virtualNetworks/vnet/subnets/private-endpoints",
    "vaultZoneId": f"{_PROVIDERS}/Microsoft.Network/privateDnsZones/zone",
    "noticesIdentityId": f"{_PROVIDERS}/Microsoft.ManagedIdentity/userAssignedIdentities/id-notices",
    "noticesQueueId": f"{_PROVIDERS}/Microsoft.ServiceBus/namespaces/sb/queues/runtime-notices",
    "noticesContainerId": f"{_PROVIDERS}/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/undelivered",
}
KUBECONFIG = {
    "clusters": [{"name": "c", "cluster": {"server": "https://c.example:443", "certificate-authority-data": "Q0E="}}]
}
ADDED: dict[str, dict[str, Any]] = {
    "azure-native:managedidentity:UserAssignedIdentity": {
        "clientId": "client-1",
        "principalId": "principal-1",
        "tenantId": "tenant-1",
    },
    "azure-native:containerservice:ManagedCluster": {
        "identityProfile": {"kubeletidentity": {"objectId": "kubelet-1"}},
        "oidcIssuerProfile": {"enabled": True, "issuerURL": "https://issuer.example/own/"},
    },
    "azure-native:containerregistry:Registry": {"loginServer": "cr.azurecr.io"},
    "azure-native:applicationinsights:Component": {"connectionString": "InstrumentationKey=0"},
    "azure-native:web:WebApp": {"defaultHostName": "func.azurewebsites.net"},
}


class Declared:
    """What a program declared: by step, in the order of its declaration, with its inputs (camelCase)."""

    def __init__(self) -> None:
        self.resources: dict[str, pulumi.runtime.MockResourceArgs] = {}
        self.outputs: dict[str, Any] = {}

    def __getitem__(self, step: str) -> dict[str, Any]:
        inputs: dict[str, Any] = self.resources[step].inputs
        return inputs

    def __contains__(self, step: str) -> bool:
        return step in self.resources

    def of_type(self, suffix: str) -> dict[str, dict[str, Any]]:
        found = self.azure().items()
        return {step: one.inputs for step, one in found if one.typ.endswith(suffix)}

    def azure(self) -> dict[str, pulumi.runtime.MockResourceArgs]:
        return {step: one for step, one in self.resources.items() if one.typ.startswith("azure-native:")}

    def roles(self) -> set[tuple[str, str]]:
        """(role, scope) of every assignment; a role by its GUID."""
        given = self.of_type(":RoleAssignment").values()
        return {(one["roleDefinitionId"].rpartition("/")[2], one["scope"]) for one in given}


class Azure(pulumi.runtime.Mocks):
    def __init__(self, declared: Declared) -> None:
        self.declared = declared

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        assert args.name not in self.declared.resources, f"{args.name} is declared twice"
        if args.typ.startswith("azure-native:"):
            assert untranslated(args.inputs) == [], args.name
        self.declared.resources[args.name] = args
        answered = {**copy.deepcopy(args.inputs), **ADDED.get(args.typ, {})}
        if assigned := (answered.get("identity") or {}).get("userAssignedIdentities"):
            answered["identity"]["userAssignedIdentities"] = {one: {} for one in assigned}
        if args.typ == "azure-native:keyvault:Vault":
            answered["properties"]["vaultUri"] = f"https://{args.inputs['vaultName']}.vault.azure.net/"
        if args.typ == "azure-native:durabletask:Scheduler":
            answered["properties"]["endpoint"] = "https://dts.example"
        return f"/id/of/{args.name}", answered

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        assert args.token == "azure-native:containerservice:listManagedClusterUserCredentials", args.token
        value = base64.b64encode(yaml.safe_dump(KUBECONFIG).encode()).decode()
        return {"kubeconfigs": [{"name": "clusterUser", "value": value}]}


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all programs of a process, away from that of the tests: Pulumi's runtime keeps tasks of earlier ones."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def untranslated(inputs: Any, path: str = "") -> list[str]:
    """Names that are still Python's: Pulumi does not translate those of a dict whose type it cannot tell."""
    if isinstance(inputs, list):
        return [found for one in inputs for found in untranslated(one, path)]
    if not isinstance(inputs, dict):
        return []
    here = [f"{path}.{name}" for name in inputs if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name)]
    return here + [found for name, value in inputs.items() for found in untranslated(value, f"{path}.{name}")]


def declare(program: Callable[[], dict[str, Any]]) -> Declared:
    """Run a program that gives its outputs, under mocks."""
    declared = Declared()

    async def run() -> None:
        pulumi.runtime.set_mocks(Azure(declared), preview=False)
        outputs = program()
        await wait_for_rpcs()
        for name, value in outputs.items():
            declared.outputs[name] = await pulumi.Output.from_input(value).future()

    asyncio.run_coroutine_threadsafe(run(), _loop()).result()
    return declared


def record(**changed: Any) -> EnvironmentRecord:
    given: dict[str, Any] = {
        "tenant_id": "connectsoft",
        "project_id": "proj-booking",
        "environment_id": "env-0123456789abcdef",
        "name": "booking-prod-weu",
        "stage": "prod",
        "region": "westeurope",
        "isolation_model": "silo",
        "compute_targets": ["aks", "container-apps", "functions", "app-service"],
        "placement": {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg-env-0123456789abcdef"},
        "operation_id": "op-0123456789abcdef0123456789abcdef",
        "attempt": 1,
    }
    return EnvironmentRecord(**{**given, **changed})
