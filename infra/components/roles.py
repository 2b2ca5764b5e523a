"""Azure's built-in roles that are given here (learn.microsoft.com, "Azure built-in roles"), and how one is given.

A principal gets the narrowest role on the narrowest scope that its work needs; nobody here gets Owner, and Contributor is
the provisioner's alone (`infra/platform`).
"""

from __future__ import annotations

from typing import Final

import pulumi
from pulumi_azure_native import authorization

from infra.components.ground import Ground

SECRETS_USER: Final = "4633458b-17de-408a-b874-0445c86b69e6"  # Key Vault Secrets User: reads values
CRYPTO_USER: Final = "e147488a-f6f5-4113-8e2d-b22465e65bf6"  # Key Vault Crypto Service Encryption User: wrap, unwrap
ACR_PULL: Final = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
NETWORK_CONTRIBUTOR: Final = "4d97b98b-1d4f-4787-a291-c67834d212e7"
CONTRIBUTOR: Final = "b24988ac-6180-42a0-ab88-20f7382dd24c"
RBAC_ADMINISTRATOR: Final = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"  # Role Based Access Control Administrator
TABLE_DATA: Final = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"  # Storage Table Data Contributor
BLOB_DATA: Final = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"  # Storage Blob Data Contributor
BLOB_OWNER: Final = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"  # Storage Blob Data Owner: what AzureWebJobsStorage asks for
QUEUE_DATA: Final = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"  # Storage Queue Data Contributor
BUS_SENDER: Final = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"  # Azure Service Bus Data Sender
BUS_RECEIVER: Final = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"  # Azure Service Bus Data Receiver
DURABLE_TASK: Final = "0ad04412-c4d5-4796-b79c-f76d14c8d402"  # Durable Task Data Contributor
METRICS_PUBLISHER: Final = "3913510d-42f4-4e42-8a64-420c390055eb"  # Monitoring Metrics Publisher


def give(
    ground: Ground,
    step: str,
    role: str,
    *,
    scope: str,
    to: str,
    principal_id: pulumi.Input[str],
    parent: pulumi.Resource,
    after: list[pulumi.Resource],
    condition: str | None = None,
) -> authorization.RoleAssignment:
    """`to`: the ARM id of the principal's resource, which makes the assignment's name; `principal_id` is only known once
    that exists. `role`: the GUID of a role, or the whole id of one of our own. `condition`: what it is limited to."""
    named = ground.assignment(step, scope, to, role)
    return authorization.RoleAssignment(
        step,
        role_assignment_name=named.name,
        scope=scope,
        principal_id=principal_id,
        principal_type="ServicePrincipal",  # no look-up of a principal that the directory may not show yet
        role_definition_id=role if role.startswith("/") else ground.role(role),
        condition=condition,
        condition_version="2.0" if condition else None,
        # A principal that was made anew is another one, and two assignments cannot have one name.
        opts=ground.options(named, parent, after, delete_before_replace=True),
    )
