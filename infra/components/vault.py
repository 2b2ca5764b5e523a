"""A Key Vault: roles instead of access policies, no public network, what is deleted can be brought back.

In production it cannot be purged either. Azure refuses `enablePurgeProtection: false`, so elsewhere it is left out.
"""

from __future__ import annotations

from typing import Any, Final

import pulumi
from pulumi_azure_native import keyvault, network

from infra.components import logs
from infra.components.ground import Component, Ground, Named
from infra.components.network import API_VERSION as NETWORK_API_VERSION

KIND: Final = "Microsoft.KeyVault/vaults"
STEP: Final = "KeyVault"


def vault_uri(ground: Ground) -> str:
    return f"https://{vault_name(ground).name}.vault.azure.net/"


def vault_name(ground: Ground) -> Named:
    return ground.called(STEP, KIND, "kv", "2024-11-01")


class Vault(Component):
    """`data` marks it as what decommissioning with `retainData` leaves behind."""

    def __init__(
        self,
        ground: Ground,
        tenant_id: pulumi.Input[str],
        *,
        workspace: str,
        parent: pulumi.Resource | None = None,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Vault", "VaultOf", parent)
        self.named: Named = vault_name(ground)
        properties: dict[str, Any] = {
            "tenant_id": tenant_id,
            "sku": {"family": "A", "name": "standard"},
            "enable_rbac_authorization": True,
            "enable_soft_delete": True,
            "soft_delete_retention_in_days": 90 if ground.production else 7,
            "public_network_access": "Disabled",
            "network_acls": {"default_action": "Deny", "bypass": "None"},
        }
        if ground.production:
            properties["enable_purge_protection"] = True
        self.resource = keyvault.Vault(
            self.named.step,
            vault_name=self.named.name,
            properties=properties,
            opts=ground.options(self.named, self, after),
            **ground.tracked(),
        )
        logs.diagnose(ground, "KeyVaultLogs", self.named, workspace, parent=self, after=[self.resource])
        self.uri: pulumi.Output[str] = self.resource.properties.apply(lambda given: str(given.vault_uri))
        self.register_outputs({"id": self.resource.id})

    def opened(
        self, ground: Ground, step: str, prefix: str, *, subnet: str, zone: str, after: list[pulumi.Resource]
    ) -> None:
        """Let a network reach it: a private endpoint in `subnet`, whose address `zone` resolves the vault's name to."""
        named = ground.called(step, "Microsoft.Network/privateEndpoints", prefix, NETWORK_API_VERSION)
        endpoint = network.PrivateEndpoint(
            step,
            private_endpoint_name=named.name,
            subnet={"id": subnet},
            private_link_service_connections=[
                {"name": "vault", "private_link_service_id": self.named.id, "group_ids": ["vault"]}
            ],
            opts=ground.options(named, self, [self.resource, *after]),
            **ground.tracked(),
        )
        group = Named(f"{step}Name", f"{named.id}/privateDnsZoneGroups/vault", NETWORK_API_VERSION)
        network.PrivateDnsZoneGroup(
            group.step,
            private_dns_zone_group_name=group.name,
            private_endpoint_name=named.name,
            resource_group_name=ground.group,
            private_dns_zone_configs=[{"name": "vault", "private_dns_zone_id": zone}],
            opts=ground.options(group, self, [endpoint]),
        )
