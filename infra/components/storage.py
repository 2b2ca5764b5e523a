"""A storage account that only roles open: shared keys are off, so there is no connection string to leak.

It answers on public addresses, over TLS 1.2 and to tokens only: a Flex Consumption plan fetches its package from outside
the network, and the hosts of tenants' function apps stand in none.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_azure_native import storage

from infra.components import logs
from infra.components.ground import Component, Ground, Named

KIND = "Microsoft.Storage/storageAccounts"
API_VERSION = "2024-01-01"


def plain(ground: Ground, prefix: str) -> str:
    """Names of accounts are 3 to 24 lower-case letters and digits, and global."""
    return f"{prefix}{ground.own.replace('-', '')}"


class Account(Component):
    """`protect`: the engine refuses to delete it."""

    def __init__(
        self,
        ground: Ground,
        step: str,
        prefix: str,
        *,
        workspace: str,
        protect: bool = False,
        parent: pulumi.Resource,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Account", f"{step}Of", parent)
        self.named: Named = ground.exactly(step, KIND, plain(ground, prefix), API_VERSION)
        self._ground = ground
        self.resource = storage.StorageAccount(
            step,
            account_name=self.named.name,
            kind="StorageV2",
            sku={"name": "Standard_ZRS" if ground.production else "Standard_LRS"},
            allow_shared_key_access=False,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            default_to_o_auth_authentication=True,
            minimum_tls_version="TLS1_2",
            enable_https_traffic_only=True,
            public_network_access="Enabled",
            opts=ground.options(self.named, self, after, protect=protect),
            **ground.tracked(),
        )
        logs.diagnose(ground, f"{step}Metrics", self.named, workspace, parent=self, after=[self.resource], logs=False)
        self.register_outputs({"id": self.resource.id})

    def container_id(self, name: str) -> str:
        return f"{self.named.id}/blobServices/default/containers/{name}"

    def container(self, step: str, name: str) -> storage.BlobContainer:
        named = Named(step, self.container_id(name), API_VERSION)
        return storage.BlobContainer(
            step,
            account_name=self.named.name,
            container_name=name,
            resource_group_name=self._ground.group,
            public_access="None",
            opts=self._ground.options(named, self, [self.resource]),
        )

    def versioned(self, step: str) -> None:
        """Earlier versions and deleted blobs stay for 30 days: a state that was overwritten can be brought back."""
        named = Named(step, f"{self.named.id}/blobServices/default", API_VERSION)
        kept: dict[str, Any] = {"enabled": True, "days": 30}
        storage.BlobServiceProperties(
            step,
            account_name=self.named.name,
            blob_services_name="default",
            resource_group_name=self._ground.group,
            is_versioning_enabled=True,
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=self._ground.options(named, self, [self.resource]),
        )

    def table(self, step: str, name: str) -> storage.Table:
        named = Named(step, f"{self.named.id}/tableServices/default/tables/{name}", API_VERSION)
        return storage.Table(
            step,
            account_name=self.named.name,
            table_name=name,
            resource_group_name=self._ground.group,
            opts=self._ground.options(named, self, [self.resource]),
        )
