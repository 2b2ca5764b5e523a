"""What an environment stands on: managed environments, vaults, identities, workspaces, clusters, role assignments.

Each fills the read-only properties that Azure fills; those that are drawn (client ids, customer ids) are drawn once and
kept with the resource. The tenant of the directory is one constant: a laptop has one directory.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

import yaml

from localazure.arm import shapes
from localazure.arm.answer import Answer, Call
from localazure.arm.errors import ArmError
from localazure.arm.kind import Kind
from localazure.arm.records import Records, Resource
from localazure.arm.shapes import Shape

DIRECTORY = "00000000-0000-4000-8000-00000000c0de"
_VAULT_NAME = re.compile(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]")


class Vaults(Protocol):
    """The Key Vault stand-in, as far as ARM needs it."""

    def create(self, name: str) -> None:
        """Make `https://<name>.vault.azure.net/` answer. Idempotent; keeps what the vault holds."""

    def delete(self, name: str) -> None:
        """Make it answer no longer; unknown is fine."""


@dataclass(frozen=True)
class Cluster:
    """Where the Kubernetes stand-in is reached, and how."""

    server: str  # https://host:port
    certificate_authority: str  # PEM
    token: str = ""


def _action(call: Call) -> str:
    return "/".join(call.target.below).lower() if call.method == "POST" else ""


class ManagedEnvironments(Kind):
    type: ClassVar[str] = "Microsoft.App/managedEnvironments"
    shape: ClassVar[Shape] = shapes.MANAGED_ENVIRONMENT
    changing: ClassVar[str] = "InfrastructureSetupInProgress"
    conflict: ClassVar[str] = "ManagedEnvironmentOperationInProgress"

    def accept(self, resource: Resource, standing: Resource | None) -> None:
        resource.facts.setdefault("domain", uuid.uuid4().hex[:8])

    def removable(self, resource: Resource) -> None:
        for app in (*self.records.of_type("Microsoft.App/containerApps"), *self.records.of_type("Microsoft.App/jobs")):
            properties = app.properties
            used = properties.get("environmentId") or properties.get("managedEnvironmentId") or ""
            if str(used).lower() == resource.key:
                message = f"The environment '{resource.name}' cannot be deleted because it has '{app.name}' in it."
                raise ArmError(409, "ManagedEnvironmentNotEmpty", message)

    def properties(self, resource: Resource) -> dict[str, Any]:
        properties = super().properties(resource)
        logs = dict(properties.get("appLogsConfiguration") or {})
        if analytics := logs.get("logAnalyticsConfiguration"):
            logs["logAnalyticsConfiguration"] = {key: value for key, value in analytics.items() if key != "sharedKey"}
            properties["appLogsConfiguration"] = logs
        place = str(resource.body["location"]).replace(" ", "").lower()
        properties["defaultDomain"] = f"{resource.facts['domain']}.{place}.azurecontainerapps.io"
        properties["staticIp"] = "127.0.0.1"
        return properties


class KeyVaults(Kind):
    type: ClassVar[str] = "Microsoft.KeyVault/vaults"
    shape: ClassVar[Shape] = shapes.VAULT
    changing: ClassVar[str] = "RegisteringDns"
    conflict: ClassVar[str] = "ConflictError"

    def __init__(self, records: Records, vaults: Vaults) -> None:
        super().__init__(records)
        self._vaults = vaults

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        name = call.target.name
        if not _VAULT_NAME.fullmatch(name):
            raise ArmError(
                400, "VaultNameNotValid", f"The vault name '{name}' is invalid: 3 to 24 letters, digits and '-'."
            )
        properties = body.get("properties") or {}
        if not properties.get("tenantId") or not properties.get("sku"):
            raise ArmError(400, "BadRequest", "The properties 'tenantId' and 'sku' are required.")
        taken = (vault for vault in self.records.of_type(self.type) if vault.name.lower() == name.lower())
        if standing is None and any(taken):
            raise ArmError(409, "VaultAlreadyExists", f"The vault name '{name}' is already in use: names are global.")
        if (
            standing
            and standing.properties.get("enablePurgeProtection")
            and properties.get("enablePurgeProtection") is False
        ):
            raise ArmError(400, "BadRequest", "The property 'enablePurgeProtection' cannot be set to false.")

    async def realise(self, resource: Resource) -> None:
        self._vaults.create(resource.name)

    async def remove(self, resource: Resource) -> None:
        """Gone at once: a recoverable, soft-deleted vault is not emulated."""
        self._vaults.delete(resource.name)

    def properties(self, resource: Resource) -> dict[str, Any]:
        properties = {"accessPolicies": [], "enableSoftDelete": True, **super().properties(resource)}
        properties.pop("createMode", None)
        return {**properties, "vaultUri": f"https://{resource.name}.vault.azure.net/"}


class Identities(Kind):
    type: ClassVar[str] = "Microsoft.ManagedIdentity/userAssignedIdentities"
    lasting: ClassVar[bool] = False

    def accept(self, resource: Resource, standing: Resource | None) -> None:
        for name in ("clientId", "principalId"):
            resource.facts.setdefault(name, str(uuid.uuid4()))

    def properties(self, resource: Resource) -> dict[str, Any]:
        drawn = {name: resource.facts[name] for name in ("clientId", "principalId")}
        return {**resource.properties, "tenantId": DIRECTORY, **drawn}

    async def descend(self, call: Call, resource: Resource) -> Answer:
        """Federated credentials, kept with the identity; whose tokens they would accept is not asked here."""
        match [segment.lower() for segment in call.target.below]:
            case ["federatedidentitycredentials", name]:
                return self._federated(call, resource, name)
        return await super().descend(call, resource)

    def _federated(self, call: Call, resource: Resource, name: str) -> Answer:
        known: dict[str, Any] = resource.facts.setdefault("federated", {})
        standing = known.get(name)
        if call.method == "PUT":
            properties = call.body.get("properties") or {}
            if not all(properties.get(part) for part in ("issuer", "subject", "audiences")):
                raise ArmError(400, "BadRequest", "A federated credential has an issuer, a subject and audiences.")
            spelled = call.target.below[-1]
            ident = f"{resource.id}/federatedIdentityCredentials/{spelled}"
            known[name] = {"id": ident, "name": spelled, "type": f"{self.type}/federatedIdentityCredentials"}
            known[name]["properties"] = dict(properties)
            self.records.save(resource)
            return Answer(200 if standing else 201, known[name])
        if call.method == "DELETE":
            known.pop(name, None)
            self.records.save(resource)
            return Answer(200 if standing else 204)
        if standing is None:
            raise ArmError(404, "ResourceNotFound", f"The identity '{resource.name}' has no credential '{name}'.")
        return Answer(200, standing)


class Workspaces(Kind):
    type: ClassVar[str] = "Microsoft.OperationalInsights/workspaces"
    changing: ClassVar[str] = "Creating"

    def accept(self, resource: Resource, standing: Resource | None) -> None:
        resource.facts.setdefault("customerId", str(uuid.uuid4()))
        for name in ("primarySharedKey", "secondarySharedKey"):
            resource.facts.setdefault(name, base64.b64encode(uuid.uuid4().bytes * 4).decode())

    def properties(self, resource: Resource) -> dict[str, Any]:
        sent = {"sku": {"name": "PerGB2018"}, "retentionInDays": 30, **super().properties(resource)}
        return {**sent, "customerId": resource.facts["customerId"], "createdDate": resource.created}

    async def descend(self, call: Call, resource: Resource) -> Answer:
        if _action(call) != "sharedkeys":
            return await super().descend(call, resource)
        return Answer(200, {key: value for key, value in resource.facts.items() if key.endswith("SharedKey")})


class ManagedClusters(Kind):
    """Every cluster is the one Kubernetes stand-in; a namespace keeps the environments apart."""

    type: ClassVar[str] = "Microsoft.ContainerService/managedClusters"
    shape: ClassVar[Shape] = shapes.CLUSTER
    changing: ClassVar[str] = "Creating"
    conflict: ClassVar[str] = "OperationNotAllowed"

    def __init__(self, records: Records, cluster: Cluster) -> None:
        super().__init__(records)
        self._cluster = cluster

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        if standing is None and not (body.get("properties") or {}).get("agentPoolProfiles"):
            raise ArmError(400, "InvalidParameter", "Required parameter agentPoolProfiles is missing (null).")

    def properties(self, resource: Resource) -> dict[str, Any]:
        fqdn = urlsplit(self._cluster.server).netloc
        properties = {**super().properties(resource), "fqdn": fqdn, "powerState": {"code": "Running"}}
        properties["identityProfile"] = {"kubeletidentity": _kubelet(resource)}
        if (properties.get("oidcIssuerProfile") or {}).get("enabled"):
            issuer = f"https://{resource.body['location']}.oic.prod-aks.azure.com/{DIRECTORY}/{resource.name}/"
            properties["oidcIssuerProfile"] = {**properties["oidcIssuerProfile"], "issuerURL": issuer}
        return properties

    async def descend(self, call: Call, resource: Resource) -> Answer:
        if _action(call) != "listclusterusercredential":
            return await super().descend(call, resource)
        kubeconfig = yaml.safe_dump(self._kubeconfig(resource.name), sort_keys=False).encode()
        return Answer(200, {"kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(kubeconfig).decode()}]})

    def _kubeconfig(self, name: str) -> dict[str, Any]:
        authority = base64.b64encode(self._cluster.certificate_authority.encode()).decode()
        cluster = {"server": self._cluster.server, "certificate-authority-data": authority}
        user = {"token": self._cluster.token} if self._cluster.token else {}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": f"clusterUser_{name}", "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": f"clusterUser_{name}"}}],
            "current-context": name,
        }


def _kubelet(cluster: Resource) -> dict[str, str]:
    """The identity that AKS makes for a cluster's nodes, as which they pull images."""
    nodes = f"{cluster.id.partition('/resourceGroups/')[0]}/resourceGroups/MC_{cluster.name}"
    ident = f"{nodes}/providers/{Identities.type}/{cluster.name}-agentpool"
    drawn = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster.id}/{name}")) for name in ("clientId", "objectId")}
    return {"resourceId": ident, **drawn}


class RoleAssignments(Kind):
    """An extension resource: it stands on any scope and is written at once. Nothing here is enforced."""

    type: ClassVar[str] = "Microsoft.Authorization/roleAssignments"
    shape: ClassVar[Shape] = shapes.ROLE_ASSIGNMENT
    lasting: ClassVar[bool] = False
    located: ClassVar[bool] = False

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        properties = body.get("properties") or {}
        if not properties.get("roleDefinitionId") or not properties.get("principalId"):
            raise ArmError(
                400, "InvalidRequestContent", "The properties 'roleDefinitionId' and 'principalId' are required."
            )
        held = standing.properties if standing else properties
        if any(held.get(name) != properties[name] for name in ("roleDefinitionId", "principalId")):
            raise ArmError(
                409, "RoleAssignmentUpdateNotPermitted", "Tenant ID, application ID, principal ID, and scope are fixed."
            )
        self._once(call, properties, standing)

    def _once(self, call: Call, properties: Mapping[str, Any], standing: Resource | None) -> None:
        wanted = (str(properties["roleDefinitionId"]).lower(), properties["principalId"])
        for found in self.records.beside(call.target):
            held = (str(found.properties["roleDefinitionId"]).lower(), found.properties["principalId"])
            if held == wanted and (standing is None or found.key != standing.key):
                raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")

    def properties(self, resource: Resource) -> dict[str, Any]:
        scope = resource.id[: resource.id.lower().rindex("/providers/")]
        times = {"createdOn": resource.created, "updatedOn": resource.created}
        return {"principalType": "ServicePrincipal", **resource.properties, "scope": scope, **times}
