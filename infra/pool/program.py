"""A pool: the network, logs, vault, cluster, Container Apps environment and plans that environments share.

Made once for each region and stage, by hand or by CI. Environments find it by the names of its resources, which follow from
subscription, stage and region. Targets that nobody uses can be left out by the stack's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import resources

from infra.components import roles
from infra.components.cluster import Cluster
from infra.components.container_apps import ManagedEnvironment
from infra.components.ground import Component, Ground, Named
from infra.components.identity import Identity
from infra.components.logs import Workspace
from infra.components.network import Network
from infra.components.notices import Notices
from infra.components.plans import Plan
from infra.components.vault import Vault
from infra.environment.base import OUTPUT_OF_PLAN, Text
from infra.environment.owned import AKS, CONTAINER_APPS, TARGETS, pool_ground


@dataclass(frozen=True)
class Described:
    """`platform`: outputs of the platform's stack (`engine.PLATFORM`), each where there is one."""

    subscription: str
    stage: str
    region: str
    targets: Sequence[str]
    platform: Mapping[str, Any]


def declare(pool: Described) -> dict[str, Text]:
    """The outputs: for people, since environments find a pool by its names. Raises `ValueError`, before anything is
    declared, for a target that there is not."""
    if unknown := set(pool.targets) - set(TARGETS):
        raise ValueError(f"there is no compute target {', '.join(sorted(unknown))}")
    return Pool(pool, pool_ground(pool.subscription, pool.stage, pool.region)).told


class Pool(Component):
    def __init__(self, described: Described, ground: Ground) -> None:
        super().__init__("Pool", f"{described.stage}-{described.region}")
        self._ground, self._platform = ground, described.platform
        named = Named("ResourceGroup", ground.group_id, "2025-04-01")
        group = resources.ResourceGroup(named.step, opts=ground.options(named, self), **ground.tracked())
        self._identity = Identity(ground, parent=self, after=[group])
        self._network = Network(ground, parent=self, after=[group])
        self._logs = Workspace(ground, parent=self, after=[group])
        self._settled = [group, self._network.resource, self._network.link, self._logs.resource]
        self.told: dict[str, Text] = {
            "resourceGroup": ground.group,
            "networkId": self._network.named.id,
            "workspaceId": self._logs.named.id,
            "endpointsSubnetId": self._network.subnet_id("private-endpoints"),
            "vaultZoneId": self._network.zone.id,
            "vaultUri": self._vault().uri,
        }
        for target in described.targets:
            self.told |= self._target(target)
        self.register_outputs({})

    def _vault(self) -> Vault:
        """Of the environments in the shared model. Nobody gets a role on it as a whole."""
        ground = self._ground
        shared: dict[str, Any] = {"parent": self, "after": self._settled}
        vault = Vault(ground, self._identity.tenant_id, workspace=self._logs.named.id, **shared)
        subnet, zone = self._network.subnet_id("private-endpoints"), self._network.zone.id
        vault.opened(ground, "VaultEndpoint", "pe-kv", subnet=subnet, zone=zone, after=self._settled)
        if self._platform.get("endpointsSubnetId"):
            subnet, zone = self._platform["endpointsSubnetId"], self._platform["vaultZoneId"]
            vault.opened(ground, "PlatformEndpoint", "pe-kv-platform", subnet=subnet, zone=zone, after=self._settled)
        if "noticesQueueId" in self._platform:
            Notices(ground, vault, self._platform)
        return vault

    def _target(self, target: str) -> dict[str, Text]:
        ground, workspace = self._ground, self._logs.named.id
        shared: dict[str, Any] = {"workspace": workspace, "parent": self, "after": self._settled}
        if target == AKS:
            return self._cluster(shared)
        if target == CONTAINER_APPS:
            made = ManagedEnvironment(ground, subnet=self._network.subnet_id(CONTAINER_APPS), **shared)
            return {"managedEnvironmentId": made.resource.id}
        return {OUTPUT_OF_PLAN[target]: Plan(ground, target, **shared).resource.id}

    def _cluster(self, shared: dict[str, Any]) -> dict[str, Text]:
        network, subnet = self._network.named.id, self._network.subnet_id(AKS)
        cluster = Cluster(self._ground, self._identity, network=network, subnet=subnet, **shared)
        if registry := self._platform.get("registryId"):
            roles.give(
                self._ground,
                "ClusterImagePull",
                roles.ACR_PULL,
                scope=registry,
                to=cluster.named.id,
                principal_id=cluster.kubelet,
                parent=self,
                after=[cluster.resource],
            )
        return {
            "clusterServer": cluster.server,
            "clusterCertificateAuthority": cluster.authority,
            "clusterId": cluster.resource.id,
            "clusterIssuer": cluster.issuer,
        }


def export(told: Mapping[str, Text]) -> None:
    for name, value in told.items():
        pulumi.export(name, value)
