"""Where a program's resources stand and what they are called.

Every name is explicit and carries what the resource is for (an environment's sixteen hex digits, a pool's stage and
region), never a drawn suffix: so the ARM id of each is known before it exists, a second run finds what the first one made,
and what reached Azure but not the state of the stack can be adopted. `<prefix>-<16 hex>` fits every limit (24 for vaults).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

_ROLE_NAMES = uuid.UUID("2f1b7f4e-4c0e-4b0e-9c63-5d7a4b1c2d3e")  # the namespace of role assignments' names

# Every operation stamps what it creates; a later one must not change all resources for the sake of its stamp.
STAMPS = ("cs-operation-id", "cs-attempt")


@dataclass(frozen=True)
class Named:
    """One resource before it exists: the step it is reported as, its ARM id, and a version to ask for it with."""

    step: str
    id: str
    api_version: str

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]


Stands = Callable[[Named], bool]


def _nothing_stands(_named: Named) -> bool:
    return False


@dataclass(frozen=True)
class Ground:
    """`stands` says whether a resource is in Azure that the stack does not know of: it is imported, not created."""

    subscription: str
    group: str
    region: str
    stage: str
    own: str
    tags: Mapping[str, str]
    stands: Stands = _nothing_stands

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    @property
    def production(self) -> bool:
        return self.stage == "prod"

    def called(self, step: str, kind: str, prefix: str, api_version: str) -> Named:
        return self.exactly(step, kind, f"{prefix}-{self.own}", api_version)

    def exactly(self, step: str, kind: str, name: str, api_version: str) -> Named:
        """For names that Azure or the app prescribes."""
        return Named(step, f"{self.group_id}/providers/{kind}/{name}", api_version)

    def extension(self, step: str, scope: str, kind: str, name: str, api_version: str) -> Named:
        """Of what sits on another resource: role assignments, diagnostic settings."""
        return Named(step, f"{scope}/providers/{kind}/{name}", api_version)

    def assignment(self, step: str, scope: str, principal: str, role: str) -> Named:
        """A role assignment's name is a GUID: the same for the same scope, principal (its resource) and role."""
        name = str(uuid.uuid5(_ROLE_NAMES, f"{scope}|{principal}|{role}".lower()))
        return self.extension(step, scope, "Microsoft.Authorization/roleAssignments", name, "2022-04-01")

    def role(self, role: str) -> str:
        return f"/subscriptions/{self.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"

    def options(
        self, named: Named, parent: pulumi.Resource | None, after: Iterable[pulumi.Resource] = (), **more: Any
    ) -> pulumi.ResourceOptions:
        """What each resource is declared with. Names are texts, so order is said: `after`."""
        adopted = {"import_": named.id} if self.stands(named) else {}
        ignored = [f'tags["{name}"]' for name in STAMPS if name in self.tags]
        return pulumi.ResourceOptions(
            parent=parent, depends_on=list(after), ignore_changes=[*ignored, *more.pop("ignored", [])], **adopted, **more
        )

    def tracked(self) -> dict[str, Any]:
        """The arguments that every resource with a location has."""
        return {"resource_group_name": self.group, "location": self.region, "tags": dict(self.tags)}


class Component(pulumi.ComponentResource):
    """A group of resources that belong together, named after what they are."""

    def __init__(self, kind: str, name: str, parent: pulumi.Resource | None = None) -> None:
        super().__init__(f"cs:runtime:{kind}", name, None, pulumi.ResourceOptions(parent=parent))
