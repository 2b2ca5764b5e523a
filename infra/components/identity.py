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

    def federated(self, ground: Ground, issuer: pulumi.Input[str], namespace: str) -> None:
        """Let pods of a cluster's namespace be it: tokens of `issuer` for the service account `default` are enough."""
        named = Named("ClusterFederation", f"{self.named.id}/federatedIdentityCredentials/aks", self.named.api_version)
        managedidentity.FederatedIdentityCredential(
            named.step,
            federated_identity_credential_resource_name=named.name,
            resource_name_=self.named.name,
            resource_group_name=ground.group,
            issuer=issuer,
            subject=f"system:serviceaccount:{namespace}:default",
            audiences=["api://AzureADTokenExchange"],
            opts=ground.options(named, self, [self.resource]),
        )
