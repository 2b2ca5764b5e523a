"""The parts of an environment, in the order of their making.

A part's body may use what ARM answered for earlier parts (an identity's principal, a workspace's key, a cluster's issuer).
"""

from __future__ import annotations

from typing import Any

from localazure.engine.part import IDENTITY, Answers, Environment, Part, assigned, own_part, role

CONTAINER_APPS, AKS, FUNCTIONS, APP_SERVICE = "container-apps", "aks", "functions", "app-service"
GROUP, WORKSPACE, VAULT, SERVICE_BUS = "ResourceGroup", "Workspace", "KeyVault", "ServiceBus"
MANAGED_ENVIRONMENT, CLUSTER = "ManagedEnvironment", "Cluster"
FUNCTIONS_STORAGE, FUNCTIONS_PLAN, APP_SERVICE_PLAN = "FunctionsStorage", "FunctionsPlan", "AppServicePlan"

# Azure's built-in roles (learn.microsoft.com, "Azure built-in roles"), as `infra/components/roles.py` has them.
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
BUS_SENDER, BUS_RECEIVER = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
BLOB_OWNER, QUEUE_DATA = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"


def parts(environment: Environment) -> list[Part]:
    """What this environment consists of; the group first."""
    chosen = [*COMMON_PARTS]
    for target, needed in PARTS_OF_TARGETS.items():
        if target in environment.targets:
            chosen += needed
    return chosen


def _vault(environment: Environment, answers: Answers) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "tenantId": answers[IDENTITY]["properties"]["tenantId"],
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
    }
    if environment.stage == "prod":
        properties["enablePurgeProtection"] = True  # Azure refuses False: left out elsewhere
    return environment.tracked(properties=properties)


def _managed_environment(environment: Environment, answers: Answers) -> dict[str, Any]:
    workspace = answers[WORKSPACE]
    analytics = {"customerId": workspace["properties"]["customerId"], "sharedKey": workspace["keys"]["primarySharedKey"]}
    logs = {"destination": "log-analytics", "logAnalyticsConfiguration": analytics}
    properties = {"appLogsConfiguration": logs, "zoneRedundant": False}
    return environment.tracked(identity=assigned(answers), properties=properties)


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
    return environment.tracked(identity=assigned(answers), properties=properties)


def _functions_plan(environment: Environment, _: Answers) -> dict[str, Any]:
    """Elastic Premium: each app has its own least and most instances."""
    sku = {"name": "EP1", "tier": "ElasticPremium", "size": "EP1", "family": "EP", "capacity": 1}
    return environment.tracked(kind="elastic", sku=sku, properties={"reserved": True, "maximumElasticWorkerCount": 20})


def _app_service_plan(environment: Environment, _: Answers) -> dict[str, Any]:
    """Each site has a count of its own on what the plan has of instances."""
    sku = {"name": "P1v3", "tier": "PremiumV3", "size": "P1v3", "family": "Pv3", "capacity": 1}
    return environment.tracked(kind="linux", sku=sku, properties={"reserved": True, "perSiteScaling": True})


def _service_bus(environment: Environment, _: Answers) -> dict[str, Any]:
    properties = {"disableLocalAuth": True, "minimumTlsVersion": "1.2"}
    return environment.tracked(sku={"name": "Standard", "tier": "Standard"}, properties=properties)


def _functions_storage(environment: Environment, _: Answers) -> dict[str, Any]:
    """What the hosts of function apps keep their state in; entered by identity alone."""
    properties = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }
    return environment.tracked(kind="StorageV2", sku={"name": "Standard_LRS"}, properties=properties)


def _federation_id(environment: Environment, _: Answers) -> str:
    return f"{environment.named(IDENTITY_TYPE, 'id')}/federatedIdentityCredentials/aks"


def _federation(environment: Environment, answers: Answers) -> dict[str, Any]:
    """The cluster's service account may be the environment's identity: so its pods read their secrets."""
    properties = {
        "issuer": answers[CLUSTER]["properties"]["oidcIssuerProfile"]["issuerURL"],
        "subject": f"system:serviceaccount:cs-{environment.id}:default",
        "audiences": ["api://AzureADTokenExchange"],
    }
    return {"properties": properties}


IDENTITY_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
WORKSPACE_TYPE, BUS_TYPE = "Microsoft.OperationalInsights/workspaces", "Microsoft.ServiceBus/namespaces"
VAULT_TYPE, ENVIRONMENT_TYPE = "Microsoft.KeyVault/vaults", "Microsoft.App/managedEnvironments"
CLUSTER_TYPE, PLAN_TYPE = "Microsoft.ContainerService/managedClusters", "Microsoft.Web/serverfarms"
STORAGE_TYPE = "Microsoft.Storage/storageAccounts"
COUNT = frozenset({"sku.capacity"})  # scaling policies own it


def _vault_id(environment: Environment) -> str:
    return environment.named(VAULT_TYPE, "kv")


def _bus_id(environment: Environment) -> str:
    return environment.named(BUS_TYPE, "sb")


def _storage_id(environment: Environment) -> str:
    return environment.plainly(STORAGE_TYPE, "stfn")


COMMON_PARTS = (
    Part(GROUP, "2025-04-01", lambda env, _: env.group_id, lambda env, _: env.tracked()),
    Part(IDENTITY, "2024-11-30", lambda env, _: env.named(IDENTITY_TYPE, "id"), lambda env, _: env.tracked()),
    Part(
        WORKSPACE,
        "2023-09-01",
        lambda env, _: env.named(WORKSPACE_TYPE, "log"),
        lambda env, _: env.tracked(properties={"sku": {"name": "PerGB2018"}, "retentionInDays": 30}),
        {"keys": "sharedKeys"},
    ),
    Part(VAULT, "2024-11-01", lambda env, _: _vault_id(env), _vault, needs=frozenset({IDENTITY})),
    role("KeyVaultAccess", SECRETS_USER, _vault_id),
    Part(SERVICE_BUS, "2024-01-01", lambda env, _: _bus_id(env), _service_bus),
    role("ServiceBusSending", BUS_SENDER, _bus_id),
    role("ServiceBusReceiving", BUS_RECEIVER, _bus_id),
)
PARTS_OF_TARGETS = {
    CONTAINER_APPS: (
        Part(
            MANAGED_ENVIRONMENT,
            "2025-01-01",
            lambda env, _: env.named(ENVIRONMENT_TYPE, "cae"),
            _managed_environment,
            needs=frozenset({IDENTITY, WORKSPACE}),
            loose=frozenset({"properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey"}),
        ),
    ),
    AKS: (
        Part(
            CLUSTER,
            "2025-05-01",
            lambda env, _: env.named(CLUSTER_TYPE, "aks"),
            _cluster,
            {"credential": "listClusterUserCredential"},
            needs=frozenset({IDENTITY}),
            loose=frozenset({"properties.agentPoolProfiles[0].count"}),
        ),
        Part("ClusterFederation", "2024-11-30", _federation_id, _federation, needs=frozenset({CLUSTER}), own=False),
    ),
    FUNCTIONS: (
        Part(FUNCTIONS_STORAGE, "2024-01-01", lambda env, _: _storage_id(env), _functions_storage),
        role("FunctionsStorageBlobs", BLOB_OWNER, _storage_id),
        role("FunctionsStorageQueues", QUEUE_DATA, _storage_id),
        Part(FUNCTIONS_PLAN, "2025-05-01", lambda env, _: env.named(PLAN_TYPE, "func"), _functions_plan, loose=COUNT),
    ),
    APP_SERVICE: (
        Part(APP_SERVICE_PLAN, "2025-05-01", lambda env, _: env.named(PLAN_TYPE, "app"), _app_service_plan, loose=COUNT),
    ),
}
