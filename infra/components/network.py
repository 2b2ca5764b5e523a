"""A virtual network with one subnet for each kind of guest, behind one network security group.

Subnets are part of the network's own body: two writers of one network would undo each other's subnets. Nothing from the
internet reaches a subnet but HTTPS to where ingress listens; private endpoints answer to the network alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi_azure_native import network, privatedns

from infra.components.ground import Component, Ground, Named

VAULT_ZONE: Final = "privatelink.vaultcore.azure.net"
API_VERSION: Final = "2024-05-01"
_ZONE_API_VERSION: Final = "2024-06-01"
_ZONES: Final = "Microsoft.Network/privateDnsZones"
SPACE: Final = "10.40.0.0/16"
Subnets = Mapping[str, tuple[str, str | None]]  # name -> (prefix, the service it is delegated to)

# Container Apps wants a /27 at least with workload profiles, AKS with overlay one address a node.
SUBNETS: Final[Subnets] = {
    "aks": ("10.40.0.0/22", None),
    "container-apps": ("10.40.4.0/23", "Microsoft.App/environments"),
    "functions": ("10.40.6.0/26", "Microsoft.Web/serverFarms"),
    "app-service": ("10.40.6.64/26", "Microsoft.Web/serverFarms"),
    "private-endpoints": ("10.40.7.0/27", None),
}


def network_name(ground: Ground) -> Named:
    return ground.called("Network", "Microsoft.Network/virtualNetworks", "vnet", API_VERSION)


def zone_name(ground: Ground) -> Named:
    return ground.exactly("VaultZone", _ZONES, VAULT_ZONE, _ZONE_API_VERSION)


def subnet_of(network: Named, name: str) -> str:
    return f"{network.id}/subnets/{name}"


class Network(Component):
    """`subnet_id(name)` of each subnet is known at once. `zone`: the private zone of vaults, linked to the network."""

    def __init__(
        self,
        ground: Ground,
        space: str = SPACE,
        subnets: Subnets = SUBNETS,
        *,
        parent: pulumi.Resource | None = None,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Network", "NetworkOf", parent)
        self.named: Named = network_name(ground)
        guard = self._guard(ground, after)
        self.resource = network.VirtualNetwork(
            self.named.step,
            virtual_network_name=self.named.name,
            address_space={"address_prefixes": [space]},
            subnets=[_subnet(name, *subnet, guard.id) for name, subnet in subnets.items()],
            opts=ground.options(self.named, self, [guard]),
            **ground.tracked(),
        )
        self.zone, self.link = self._zone(ground, after)
        self.register_outputs({"id": self.resource.id})

    def subnet_id(self, name: str) -> str:
        return subnet_of(self.named, name)

    def _guard(self, ground: Ground, after: list[pulumi.Resource]) -> network.NetworkSecurityGroup:
        kind = "Microsoft.Network/networkSecurityGroups"
        named = ground.called("NetworkSecurityGroup", kind, "nsg", API_VERSION)
        return network.NetworkSecurityGroup(
            named.step,
            network_security_group_name=named.name,
            security_rules=[
                _rule("AllowHttps", 100, "Allow", "Internet", "443"),
                _rule("AllowLoadBalancer", 110, "Allow", "AzureLoadBalancer", "*"),
                _rule("AllowNetwork", 120, "Allow", "VirtualNetwork", "*"),
                _rule("DenyInternet", 4000, "Deny", "Internet", "*"),
            ],
            opts=ground.options(named, self, after),
            **ground.tracked(),
        )

    def _zone(self, ground: Ground, after: list[pulumi.Resource]) -> tuple[Named, privatedns.VirtualNetworkLink]:
        named = zone_name(ground)
        tracked = {**ground.tracked(), "location": "global"}
        zone = privatedns.PrivateZone(
            named.step, private_zone_name=named.name, opts=ground.options(named, self, after), **tracked
        )
        tie = ground.exactly(
            "VaultZoneLink", f"{_ZONES}/{VAULT_ZONE}/virtualNetworkLinks", f"link-{ground.own}", _ZONE_API_VERSION
        )
        link = privatedns.VirtualNetworkLink(
            tie.step,
            private_zone_name=named.name,
            virtual_network_link_name=tie.name,
            virtual_network={"id": self.named.id},
            registration_enabled=False,
            opts=ground.options(tie, self, [zone, self.resource]),
            **tracked,
        )
        return named, link


def _rule(name: str, priority: int, access: str, source: str, port: str) -> dict[str, Any]:
    return {
        "name": name,
        "priority": priority,
        "direction": "Inbound",
        "access": access,
        "protocol": "Tcp" if port != "*" else "*",
        "source_address_prefix": source,
        "source_port_range": "*",
        "destination_address_prefix": "*",
        "destination_port_range": port,
    }


def _subnet(name: str, prefix: str, guest: str | None, guard: pulumi.Input[str]) -> dict[str, Any]:
    subnet: dict[str, Any] = {
        "name": name,
        "address_prefix": prefix,
        "network_security_group": {"id": guard},
        "private_endpoint_network_policies": "Enabled",
    }
    if guest:
        subnet["delegations"] = [{"name": "guest", "service_name": guest}]
    return subnet
