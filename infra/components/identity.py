"""A user-assigned managed identity: the only kind of credential there is."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import managedidentity

from infra.components.ground import Component, Ground, Named

KIND = "Microsoft.ManagedIdentity/userAssignedIdentities"


class Identity(Component):
    """`named` is known at once; `client_id` and `principal_id` once it stands."""

    def __init__(
        self,
        ground: Ground,
        step: str = "Identity",
        prefix: str = "id",
        *,
        parent: pulumi.Resource | None = None,
        after: list[pulumi.Resource],
    ) -> None:
        super().__init__("Identity", f"{step}Of", parent)
        self.named: Named = ground.called(step, KIND, prefix, "2024-11-30")
        self.resource = managedidentity.UserAssignedIdentity(
            step, resource_name_=self.named.name, opts=ground.options(self.named, self, after), **ground.tracked()
        )
        self.client_id: pulumi.Output[str] = self.resource.client_id
        self.principal_id: pulumi.Output[str] = self.resource.principal_id
        self.tenant_id: pulumi.Output[str] = self.resource.tenant_id
        self.register_outputs({"id": self.resource.id})
