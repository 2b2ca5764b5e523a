"""The parts of an environment, in the order of their making: names that carry its id, bodies, tags.

A part's body may use what ARM answered for earlier parts (an identity's principal, a workspace's key). Names are explicit,
never drawn: a second run finds what the first one made.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

CONTAINER_APPS, AKS, FUNCTIONS, APP_SERVICE = "container-apps", "aks", "functions", "app-service"
GROUP, IDENTITY, WORKSPACE, VAULT = "ResourceGroup", "Identity", "Workspace", "KeyVault"
VAULT_ACCESS, MANAGED_ENVIRONMENT, CLUSTER = "KeyVaultAccess", "ManagedEnvironment", "Cluster"
FUNCTIONS_PLAN, APP_SERVICE_PLAN = "FunctionsPlan", "AppServicePlan"

# Azure's built-in role "Key Vault Secrets User" (learn.microsoft.com, built-in roles).
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
_NAMESPACE = uuid.UUID("2f1b7f4e-4c0e-4b0e-9c63-5d7a4b1c2d3e")  # of role assignment names

Answers = dict[str, dict[str, Any]]  # by step: what ARM answered


@dataclass(frozen=True)
class Environment:
    """The record of an environment, as far as its resources depend on it."""

    id: str
    stage: str
    region: str
    targets: tuple[str, ...]
    subscription: str
    group: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Environment:
        """Raises `KeyError` for a record without its identifiers or placement."""
        ident, placement = str(record["environmentId"]), record["placement"]
        tags = {
            "cs-tenant-id": str(record["tenantId"]),
            "cs-project-id": str(record["projectId"]),
            "cs-environment-id": ident,
            "cs-stage": str(record["stage"]),
            "cs-operation-id": str(record["operationId"]),
            "cs-attempt": str(record["attempt"]),
        }
        targets, group = tuple(record["computeTargets"]), placement.get("resourceGroup") or f"rg-cs-{own_part(ident)}"
        return cls(ident, record["stage"], record["region"], targets, placement["subscriptionId"], group, tags)

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    def named(self, kind: str, prefix: str) -> str:
        """The id of a resource in the group; `<prefix>-<16 hex>` fits every limit (24 for vaults)."""
        return f"{self.group_id}/providers/{kind}/{prefix}-{own_part(self.id)}"


def own_part(environment_id: str) -> str:
    return environment_id.removeprefix("env-")


@dataclass(frozen=True)
class Part:
    """One resource. `actions`: what to ask of it once it stands, by the name the answer gets."""

    step: str
    api_version: str
    id: Callable[[Environment, Answers], str]
    body: Callable[[Environment, Answers], dict[str, Any]]
    actions: Mapping[str, str] = field(default_factory=dict)
    own: bool = True  # deleted by itself when the group stays; else it goes with what it stands on


def parts(environment: Environment) -> list[Part]:
    """What this environment consists of; the group first."""
    chosen = [GROUP_PART, IDENTITY_PART, WORKSPACE_PART, VAULT_PART, VAULT_ACCESS_PART]
    if CONTAINER_APPS in environment.targets:
        chosen.append(MANAGED_ENVIRONMENT_PART)
    if AKS in environment.targets:
        chosen.append(CLUSTER_PART)
    if FUNCTIONS in environment.targets:
        chosen.append(FUNCTIONS_PLAN_PART)
    if APP_SERVICE in environment.targets:
        chosen.append(APP_SERVICE_PLAN_PART)
    return chosen


def _tracked(environment: Environment, **rest: Any) -> dict[str, Any]:
    return {"location": environment.region, "tags": dict(environment.tags), **rest}


def _vault(environment: Environment, answers: Answers) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tenantId": answers[IDENTITY]["properties"]["tenantId"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
    }
    if environment.stage == "prod":
        properties["enablePurgeProtection"] = True  # Azure refuses False: left out elsewhere
    return _tracked(environment, properties=properties)


def _access_id(environment: Environment, answers: Answers) -> str:
    """A role assignment's name is a GUID: the same one for the same vault and principal."""
    vault, principal = environment.named(VAULT_TYPE, "kv"), answers[IDENTITY]["properties"]["principalId"]
    name = uuid.uuid5(_NAMESPACE, f"{vault.lower()}|{principal}|{SECRETS_USER}")
    return f"{vault}/providers/Microsoft.Authorization/roleAssignments/{name}"


def _access(environment: Environment, answers: Answers) -> dict[str, Any]:
    role = f"/subscriptions/{environment.subscription}/providers/Microsoft.Authorization/roleDefinitions/{SECRETS_USER}"
    principal = answers[IDENTITY]["properties"]["principalId"]
    return {"properties": {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}}


def _assigned(answers: Answers) -> dict[str, Any]:
    return {"type": "UserAssigned", "userAssignedIdentities": {answers[IDENTITY]["id"]: {}}}


def _managed_environment(environment: Environment, answers: Answers) -> dict[str, Any]:
    workspace = answers[WORKSPACE]
    analytics = {"customerId": workspace["properties"]["customerId"], "sharedKey": workspace["keys"]["primarySharedKey"]}
    logs = {"destination": "log-analytics", "logAnalyticsConfiguration": analytics}
    properties = {"appLogsConfiguration": logs, "zoneRedundant": False}
    return _tracked(environment, identity=_assigned(answers), properties=properties)


def _cluster(environment: Environment, answers: Answers) -> dict[str, Any]:
    pool = {
        "name": "system",
        "mode": "System",
        "count": 3 if environment.stage == "prod" else 1,
        "vmSize": "Standard_D2s_v5",
        "osType": "Linux",
        "type": "VirtualMachineScaleSets",
    }
    properties = {
        "dnsPrefix": f"cs-{own_part(environment.id)}",
        "agentPoolProfiles": [pool],
        "enableRBAC": True,
        "oidcIssuerProfile": {"enabled": True},
        "securityProfile": {"workloadIdentity": {"enabled": True}},
    }
    return _tracked(environment, identity=_assigned(answers), properties=properties)


def _functions_plan(environment: Environment, _: Answers) -> dict[str, Any]:
    """Elastic Premium: each app has its own least and most instances."""
    sku = {"name": "EP1", "tier": "ElasticPremium", "size": "EP1", "family": "EP", "capacity": 1}
    return _tracked(environment, kind="elastic", sku=sku, properties={"reserved": True, "maximumElasticWorkerCount": 20})


def _app_service_plan(environment: Environment, _: Answers) -> dict[str, Any]:
    """Each site has a count of its own on what the plan has of instances."""
    sku = {"name": "P1v3", "tier": "PremiumV3", "size": "P1v3", "family": "Pv3", "capacity": 1}
    return _tracked(environment, kind="linux", sku=sku, properties={"reserved": True, "perSiteScaling": True})


IDENTITY_TYPE, WORKSPACE_TYPE = (
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.OperationalInsights/workspaces",
)
VAULT_TYPE, ENVIRONMENT_TYPE = "Microsoft.KeyVault/vaults", "Microsoft.App/managedEnvironments"
CLUSTER_TYPE, PLAN_TYPE = "Microsoft.ContainerService/managedClusters", "Microsoft.Web/serverfarms"

GROUP_PART = Part(GROUP, "2025-04-01", lambda env, _: env.group_id, lambda env, _: _tracked(env))
IDENTITY_PART = Part(IDENTITY, "2024-11-30", lambda env, _: env.named(IDENTITY_TYPE, "id"), lambda env, _: _tracked(env))
WORKSPACE_PART = Part(
    WORKSPACE,
    "2023-09-01",
    lambda env, _: env.named(WORKSPACE_TYPE, "log"),
    lambda env, _: _tracked(env, properties={"sku": {"name": "PerGB2018"}, "retentionInDays": 30}),
    {"keys": "sharedKeys"},
)
VAULT_PART = Part(VAULT, "2024-11-01", lambda env, _: env.named(VAULT_TYPE, "kv"), _vault)
VAULT_ACCESS_PART = Part(VAULT_ACCESS, "2022-04-01", _access_id, _access, own=False)
MANAGED_ENVIRONMENT_PART = Part(
    MANAGED_ENVIRONMENT, "2025-01-01", lambda env, _: env.named(ENVIRONMENT_TYPE, "cae"), _managed_environment
)
CLUSTER_PART = Part(
    CLUSTER,
    "2025-05-01",
    lambda env, _: env.named(CLUSTER_TYPE, "aks"),
    _cluster,
    {"credential": "listClusterUserCredential"},
)
FUNCTIONS_PLAN_PART = Part(FUNCTIONS_PLAN, "2025-05-01", lambda env, _: env.named(PLAN_TYPE, "func"), _functions_plan)
APP_SERVICE_PLAN_PART = Part(APP_SERVICE_PLAN, "2025-05-01", lambda env, _: env.named(PLAN_TYPE, "app"), _app_service_plan)
