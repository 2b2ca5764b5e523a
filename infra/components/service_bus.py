"""A Service Bus namespace that only roles open: keys are off."""

from __future__ import annotations

from typing import Final

import pulumi
from pulumi_azure_native import servicebus

from infra.components import logs
from infra.components.ground import Component, Ground, Named

KIND: Final = "Microsoft.ServiceBus/namespaces"
API_VERSION: Final = "2024-01-01"


class Namespace(Component):
    """`premium`: instances of its own. Standard shares them, and spreads over zones where a region has any."""

    def __init__(
        self,
        ground: Ground,
        *,
        premium: bool = False,
        workspace: str,
        parent: pulumi.Resource,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Namespace", "ServiceBusOf", parent)
        self.named: Named = ground.called("ServiceBus", KIND, "sb", API_VERSION)
        tier = "Premium" if premium else "Standard"
        self.resource = servicebus.Namespace(
            self.named.step,
            namespace_name=self.named.name,
            sku={"name": tier, "tier": tier, **({"capacity": 1} if premium else {})},
            disable_local_auth=True,
            minimum_tls_version="1.2",
            opts=ground.options(self.named, self, after),
            **ground.tracked(),
        )
        logs.diagnose(ground, "ServiceBusLogs", self.named, workspace, parent=self, after=[self.resource])
        self.register_outputs({"id": self.resource.id})
