"""What an environment is made of, by isolation model: closed to the public, named and tagged, with the narrowest roles."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from infra.components import roles
from infra.environment.owned import Surroundings, ground_of
from infra.environment.program import Environment
from infra.platform import duties
from infra.provisioner.engine import EnvironmentRecord
from shared.runtime.consumers.vault_event import read_vault_event
from tests.infra.cloud import PLATFORM, Declared, declare, record
from tests.support.outputs import read_outputs

POOL = {
    "workspaceId": "/pool/log",
    "endpointsSubnetId": "/pool/vnet/subnets/private-endpoints",
    "vaultZoneId": "/pool/zone",
    "vaultUri": "https://kv-pool.vault.azure.net/",
    "managedEnvironmentId": "/pool/cae",
    "clusterServer": "https://pool.example:443",
    "clusterCertificateAuthority": "Q0E=",
    "clusterId": "/pool/aks",
    "clusterIssuer": "https://issuer.example/pool/",
    "functionsPlanId": "/pool/plan-fn",
    "appServicePlanId": "/pool/plan-web",
}
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-env-0123456789abcdef"
BUS = f"{GROUP}/providers/Microsoft.ServiceBus/namespaces/sb-0123456789abcdef"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stfn0123456789abcdef"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-0123456789abcdef"
# Azure's limits (learn.microsoft.com, "Naming rules and restrictions for Azure resources").
LONGEST = {
    "azure-native:keyvault:Vault": ("vaultName", 24),
    "azure-native:containerservice:ManagedCluster": ("resourceName", 63),
    "azure-native:app:ManagedEnvironment": ("environmentName", 32),
    "azure-native:managedidentity:UserAssignedIdentity": ("resourceName", 128),
    "azure-native:operationalinsights:Workspace": ("workspaceName", 63),
    "azure-native:network:VirtualNetwork": ("virtualNetworkName", 64),
    "azure-native:network:PrivateEndpoint": ("privateEndpointName", 64),
    "azure-native:web:AppServicePlan": ("name", 40),
    "azure-native:storage:StorageAccount": ("accountName", 24),
    "azure-native:servicebus:Namespace": ("namespaceName", 50),
    "azure-native:resources:ResourceGroup": ("resourceGroupName", 90),
    "azure-native:eventgrid:SystemTopic": ("systemTopicName", 50),
}
OWN = {"ServiceBus", "ServiceBusLogs", "ServiceBusSending", "ServiceBusReceiving"}
OF_TARGETS = {
    "ClusterFederation", "FunctionsStorage", "FunctionsStorageMetrics", "FunctionsStorageBlobs", "FunctionsStorageQueues",
}  # fmt: skip
NOTICES = {"VaultEvents", "VaultNotices"}
SILO_STEPS = OWN | OF_TARGETS | {
    "ResourceGroup", "NetworkSecurityGroup", "Network", "VaultZone", "VaultZoneLink", "Identity", "Workspace", "KeyVault",
    "KeyVaultLogs", "VaultEndpoint", "VaultEndpointName", "KeyVaultAccess", "ManagedEnvironment", "ManagedEnvironmentLogs",
    "ClusterNetworkAccess", "Cluster", "ClusterLogs", "FunctionsPlan", "FunctionsPlanMetrics", "AppServicePlan",
    "AppServicePlanMetrics",
}  # fmt: skip


def environment(made: EnvironmentRecord, **surroundings: dict[str, str]) -> Declared:
    """Declared once for each record: a program under mocks takes a second."""
    return _environment(made.model_dump_json(), json.dumps(surroundings))


@cache
def _environment(made: str, surroundings: str) -> Declared:
    given, around = EnvironmentRecord.model_validate_json(made, by_name=True), Surroundings(**json.loads(surroundings))
    return declare(lambda: Environment(given, around, ground_of(given)).told)


@pytest.fixture(scope="module")
def silo() -> Declared:
    return environment(record(), platform=PLATFORM)


@pytest.fixture(scope="module")
def pooled() -> Declared:
    return environment(record(isolation_model="pool"), pool=POOL, platform=PLATFORM)


@pytest.fixture(scope="module")
def shared() -> Declared:
    return environment(record(isolation_model="shared"), pool=POOL, platform=PLATFORM)


def test_a_silo_has_all_of_its_own(silo: Declared) -> None:
    of_the_platform = {"PlatformEndpoint", "PlatformEndpointName", "ImagePull", "ClusterImagePull", *NOTICES}
    assert set(silo.azure()) == SILO_STEPS | of_the_platform


def test_a_pooled_environment_has_an_identity_and_a_vault_on_the_pools_network(pooled: Declared) -> None:
    assert set(pooled.azure()) == {
        "ResourceGroup", "Identity", "KeyVault", "KeyVaultLogs", "VaultEndpoint", "VaultEndpointName", "PlatformEndpoint",
        "PlatformEndpointName", "KeyVaultAccess", "ImagePull",
    } | OWN | OF_TARGETS | NOTICES  # fmt: skip
    assert pooled["VaultEndpoint"]["subnet"] == {"id": POOL["endpointsSubnetId"]}
    assert pooled["KeyVaultLogs"]["workspaceId"] == POOL["workspaceId"]


def test_a_shared_environment_has_an_identity_and_no_role_on_the_vault_that_tenants_share(shared: Declared) -> None:
    assert set(shared.azure()) == {"ResourceGroup", "Identity", "ImagePull"} | OWN | OF_TARGETS
    assert {scope for _role, scope in shared.roles()} == {PLATFORM["registryId"], BUS, STORAGE}
    assert shared.outputs["vaultUri"] == POOL["vaultUri"]


@pytest.mark.parametrize("model", ["silo", "pool"])
def test_what_the_vault_tells_of_its_secrets_goes_to_the_platform_as_the_platforms_identity(model: str) -> None:
    made = environment(record(isolation_model=model), pool=POOL, platform=PLATFORM)
    topic, notices = made["VaultEvents"], made["VaultNotices"]
    assert (topic["source"], topic["topicType"]) == (VAULT, "Microsoft.KeyVault.vaults")
    sender = {"type": "UserAssigned", "userAssignedIdentity": PLATFORM["noticesIdentityId"]}
    assert topic["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {PLATFORM["noticesIdentityId"]: {}}}
    assert notices["systemTopicName"] == topic["systemTopicName"]
    assert notices["deliveryWithResourceIdentity"] == {
        "identity": sender,
        "destination": {"endpointType": "ServiceBusQueue", "resourceId": PLATFORM["noticesQueueId"]},
    }
    account, _, container = PLATFORM["noticesContainerId"].partition("/blobServices/default/containers/")
    assert notices["deadLetterWithResourceIdentity"] == {
        "identity": sender,
        "deadLetterDestination": {"endpointType": "StorageBlob", "resourceId": account, "blobContainerName": container},
    }


@pytest.mark.parametrize("kind", ["SecretNearExpiry", "SecretExpired", "SecretNewVersionCreated"])
def test_the_app_understands_what_it_is_sent_of_a_vault(silo: Declared, kind: str) -> None:
    notices = silo["VaultNotices"]
    assert f"Microsoft.KeyVault.{kind}" in notices["filter"]["includedEventTypes"]
    assert notices["eventDeliverySchema"] == "EventGridSchema"
    data = {"VaultName": silo["KeyVault"]["vaultName"], "ObjectName": "db-password"}
    event = {"id": "1", "eventType": f"Microsoft.KeyVault.{kind}", "data": data}
    notice = read_vault_event(json.dumps(event).encode()).notice
    assert notice is not None
    assert f"{notice.vault_uri}/" == silo.outputs["vaultUri"]


def test_without_a_platform_there_is_nobody_to_tell() -> None:
    assert not NOTICES & set(environment(record()).resources)


@pytest.mark.parametrize("model", ["silo", "pool"])
def test_the_vault_is_closed_to_the_public_and_opened_by_roles(model: str) -> None:
    vault = environment(record(isolation_model=model), pool=POOL)["KeyVault"]["properties"]
    assert vault["publicNetworkAccess"] == "Disabled"
    assert vault["networkAcls"] == {"defaultAction": "Deny", "bypass": "None"}
    assert vault["enableRbacAuthorization"] is True
    assert vault["enableSoftDelete"] is True
    assert vault["enablePurgeProtection"] is True
    assert vault["tenantId"] == "tenant-1"


@pytest.mark.parametrize("stage", ["dev", "test", "staging"])
def test_purge_protection_is_for_production_and_left_out_elsewhere_since_azure_refuses_false(stage: str) -> None:
    vault = environment(record(stage=stage))["KeyVault"]["properties"]
    assert "enablePurgeProtection" not in vault


def test_the_cluster_lets_in_entra_identities_alone(silo: Declared) -> None:
    cluster = silo["Cluster"]
    assert cluster["disableLocalAccounts"] is True
    assert cluster["enableRBAC"] is True
    assert cluster["aadProfile"] == {"managed": True, "enableAzureRBAC": True}
    assert cluster["oidcIssuerProfile"] == {"enabled": True}
    assert cluster["securityProfile"]["workloadIdentity"] == {"enabled": True}
    assert cluster["addonProfiles"]["azureKeyvaultSecretsProvider"]["enabled"] is True
    assert cluster["identity"]["type"] == "UserAssigned"
    pool = cluster["agentPoolProfiles"][0]
    assert pool["enableNodePublicIP"] is False
    assert pool["vnetSubnetID"].endswith("/virtualNetworks/vnet-0123456789abcdef/subnets/aks")
    assert (pool["count"], pool["availabilityZones"]) == (3, ["1", "2", "3"])


def test_outside_production_a_cluster_is_one_node(silo: Declared) -> None:
    pool = environment(record(stage="dev"))["Cluster"]["agentPoolProfiles"][0]
    assert pool["count"] == 1
    assert "availabilityZones" not in pool


def test_container_apps_send_logs_without_a_shared_key(silo: Declared) -> None:
    made = silo["ManagedEnvironment"]
    assert made["appLogsConfiguration"] == {"destination": "azure-monitor"}
    assert made["vnetConfiguration"]["infrastructureSubnetId"].endswith("/subnets/container-apps")
    assert made["peerTrafficConfiguration"] == {"encryption": {"enabled": True}}
    assert made["zoneRedundant"] is True


def test_the_plans_are_linux_premium(silo: Declared) -> None:
    functions, web = silo["FunctionsPlan"], silo["AppServicePlan"]
    assert (functions["sku"]["name"], functions["kind"], functions["reserved"]) == ("EP1", "elastic", True)
    assert (web["sku"]["name"], web["reserved"], web["perSiteScaling"]) == ("P1v3", True, True)


def test_nothing_comes_in_from_the_internet_but_https(silo: Declared) -> None:
    rules = silo["NetworkSecurityGroup"]["securityRules"]
    from_outside = {
        (one["access"], one["destinationPortRange"]) for one in rules if one["sourceAddressPrefix"] == "Internet"
    }
    assert from_outside == {("Allow", "443"), ("Deny", "*")}
    assert max(rules, key=lambda one: one["priority"])["access"] == "Deny"
    subnets = silo["Network"]["subnets"]
    assert all(one["networkSecurityGroup"] == {"id": "/id/of/NetworkSecurityGroup"} for one in subnets)
    assert {one["name"] for one in subnets} == {"aks", "container-apps", "functions", "app-service", "private-endpoints"}


def test_roles_are_the_narrowest_on_the_narrowest_scope(silo: Declared) -> None:
    assert silo.roles() == {
        (roles.SECRETS_USER, VAULT),
        (roles.NETWORK_CONTRIBUTOR, f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet-0123456789abcdef"),
        (roles.ACR_PULL, PLATFORM["registryId"]),
        (roles.BUS_SENDER, BUS),
        (roles.BUS_RECEIVER, BUS),
        (roles.BLOB_OWNER, STORAGE),
        (roles.QUEUE_DATA, STORAGE),
    }
    assert {role for role, _scope in silo.roles()} == set(duties.GIVEN_BY_PROVISIONER)
    assert {one["principalType"] for one in silo.of_type(":RoleAssignment").values()} == {"ServicePrincipal"}


def test_the_names_of_role_assignments_are_known_before_their_principals_are(silo: Declared) -> None:
    again = environment(record(), platform=PLATFORM)
    names = {step: one["roleAssignmentName"] for step, one in silo.of_type(":RoleAssignment").items()}
    assert names == {step: one["roleAssignmentName"] for step, one in again.of_type(":RoleAssignment").items()}
    assert len(set(names.values())) == len(names)
    other = environment(record(environment_id="env-ffffffffffffffff"), platform=PLATFORM)
    assert other["KeyVaultAccess"]["roleAssignmentName"] != names["KeyVaultAccess"]


@pytest.mark.parametrize("model", ["silo", "pool", "shared"])
def test_everything_with_a_location_carries_the_tags(model: str) -> None:
    made = environment(record(isolation_model=model), pool=POOL, platform=PLATFORM)
    tracked = {step: one.inputs for step, one in made.azure().items() if "location" in one.inputs}
    assert "ResourceGroup" in tracked
    for step, inputs in tracked.items():
        assert inputs["tags"] == {
            "cs-tenant-id": "connectsoft",
            "cs-project-id": "proj-booking",
            "cs-environment-id": "env-0123456789abcdef",
            "cs-stage": "prod",
            "cs-operation-id": "op-0123456789abcdef0123456789abcdef",
            "cs-attempt": "1",
        }, step


@pytest.mark.parametrize("model", ["silo", "pool", "shared"])
def test_names_carry_the_environments_id_and_fit_azures_limits(model: str) -> None:
    made = environment(record(isolation_model=model), pool=POOL, platform=PLATFORM)
    for step, one in made.azure().items():
        if one.typ in LONGEST:
            name, longest = LONGEST[one.typ]
            assert len(one.inputs[name]) <= longest, step
            assert "0123456789abcdef" in one.inputs[name], step


def test_what_logs_is_heard(silo: Declared) -> None:
    heard = {one["resourceUri"].rpartition("/")[2].partition("-")[0] for one in silo.of_type(":DiagnosticSetting").values()}
    assert heard == {"kv", "cae", "aks", "plan", "sb", "stfn0123456789abcdef"}
    workspace = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-0123456789abcdef"
    assert {one["workspaceId"] for one in silo.of_type(":DiagnosticSetting").values()} == {workspace}


@pytest.mark.parametrize("model", ["silo", "pool", "shared"])
def test_data_is_entered_by_identities_alone(model: str) -> None:
    made = environment(record(isolation_model=model), pool=POOL)
    bus, storage = made["ServiceBus"], made["FunctionsStorage"]
    assert (bus["disableLocalAuth"], bus["minimumTlsVersion"], bus["sku"]["name"]) == (True, "1.2", "Standard")
    assert (storage["allowSharedKeyAccess"], storage["allowBlobPublicAccess"]) == (False, False)
    assert (storage["minimumTlsVersion"], storage["enableHttpsTrafficOnly"]) == ("TLS1_2", True)


@pytest.mark.parametrize(("model", "issuer"), [("silo", "https://issuer.example/own/"), ("pool", POOL["clusterIssuer"])])
def test_the_pods_of_its_namespace_and_no_others_may_be_its_identity(model: str, issuer: str) -> None:
    made = environment(record(isolation_model=model), pool=POOL)
    credential = made["ClusterFederation"]
    assert credential["resourceName"] == "id-0123456789abcdef"
    assert credential["issuer"] == issuer
    assert credential["subject"] == f"system:serviceaccount:{made.outputs['clusterNamespace']}:default"
    assert credential["audiences"] == ["api://AzureADTokenExchange"]


COMMON = {
    "resourceGroup", "identityId", "identityClientId", "directoryId", "workspaceId", "vaultUri", "serviceBusNamespace",
}  # fmt: skip
BY_TARGET: dict[str, set[str]] = {
    "aks": {"clusterServer", "clusterCertificateAuthority", "clusterNamespace", "clusterId"},
    "container-apps": {"managedEnvironmentId"},
    "functions": {"functionsPlanId", "functionsStorageAccount"},
    "app-service": {"appServicePlanId"},
}


@pytest.mark.parametrize("model", ["silo", "pool", "shared"])
@pytest.mark.parametrize("target", sorted(BY_TARGET))
def test_outputs_are_those_of_the_targets_and_no_others(model: str, target: str) -> None:
    told = environment(record(isolation_model=model, compute_targets=[target]), pool=POOL).outputs
    assert set(told) == COMMON | BY_TARGET[target]
    assert all(isinstance(value, str) and value for value in told.values())


@pytest.mark.parametrize("model", ["silo", "pool", "shared"])
def test_whatever_the_app_reads_is_put_out(model: str) -> None:
    assert read_outputs() <= set(environment(record(isolation_model=model), pool=POOL).outputs)


def test_the_outputs_are_what_a_target_needs(silo: Declared) -> None:
    expected: dict[str, Any] = {
        "resourceGroup": "rg-env-0123456789abcdef",
        "vaultUri": "https://kv-0123456789abcdef.vault.azure.net/",
        "identityClientId": "client-1",
        "clusterServer": "https://c.example:443",
        "clusterCertificateAuthority": "Q0E=",
        "clusterNamespace": "cs-env-0123456789abcdef",
    }
    assert expected.items() <= silo.outputs.items()


def test_what_stands_in_azure_and_not_in_the_state_is_imported() -> None:
    asked: list[str] = []
    given = record()

    def stands(named: Any) -> bool:
        asked.append(named.step)
        return str(named.step) in ("Identity", "KeyVault", "KeyVaultAccess")

    made = declare(lambda: Environment(given, Surroundings(), ground_of(given, stands)).told)
    imported = {step: one.resource_id for step, one in made.azure().items() if one.resource_id}
    assert set(asked) == SILO_STEPS
    assert set(imported) == {"Identity", "KeyVault", "KeyVaultAccess"}
    assert imported["KeyVault"] == VAULT
