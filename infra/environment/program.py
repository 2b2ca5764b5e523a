"""One tenant environment: its resource group with everything in it, and what the platform is told of it.

Outputs are those of the embedded engine on a laptop, by the same names: `resourceGroup, identityId, identityClientId,
directoryId, workspaceId, vaultUri, serviceBusNamespace`, and by target `managedEnvironmentId`, `clusterServer,
clusterCertificateAuthority, clusterNamespace`, `functionsPlanId, functionsStorageAccount`, `appServicePlanId`; here also
`clusterId`. All are texts and none is a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
from pulumi_azure_native import resources

from infra.components import roles
from infra.components.ground import Component, Ground, Named, Stands
from infra.components.identity import Identity
from infra.components.notices import Notices
from infra.components.service_bus import Namespace
from infra.components.storage import Account
from infra.components.vault import Vault
from infra.environment.base import OwnBase, PoolBase, Text
from infra.environment.owned import AKS, FUNCTIONS, SHARED, SILO, Surroundings, ground_of
from infra.provisioner.engine import EnvironmentRecord

GROUP, KEY_VAULT, WORKSPACE = "ResourceGroup", "KeyVault", "Workspace"
# What holds data, and what that stands in: decommissioning with `retainData` leaves it.
RETAINED = frozenset({GROUP, KEY_VAULT, "KeyVaultLogs", WORKSPACE})


def program(record: EnvironmentRecord, surroundings: Surroundings, stands: Stands | None = None) -> Callable[[], None]:
    """The inline program for one environment. `stands`: see `Ground`."""

    def run() -> None:
        environment = Environment(record, surroundings, ground_of(record, stands))
        for name, value in environment.told.items():
            pulumi.export(name, value)

    return run


class Environment(Component):
    """`told`: the outputs."""

    def __init__(self, record: EnvironmentRecord, surroundings: Surroundings, ground: Ground) -> None:
        super().__init__("Environment", record.environment_id)
        self._ground = ground
        self._group = self._make_group()
        self._identity = Identity(ground, parent=self, after=[self._group])
        self._platform = surroundings.platform
        if record.isolation_model == SILO:
            self.told = self._silo(record)
        else:
            self.told = self._pooled(record, surroundings)
        self.told |= {
            "resourceGroup": ground.group,
            "identityId": self._identity.resource.id,
            "identityClientId": self._identity.client_id,
            "directoryId": self._identity.tenant_id,
        }
        self._pull("ImagePull", self._identity.named.id, self._identity.principal_id, self._identity.resource)
        self.register_outputs({})

    def _make_group(self) -> pulumi.Resource:
        ground = self._ground
        named = Named(GROUP, ground.group_id, "2025-04-01")
        return resources.ResourceGroup(GROUP, opts=ground.options(named, self), **ground.tracked())

    def _silo(self, record: EnvironmentRecord) -> dict[str, Text]:
        base = OwnBase(self._ground, self._identity, self, self._group)
        vault = self._vault(base)
        told = base.outputs(record.compute_targets)
        if base.cluster is not None:
            cluster = base.cluster
            self._pull("ClusterImagePull", cluster.named.id, cluster.kubelet, cluster.resource)
        return {**told, **self._own(record, base), "vaultUri": vault.uri}

    def _pooled(self, record: EnvironmentRecord, surroundings: Surroundings) -> dict[str, Text]:
        base = PoolBase(surroundings.pool)
        vault_uri: Text = base.vault_uri if record.isolation_model == SHARED else self._vault(base).uri
        return {**base.outputs(record.compute_targets), **self._own(record, base), "vaultUri": vault_uri}

    def _own(self, record: EnvironmentRecord, base: OwnBase | PoolBase) -> dict[str, Text]:
        """What every environment has to itself, wherever its workloads run: a Service Bus namespace, the storage of the
        hosts of function apps, and the right of its namespace's pods to be its identity."""
        shared: dict[str, Any] = {"workspace": base.workspace, "parent": self, "after": [self._group, *base.settled]}
        bus = Namespace(self._ground, **shared)
        self._give("ServiceBusSending", roles.BUS_SENDER, bus)
        self._give("ServiceBusReceiving", roles.BUS_RECEIVER, bus)
        told: dict[str, Text] = {"workspaceId": base.workspace, "serviceBusNamespace": bus.named.name}
        if FUNCTIONS in record.compute_targets:
            storage = Account(self._ground, "FunctionsStorage", "stfn", **shared)
            self._give("FunctionsStorageBlobs", roles.BLOB_OWNER, storage)
            self._give("FunctionsStorageQueues", roles.QUEUE_DATA, storage)
            told["functionsStorageAccount"] = storage.named.name
        if AKS in record.compute_targets:
            told["clusterNamespace"] = namespace = f"cs-{record.environment_id}"
            self._identity.federated(self._ground, base.issuer, namespace)
        return told

    def _vault(self, base: OwnBase | PoolBase) -> Vault:
        """A vault of its own, which its identity reads, its network reaches, and the platform's network too: the
        platform looks at versions, never at values, and is told when they change."""
        ground, identity = self._ground, self._identity
        settled = [self._group, *base.settled]
        vault = Vault(ground, identity.tenant_id, workspace=base.workspace, parent=self, after=settled)
        subnet, zone = base.endpoints_subnet, base.vault_zone
        vault.opened(ground, "VaultEndpoint", "pe-kv", subnet=subnet, zone=zone, after=settled)
        if self._platform.get("endpointsSubnetId"):
            subnet, zone = self._platform["endpointsSubnetId"], self._platform["vaultZoneId"]
            vault.opened(ground, "PlatformEndpoint", "pe-kv-platform", subnet=subnet, zone=zone, after=settled)
        if "noticesQueueId" in self._platform:
            Notices(ground, vault, self._platform)
        self._give("KeyVaultAccess", roles.SECRETS_USER, vault)
        return vault

    def _give(self, step: str, role: str, on: Vault | Namespace | Account) -> None:
        """A role of the environment's identity on one of its resources."""
        roles.give(
            self._ground,
            step,
            role,
            scope=on.named.id,
            to=self._identity.named.id,
            principal_id=self._identity.principal_id,
            parent=on,
            after=[self._identity.resource, on.resource],
        )

    def _pull(self, step: str, to: str, principal_id: pulumi.Output[str], after: pulumi.Resource) -> None:
        """Let a principal pull images from the platform's registry."""
        if not (registry := self._platform.get("registryId")):
            return
        roles.give(
            self._ground, step, roles.ACR_PULL, scope=registry, to=to, principal_id=principal_id, parent=self, after=[after]
        )
