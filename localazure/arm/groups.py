"""Resource groups: written at once, deleted with everything inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from localazure.arm.answer import Answer, Call, listing
from localazure.arm.errors import ArmError, method_not_allowed, not_implemented
from localazure.arm.kind import Kind
from localazure.arm.records import Records, Resource
from localazure.arm.resources import GROUP


class ResourceGroups(Kind):
    type: ClassVar[str] = GROUP
    lasting: ClassVar[bool] = False

    def __init__(self, records: Records, kind_of: Callable[[str], Kind]) -> None:
        super().__init__(records)
        self._kind_of = kind_of

    def busy(self, resource: Resource) -> ArmError:
        message = f"The resource group '{resource.name}' is in deprovisioning state and cannot perform this operation."
        return ArmError(409, "ResourceGroupBeingDeleted", message)

    def properties(self, resource: Resource) -> dict[str, Any]:
        return self.provisioning(resource)

    async def descend(self, call: Call, resource: Resource) -> Answer:
        if [segment.lower() for segment in call.target.below] != ["resources"]:
            raise not_implemented(f"'{'/'.join(call.target.below)}' of a resource group")
        if call.method != "GET":
            raise method_not_allowed(call.method)
        if "$filter" in call.query:
            raise not_implemented("'$filter'")
        tracked = (found for found in self._inside(resource) if "location" in found.body)
        return listing([self._summary(found) for found in tracked])

    async def remove(self, resource: Resource) -> None:
        for found in self._inside(resource):
            await self._kind_of(found.type).remove(found)
            self.records.drop(found.key)

    def _inside(self, group: Resource) -> list[Resource]:
        return list(self.records.under(f"{group.key}/"))

    def _summary(self, resource: Resource) -> dict[str, Any]:
        """ARM's list of a group leaves the properties out."""
        document = self._kind_of(resource.type).render(resource)
        del document["properties"]
        return document
