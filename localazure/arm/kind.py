"""One type of resource: what it refuses, what it adds to an answer, what happens when it is made or deleted.

The order of a PUT: `check` (refuse, nothing is written) → `accept` (draw facts, refuse) → written, `InProgress` →
`realise` (effects; idempotent, run again after a crash) → `Succeeded`. A DELETE: `removable` → `remove` → gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localazure.arm.answer import Answer, Call
from localazure.arm.errors import ArmError, not_implemented
from localazure.arm.records import CHANGING, Records, Resource
from localazure.arm.shapes import Shape


class Kind:
    """A tracked resource without effects; the others override what differs."""

    type: ClassVar[str]
    shape: ClassVar[Shape] = {}  # of the properties, as far as they are read here
    lasting: ClassVar[bool] = True  # whether a PUT is a long-running operation
    located: ClassVar[bool] = True  # whether `location` is required
    changing: ClassVar[str] = CHANGING  # what provisioningState says meanwhile
    conflict: ClassVar[str] = "Conflict"  # the code of the 409 while an operation is in progress

    def __init__(self, records: Records) -> None:
        self.records = records

    def check(self, call: Call, body: Mapping[str, Any], standing: Resource | None) -> None:
        """Raises `ArmError` for a body that Azure would refuse."""

    def accept(self, resource: Resource, standing: Resource | None) -> None:
        """Draw what the service decides once (`facts`); may still refuse."""

    async def realise(self, resource: Resource) -> None:
        """Make the world hold what the resource says. Idempotent."""

    def written(self, resource: Resource) -> None:
        """What follows, for a kind that is not lasting, once a resource was written or deleted."""

    def listed(self, call: Call) -> list[dict[str, Any]]:
        """The items that a list answers."""
        return [self.render(found) for found in self.records.listed(call.target)]

    def removable(self, resource: Resource) -> None:
        """Raises `ArmError` when Azure would not delete it now."""

    async def remove(self, resource: Resource) -> None:
        """Undo `realise`. Idempotent."""

    async def descend(self, call: Call, resource: Resource) -> Answer:
        """What lies below the resource, and its actions."""
        raise not_implemented(f"'{call.method} {'/'.join(call.target.below)}' of {self.type}")

    def properties(self, resource: Resource) -> dict[str, Any]:
        """The properties as answered: what was sent, defaults, and what only the service may set."""
        return {**resource.properties, **self.provisioning(resource)}

    def provisioning(self, resource: Resource) -> dict[str, Any]:
        return {"provisioningState": self.changing if resource.state == CHANGING else resource.state}

    def render(self, resource: Resource) -> dict[str, Any]:
        """The resource as ARM answers it."""
        rest = {key: value for key, value in resource.body.items() if key != "properties"}
        if identity := rest.get("identity"):
            rest["identity"] = self._identity(identity)
        document = {"id": resource.id, "name": resource.name, "type": resource.type, **rest}
        return {**document, "properties": self.properties(resource)}

    def busy(self, resource: Resource) -> ArmError:
        message = f"Cannot modify '{resource.name}' because another operation on it is in progress."
        return ArmError(409, self.conflict, message)

    def _identity(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """The ids of the assigned identities, which ARM adds to every answer."""
        if not (assigned := identity.get("userAssignedIdentities")):
            return dict(identity)
        filled: dict[str, dict[str, str]] = {}
        for ident in assigned:
            found = self.records.get(ident)
            facts = found.facts if found else {}
            filled[ident] = {name: facts[name] for name in ("principalId", "clientId") if name in facts}
        return {**identity, "userAssignedIdentities": filled}
