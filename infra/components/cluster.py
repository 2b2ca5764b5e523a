"""An AKS cluster that only Entra identities enter: no local accounts, Azure RBAC for Kubernetes, workload identity.

Secrets come through the Key Vault CSI driver. Nodes have no public address; the control plane runs as an identity of the
environment, whose one role beyond it is on the subnet's network.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import pulumi
import yaml
from pulumi_azure_native import containerservice

from infra.components import logs, roles
from infra.components.ground import Component, Ground, Named
from infra.components.identity import Identity

KIND: Final = "Microsoft.ContainerService/managedClusters"
STEP: Final = "Cluster"


def cluster_name(ground: Ground) -> Named:
    return ground.called(STEP, KIND, "aks", "2025-05-01")


class Cluster(Component):
    """`server` and `authority` are what a client needs besides a token; `issuer` signs the service accounts' own."""

    def __init__(
        self,
        ground: Ground,
        identity: Identity,
        *,
        network: str,
        subnet: str,
        workspace: str,
        parent: pulumi.Resource | None = None,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Cluster", "ClusterOf", parent)
        self.named: Named = cluster_name(ground)
        joins = roles.give(
            ground,
            "ClusterNetworkAccess",
            roles.NETWORK_CONTRIBUTOR,
            scope=network,
            to=identity.named.id,
            principal_id=identity.principal_id,
            parent=self,
            after=[identity.resource, *after],
        )
        self.resource = containerservice.ManagedCluster(
            self.named.step,
            resource_name_=self.named.name,
            dns_prefix=f"cs-{ground.own}",
            identity={"type": "UserAssigned", "user_assigned_identities": [identity.named.id]},
            agent_pool_profiles=[_pool(ground, subnet)],
            addon_profiles=_addons(workspace),
            opts=ground.options(self.named, self, [joins, *after], ignored=["agentPoolProfiles[0].count"]),
            **_closed(),
            **ground.tracked(),
        )
        logs.diagnose(ground, "ClusterLogs", self.named, workspace, parent=self, after=[self.resource])
        self.server, self.authority = self._reached(ground)
        self.kubelet: pulumi.Output[str] = self.resource.identity_profile.apply(
            lambda given: str(given["kubeletidentity"].object_id) if given else ""
        )
        self.issuer: pulumi.Output[str] = self.resource.oidc_issuer_profile.apply(
            lambda given: str(given.issuer_url or "") if given else ""
        )
        self.register_outputs({"id": self.resource.id})

    def _reached(self, ground: Ground) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """From the user's kubeconfig, which names no secret: who connects brings a token of their own."""
        answer = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=ground.group,
            resource_name=self.named.name,
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[self.resource]),
        )
        reached = answer.kubeconfigs.apply(lambda given: reached_by(given[0].value if given else ""))
        reached = pulumi.Output.unsecret(reached)  # an address and a certificate
        return reached.apply(lambda one: one[0]), reached.apply(lambda one: one[1])


def reached_by(kubeconfig: str) -> tuple[str, str]:
    """Server and certificate authority of a kubeconfig as ARM gives it: base64 of YAML. Empty while it is not known."""
    if not kubeconfig:
        return "", ""
    cluster = yaml.safe_load(base64.b64decode(kubeconfig))["clusters"][0]["cluster"]
    return str(cluster["server"]), str(cluster["certificate-authority-data"])


def _pool(ground: Ground, subnet: str) -> dict[str, Any]:
    return {
        "name": "system",
        "mode": "System",
        "type": "VirtualMachineScaleSets",
        "vm_size": "Standard_D2s_v5",
        "os_type": "Linux",
        "os_sku": "AzureLinux",
        "count": 3 if ground.production else 1,
        "enable_auto_scaling": True,
        "min_count": 3 if ground.production else 1,
        "max_count": 10 if ground.production else 3,
        "enable_node_public_ip": False,
        "vnet_subnet_id": subnet,
        **({"availability_zones": ["1", "2", "3"]} if ground.production else {}),
    }


def _addons(workspace: str) -> dict[str, Any]:
    return {
        "azureKeyvaultSecretsProvider": {"enabled": True, "config": {"enableSecretRotation": "true"}},
        "azurepolicy": {"enabled": True},
        "omsagent": {
            "enabled": True,
            "config": {"logAnalyticsWorkspaceResourceID": workspace, "useAADAuth": "true"},
        },
    }


def _closed() -> dict[str, Any]:
    return {
        "enable_rbac": True,
        "disable_local_accounts": True,
        "aad_profile": {"managed": True, "enable_azure_rbac": True},
        "oidc_issuer_profile": {"enabled": True},
        "security_profile": {"workload_identity": {"enabled": True}},
        "network_profile": {
            "network_plugin": "azure",
            "network_plugin_mode": "overlay",
            "network_dataplane": "cilium",
            "network_policy": "cilium",
        },
        "auto_upgrade_profile": {"upgrade_channel": "patch", "node_os_upgrade_channel": "NodeImage"},
    }
