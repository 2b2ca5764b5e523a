"""What an ARM path names: a subscription's resource group, a resource, something below one, or an operation.

ARM's ids are compared without regard to case, and the last `/providers/` of a path decides the type: what stands before
it is the scope (extension resources such as role assignments sit on any resource).
"""

from __future__ import annotations

from dataclasses import dataclass

from localazure.arm.errors import ArmError, not_implemented

OPERATION_STATUSES = "operationstatuses"
OPERATION_RESULTS = "operationresults"


@dataclass(frozen=True)
class Target:
    """A parsed path. `name` is empty for a collection; `below` are the segments after the resource's name."""

    scope: str  # "/subscriptions/…[/resourceGroups/…[/providers/…]]"
    subscription: str
    group: str
    type: str  # "Microsoft.App/containerApps", as the caller spelled it; "" for the group itself
    name: str
    below: tuple[str, ...] = ()
    parent: str = ""  # the id of the resource that it is a part of: "…/sites/x" of "…/sites/x/slots/y"

    @property
    def id(self) -> str:
        if self.parent:
            return f"{self.parent}/{self.type.rpartition('/')[2]}/{self.name}"
        return f"{self.scope}/providers/{self.type}/{self.name}" if self.type else self.scope

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def collection(self) -> str:
        """The key that the keys of all resources of this type and scope start with."""
        if self.parent:
            return f"{self.parent}/{self.type.rpartition('/')[2]}/".lower()
        return f"{self.scope}/providers/{self.type}/".lower()


def parse(path: str) -> Target:
    """Raises `ArmError` 404 for what is not an ARM path and 501 for scopes that are not emulated."""
    segments = tuple(segment for segment in path.split("/") if segment)
    lower = [segment.lower() for segment in segments]
    if len(segments) < 3 or lower[0] != "subscriptions":
        raise not_implemented(f"'{path}'")
    cut = max((at for at, segment in enumerate(lower) if segment == "providers"), default=len(segments))
    scope, provided = segments[:cut], segments[cut + 1 :]
    subscription = segments[1]
    in_group = len(scope) > 2 and lower[2] == "resourcegroups"
    if in_group and len(scope) > 3:
        scope = (*scope[:2], "resourceGroups", *scope[3:])
    group = scope[3] if in_group and len(scope) > 3 else ""
    if not provided:
        return _group(path, scope, subscription, group, in_group)
    if len(provided) < 2:
        raise ArmError(404, "InvalidResourceType", f"'{path}' names no resource type.")
    kind, name = f"{provided[0]}/{provided[1]}", provided[2] if len(provided) > 2 else ""
    return Target("/" + "/".join(scope), subscription, group, kind, name, provided[3:])


def _group(path: str, scope: tuple[str, ...], subscription: str, group: str, in_group: bool) -> Target:
    if not in_group:
        raise not_implemented(f"'{path}'")
    return Target("/" + "/".join(scope[:4]), subscription, group, "", group, scope[4:])
