"""What an environment's targets stand on: of its own in a silo, the pool's in the other models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import pulumi

from infra.components.cluster import Cluster
from infra.components.container_apps import ManagedEnvironment
from infra.components.ground import Ground
from infra.components.identity import Identity
from infra.components.logs import Workspace
from infra.components.network import Network
from infra.components.plans import PLANS, Plan
from infra.environment.owned import AKS, APP_SERVICE, CONTAINER_APPS, FUNCTIONS

Text: TypeAlias = pulumi.Input[str]
OUTPUT_OF_PLAN = {"functions": "functionsPlanId", "app-service": "appServicePlanId"}
# What a target is reached by.
OUTPUTS = {
    CONTAINER_APPS: ("managedEnvironmentId",),
    AKS: ("clusterServer", "clusterCertificateAuthority", "clusterId"),
    FUNCTIONS: (OUTPUT_OF_PLAN[FUNCTIONS],),
    APP_SERVICE: (OUTPUT_OF_PLAN[APP_SERVICE],),
}


class Base(Protocol):
    """Where to find what the environment needs. ARM ids and addresses, all known before anything is made."""

    workspace: str
    endpoints_subnet: str
    vault_zone: str
    settled: Sequence[pulumi.Resource]  # what has to stand before the ids mean anything

    @property
    def issuer(self) -> Text:
        """Who signs the tokens of the cluster's service accounts. Only where there is a cluster."""

    def outputs(self, targets: Sequence[str]) -> dict[str, Text]: ...


@dataclass
class OwnBase:
    """Made here, for this environment alone."""

    ground: Ground
    identity: Identity
    parent: pulumi.Resource
    group: pulumi.Resource
    settled: list[pulumi.Resource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._network = Network(self.ground, parent=self.parent, after=[self.group])
        logs = Workspace(self.ground, parent=self.parent, after=[self.group])
        self.settled = [self._network.resource, self._network.link, logs.resource]
        self.workspace = logs.named.id
        self.endpoints_subnet = self._network.subnet_id("private-endpoints")
        self.vault_zone = self._network.zone.id
        self.cluster: Cluster | None = None

    @property
    def issuer(self) -> Text:
        return self.cluster.issuer if self.cluster else ""

    def outputs(self, targets: Sequence[str]) -> dict[str, Text]:
        told: dict[str, Text] = {}
        shared: dict[str, Any] = {"workspace": self.workspace, "parent": self.parent, "after": self.settled}
        if CONTAINER_APPS in targets:
            subnet = self._network.subnet_id(CONTAINER_APPS)
            after = [*self.settled, self.identity.resource]
            made = ManagedEnvironment(self.ground, self.identity.named.id, subnet=subnet, **{**shared, "after": after})
            told["managedEnvironmentId"] = made.resource.id
        if AKS in targets:
            network, subnet = self._network.named.id, self._network.subnet_id(AKS)
            self.cluster = Cluster(self.ground, self.identity, network=network, subnet=subnet, **shared)
            told |= {"clusterServer": self.cluster.server, "clusterCertificateAuthority": self.cluster.authority}
            told["clusterId"] = self.cluster.resource.id
        for target in PLANS:
            if target in targets:
                told[OUTPUT_OF_PLAN[target]] = Plan(self.ground, target, **shared).resource.id
        return told


class PoolBase:
    """What `pooled.find` found. Raises `KeyError` for what it did not look for."""

    def __init__(self, pool: Mapping[str, str]) -> None:
        self._pool = pool
        self.settled: Sequence[pulumi.Resource] = ()
        self.workspace = pool["workspaceId"]
        self.endpoints_subnet = pool["endpointsSubnetId"]
        self.vault_zone = pool["vaultZoneId"]
        self.vault_uri = pool["vaultUri"]

    @property
    def issuer(self) -> Text:
        return self._pool["clusterIssuer"]

    def outputs(self, targets: Sequence[str]) -> dict[str, Text]:
        told: dict[str, Text] = {}
        for target in targets:
            told |= {name: self._pool[name] for name in OUTPUTS[target]}
        return told
