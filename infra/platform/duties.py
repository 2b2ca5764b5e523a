"""What the platform may do, as roles of its own: each lists what the code does and nothing else.

The app changes workloads and looks at what they stand on; it makes no environment, reads no secret's value and gives no
role. The provisioner makes environments: it is Contributor there, and gives the roles that environments consist of, to
service principals only.
"""

from __future__ import annotations

from typing import Any, Final

import pulumi
from pulumi_azure_native import authorization

from infra.components import roles
from infra.components.ground import Ground, Named

_AKS: Final = "Microsoft.ContainerService/managedClusters"

WORKLOADS: Final[dict[str, list[str]]] = {
    "actions": [
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.App/containerApps/*",
        "Microsoft.App/managedEnvironments/read",
        "Microsoft.App/managedEnvironments/join/action",
        "Microsoft.App/locations/*/read",
        "Microsoft.Web/sites/*",
        "Microsoft.Web/serverfarms/read",
        "Microsoft.Web/serverfarms/join/action",
        "Microsoft.Web/locations/*/read",
        "Microsoft.Insights/autoscalesettings/*",
        "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        f"{_AKS}/read",
    ],
    "not_actions": [
        "Microsoft.App/containerApps/listSecrets/action",
        "Microsoft.App/containerApps/authtoken/action",
        "Microsoft.Web/sites/publishxml/action",
        "Microsoft.Web/sites/slots/publishxml/action",
    ],
    # Versions of secrets and whether they are enabled, never their values; the objects of the environments' namespaces.
    "data_actions": [
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        "Microsoft.KeyVault/vaults/secrets/update/action",
        f"{_AKS}/*",
    ],
    "not_data_actions": [
        f"{_AKS}/secrets/*",
        f"{_AKS}/rbac.authorization.k8s.io/*",
        f"{_AKS}/resourcequotas/write",
        f"{_AKS}/resourcequotas/delete",
        f"{_AKS}/namespaces/delete",
    ],
}
JOBS: Final[dict[str, list[str]]] = {
    "actions": ["Microsoft.App/jobs/read", "Microsoft.App/jobs/*/read", "Microsoft.App/jobs/*/action"],
    "not_actions": ["Microsoft.App/jobs/listSecrets/action"],
    "data_actions": [],
    "not_data_actions": [],
}
# To subscribe a queue to events asks for writing that queue (learn.microsoft.com, "Authorizing access to Event Grid
# resources"), and to send as an identity for assigning it. Given on those alone: they may be in another subscription than
# the one whose Contributor the provisioner is.
NOTICES: Final[dict[str, list[str]]] = {
    "actions": [
        "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        "Microsoft.ServiceBus/namespaces/queues/read",
        "Microsoft.ServiceBus/namespaces/queues/write",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        "Microsoft.Storage/storageAccounts/blobServices/containers/write",
    ],
    "not_actions": [],
    "data_actions": [],
    "not_data_actions": [],
}
GIVEN_BY_PROVISIONER: Final = (
    roles.SECRETS_USER,
    roles.ACR_PULL,
    roles.NETWORK_CONTRIBUTOR,
    roles.BUS_SENDER,
    roles.BUS_RECEIVER,
    roles.BLOB_OWNER,
    roles.QUEUE_DATA,
)


def role(
    ground: Ground, step: str, name: str, scope: str, permissions: dict[str, list[str]], parent: pulumi.Resource
) -> str:
    """Define a role for a subscription or a resource in it and give its id. A definition's name is a GUID: the same one
    for the same stage and scope."""
    named = _definition(ground, step, name, scope)
    authorization.RoleDefinition(
        step,
        role_definition_id=named.name,
        role_name=f"Runtime Cloud {name} ({ground.own})",
        role_type="CustomRole",
        description="Made by infra/platform of the Runtime & Cloud Platform.",
        scope=scope,
        assignable_scopes=[scope],
        permissions=[dict[str, Any](permissions)],
        opts=ground.options(named, parent),
    )
    return named.id


def _definition(ground: Ground, step: str, name: str, scope: str) -> Named:
    made = ground.assignment(step, scope, ground.own, name)  # for its GUID
    return ground.extension(step, scope, "Microsoft.Authorization/roleDefinitions", made.name, "2022-04-01")


def only(*granted: str) -> str:
    """The condition that lets a principal give and take these roles alone, and to service principals alone
    (learn.microsoft.com, "Delegate Azure role assignment management with conditions")."""
    guids = ", ".join(granted)
    parts = []
    for action, source in (("write", "Request"), ("delete", "Resource")):
        attribute = f"@{source}[Microsoft.Authorization/roleAssignments"
        parts.append(
            f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{action}'}})) OR "
            f"({attribute}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{guids}}} AND "
            f"{attribute}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {{'ServicePrincipal'}}))"
        )
    return " AND ".join(parts)
