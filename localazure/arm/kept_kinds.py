"""What an environment's network, logs and notices consist of: kept as it was sent, with what lies below it.

Nothing is behind it: on one machine there is no network to close, no log and no notice to send. ARM remembers what was
asked for, so that an engine that makes it finds it again.
"""

from __future__ import annotations

from typing import ClassVar

from localazure.arm.answer import Answer, Call
from localazure.arm.errors import ArmError, method_not_allowed
from localazure.arm.kind import Kind
from localazure.arm.records import Records, Resource

TRACKED = (
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.EventGrid/systemTopics",
)
EXTENSIONS = ("Microsoft.Insights/diagnosticSettings",)


class Kept(Kind):
    lasting: ClassVar[bool] = False

    async def descend(self, call: Call, resource: Resource) -> Answer:
        """Zone groups of endpoints, links of zones, event subscriptions: one level below, in the resource's own record."""
        below = resource.facts.setdefault("below", {})
        path = "/".join(call.target.below)
        standing = below.get(path.lower())
        if call.method == "PUT":
            below[path.lower()] = made = {"id": f"{resource.id}/{path}", "name": call.target.below[-1], **call.body}
            self.records.save(resource)
            return Answer(200 if standing else 201, made)
        if call.method == "DELETE":
            below.pop(path.lower(), None)
            self.records.save(resource)
            return Answer(200 if standing else 204)
        if call.method != "GET":
            raise method_not_allowed(call.method)
        if standing is None:
            raise ArmError(404, "NotFound", f"'{resource.name}' has no '{path}'.")
        return Answer(200, standing)


class Extension(Kept):
    """On any scope, hence without a place of its own."""

    located: ClassVar[bool] = False


def kept(records: Records) -> list[Kind]:
    tracked = [type("Tracked", (Kept,), {"type": one})(records) for one in TRACKED]
    return [*tracked, *(type("Extension", (Extension,), {"type": one})(records) for one in EXTENSIONS)]
