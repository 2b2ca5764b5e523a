"""What an environment's services keep data in beside its vault: storage accounts, Service Bus namespaces.

Resources of ARM alone: nothing answers at their addresses on this machine. The platform's own broker is another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from localazure.arm import shapes
from localazure.arm.answer import Call
from localazure.arm.errors import ArmError
from localazure.arm.kind import Kind
from localazure.arm.records import Resource
from localazure.arm.shapes import Shape

_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_NAMESPACE_NAME = re.compile(r"[A-Za-z](?!.*-(sb|mgmt)$)[A-Za-z0-9-]{4,48}[A-Za-z0-9]")
_TIERS = ("Basic", "Standard", "Premium")


class StorageAccounts(Kind):
    type: ClassVar[str] = "Microsoft.Storage/storageAccounts"
    shape: ClassVar[Shape] = shapes.STORAGE_ACCOUNT
    changing: ClassVar[str] = "ResolvingDNS"
    conflict: ClassVar[str] = "StorageAccountOperationInProgress"

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        name = call.target.name
        if not _ACCOUNT_NAME.fullmatch(name):
            raise ArmError(400, "AccountNameInvalid", f"{name} is not a valid storage account name.")
        if not body.get("kind") or not (body.get("sku") or {}).get("name"):
            raise ArmError(400, "BadRequest", "The parameters kind and sku are required.")
        taken = (one for one in self.records.of_type(self.type) if one.name == name)
        if standing is None and any(taken):
            raise ArmError(409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken.")

    def properties(self, resource: Resource) -> dict[str, Any]:
        services = {name: f"https://{resource.name}.{name}.core.windows.net/" for name in ("blob", "queue", "table")}
        return {**super().properties(resource), "primaryEndpoints": services, "primaryLocation": resource.body["location"]}


class ServiceBusNamespaces(Kind):
    type: ClassVar[str] = "Microsoft.ServiceBus/namespaces"
    shape: ClassVar[Shape] = shapes.SERVICE_BUS
    changing: ClassVar[str] = "Creating"
    conflict: ClassVar[str] = "MessagingGatewayConflict"

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        name, tier = call.target.name, (body.get("sku") or {}).get("name")
        if not _NAMESPACE_NAME.fullmatch(name):
            raise ArmError(400, "BadRequest", f"The specified service namespace '{name}' is invalid.")
        if tier is not None and tier not in _TIERS:
            raise ArmError(400, "BadRequest", f"The SKU '{tier}' is not one of {', '.join(_TIERS)}.")

    def properties(self, resource: Resource) -> dict[str, Any]:
        endpoint = f"https://{resource.name}.servicebus.windows.net:443/"
        return {**super().properties(resource), "serviceBusEndpoint": endpoint, "status": "Active"}
