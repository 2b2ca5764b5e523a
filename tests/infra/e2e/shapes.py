"""How azure-native's resources map to ARM: ids, and what of their inputs stands at the root of a body.

The real provider has this for every type from Azure's specifications; here are the types that an environment consists of.
What is not named as a part of the id or of the root is one of the `properties`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
ROOT = ("location", "tags", "identity", "kind", "sku")
READ_ONLY = {"provisioningState", "id", "name", "type", "systemData", "etag"}


@dataclass(frozen=True)
class Shape:
    path: str
    root: tuple[str, ...] = ROOT
    flat: bool = True  # inputs stand beside each other; False: the SDK has `properties` too
    fixed: tuple[str, ...] = ()  # what makes another resource of it when it changes, beside its id and location
    assigned: type[list[Any]] | type[dict[str, Any]] = list  # how the SDK has assigned identities, which ARM has as a dict

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def id(self, inputs: Mapping[str, Any], subscription: str) -> str:
        return self.path.format(**{**inputs, "subscriptionId": subscription})

    def parts(self, resource_id: str) -> Json:
        """The inputs that an id holds."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(self.path))
        found = re.fullmatch(pattern, resource_id)
        assert found, resource_id
        return {name: value for name, value in found.groupdict().items() if name != "subscriptionId"}

    def body(self, inputs: Mapping[str, Any]) -> Json:
        own = {name: value for name, value in inputs.items() if name not in self.parameters}
        root = {name: own.pop(name) for name in self.root if name in own}
        if assigned := (root.get("identity") or {}).get("userAssignedIdentities"):
            root["identity"] = {**root["identity"], "userAssignedIdentities": {one: {} for one in assigned}}
        return {**root, "properties": own} if self.flat else {**root, **own}

    def outputs(self, answered: Mapping[str, Any]) -> Json:
        root = {name: value for name, value in answered.items() if name != "properties"}
        properties = answered.get("properties") or {}
        return {**properties, **root} if self.flat else {**root, "properties": properties}

    def inputs(self, resource_id: str, answered: Mapping[str, Any]) -> Json:
        """As the provider reads them back: everything that can be written."""
        told = self.outputs(answered)
        if assigned := (told.get("identity") or {}).get("userAssignedIdentities"):
            listed = sorted(assigned) if self.assigned is list else {one: {} for one in assigned}
            told["identity"] = {**told["identity"], "userAssignedIdentities": listed}
        writable = {name: value for name, value in told.items() if name not in READ_ONLY}
        return {**writable, **self.parts(resource_id)}


def _in_group(kind: str, name: str, **more: Any) -> Shape:
    return Shape(f"{GROUP}/providers/{kind}/{{{name}}}", **more)


_ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/{{privateZoneName}}"
_IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{resourceName}}"
_TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/{{systemTopicName}}"
_ENDPOINT = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/{{privateEndpointName}}"
SHAPES: Mapping[str, Shape] = {
    "azure-native:resources:ResourceGroup": Shape(GROUP),
    "azure-native:managedidentity:UserAssignedIdentity": _in_group(
        "Microsoft.ManagedIdentity/userAssignedIdentities", "resourceName"
    ),
    "azure-native:operationalinsights:Workspace": _in_group(
        "Microsoft.OperationalInsights/workspaces", "workspaceName", root=("location", "tags", "identity")
    ),
    "azure-native:keyvault:Vault": _in_group("Microsoft.KeyVault/vaults", "vaultName", flat=False),
    "azure-native:app:ManagedEnvironment": _in_group("Microsoft.App/managedEnvironments", "environmentName"),
    "azure-native:containerservice:ManagedCluster": _in_group("Microsoft.ContainerService/managedClusters", "resourceName"),
    "azure-native:managedidentity:FederatedIdentityCredential": Shape(
        f"{_IDENTITY}/federatedIdentityCredentials/{{federatedIdentityCredentialResourceName}}"
    ),
    "azure-native:storage:StorageAccount": _in_group("Microsoft.Storage/storageAccounts", "accountName"),
    "azure-native:servicebus:Namespace": _in_group("Microsoft.ServiceBus/namespaces", "namespaceName"),
    "azure-native:web:AppServicePlan": _in_group("Microsoft.Web/serverfarms", "name"),
    "azure-native:network:VirtualNetwork": _in_group("Microsoft.Network/virtualNetworks", "virtualNetworkName"),
    "azure-native:network:NetworkSecurityGroup": _in_group(
        "Microsoft.Network/networkSecurityGroups", "networkSecurityGroupName"
    ),
    "azure-native:network:PrivateEndpoint": Shape(_ENDPOINT),
    "azure-native:network:PrivateDnsZoneGroup": Shape(f"{_ENDPOINT}/privateDnsZoneGroups/{{privateDnsZoneGroupName}}"),
    "azure-native:privatedns:PrivateZone": Shape(_ZONE),
    "azure-native:privatedns:VirtualNetworkLink": Shape(f"{_ZONE}/virtualNetworkLinks/{{virtualNetworkLinkName}}"),
    "azure-native:eventgrid:SystemTopic": Shape(_TOPIC, assigned=dict, fixed=("source", "topicType")),
    "azure-native:eventgrid:SystemTopicEventSubscription": Shape(
        f"{_TOPIC}/eventSubscriptions/{{eventSubscriptionName}}", root=()
    ),
    "azure-native:monitor:DiagnosticSetting": Shape("{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}"),
    "azure-native:authorization:RoleAssignment": Shape(
        "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
        fixed=("principalId", "roleDefinitionId"),
    ),
}
