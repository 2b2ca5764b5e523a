"""What an environment's resources have in common: names that carry its id, tags, roles given to its identity.

Names are explicit, never drawn: a second run finds what the first one made.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

IDENTITY = "Identity"
_NAMESPACE = uuid.UUID("2f1b7f4e-4c0e-4b0e-9c63-5d7a4b1c2d3e")  # of role assignment names

Answers = dict[str, dict[str, Any]]  # by step: what ARM answered


@dataclass(frozen=True)
class Environment:
    """The record of an environment, as far as its resources depend on it."""

    id: str
    stage: str
    region: str
    targets: tuple[str, ...]
    subscription: str
    group: str
    tags: Mapping[str, str]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Environment:
        """Raises `KeyError` for a record without its identifiers or placement."""
        ident, placement = str(record["environmentId"]), record["placement"]
        tags = {
            "cs-tenant-id": str(record["tenantId"]),
            "cs-project-id": str(record["projectId"]),
            "cs-environment-id": ident,
            "cs-stage": str(record["stage"]),
            "cs-operation-id": str(record["operationId"]),
            "cs-attempt": str(record["attempt"]),
        }
        targets, group = tuple(record["computeTargets"]), placement.get("resourceGroup") or f"rg-cs-{own_part(ident)}"
        return cls(ident, record["stage"], record["region"], targets, placement["subscriptionId"], group, tags)

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    def named(self, kind: str, prefix: str) -> str:
        """The id of a resource in the group; `<prefix>-<16 hex>` fits every limit (24 for vaults)."""
        return f"{self.group_id}/providers/{kind}/{prefix}-{own_part(self.id)}"

    def plainly(self, kind: str, prefix: str) -> str:
        """Likewise for names of letters and digits alone: storage accounts."""
        return self.named(kind, prefix).replace(f"{prefix}-", prefix)

    def tracked(self, **rest: Any) -> dict[str, Any]:
        """The body of what has a location."""
        return {"location": self.region, "tags": dict(self.tags), **rest}


def own_part(environment_id: str) -> str:
    return environment_id.removeprefix("env-")


@dataclass(frozen=True)
class Part:
    """One resource. `actions`: what to ask of it once it stands, by the name the answer gets."""

    step: str
    api_version: str
    id: Callable[[Environment, Answers], str]
    body: Callable[[Environment, Answers], dict[str, Any]]
    actions: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()  # steps whose answers its id or its body is made of
    loose: frozenset[str] = frozenset()  # paths that somebody else decides on, or that ARM never tells
    own: bool = True  # deleted by itself when the group stays; else it goes with what it stands on


def assigned(answers: Answers) -> dict[str, Any]:
    return {"type": "UserAssigned", "userAssignedIdentities": {answers[IDENTITY]["id"]: {}}}


def role(step: str, role_id: str, scope: Callable[[Environment], str]) -> Part:
    """A role of the environment's identity. An assignment's name is a GUID: the same for the same scope and principal."""

    def ident(environment: Environment, answers: Answers) -> str:
        on, principal = scope(environment), answers[IDENTITY]["properties"]["principalId"]
        name = uuid.uuid5(_NAMESPACE, f"{on.lower()}|{principal}|{role_id}")
        return f"{on}/providers/Microsoft.Authorization/roleAssignments/{name}"

    def body(environment: Environment, answers: Answers) -> dict[str, Any]:
        subscription, principal = environment.subscription, answers[IDENTITY]["properties"]["principalId"]
        definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role_id}"
        given = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
        return {"properties": given}

    return Part(step, "2022-04-01", ident, body, needs=frozenset({IDENTITY}), own=False)
