"""What ARM remembers of a resource, and where: one document per resource on the shelf, keyed by its lower-case id.

A resource has the body its owner sent (`body`), the facts the service drew once and keeps (`facts`: client ids, ports,
revision counters) and a provisioning state. Read-only properties are composed at every read, never stored in the body.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from localazure.arm.target import Target
from localazure.shelf import Shelf

RESOURCE = "arm.resource"
SUCCEEDED, FAILED, DELETING, CHANGING = "Succeeded", "Failed", "Deleting", "InProgress"


def now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass
class Resource:
    """Mutable on purpose: handlers change it and `Records.save` it in one synchronous stretch."""

    id: str
    type: str
    name: str
    body: dict[str, Any]
    state: str  # CHANGING, DELETING, SUCCEEDED, FAILED; a kind may have other words for CHANGING
    facts: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=now)

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def busy(self) -> bool:
        return self.state in (CHANGING, DELETING)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.body.get("tags") or {})

    @property
    def properties(self) -> dict[str, Any]:
        return dict(self.body.get("properties") or {})


class Records:
    """The resources: on the shelf, and in memory for the lists (the only writer of its kind of document)."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._documents = shelf.all(RESOURCE)

    def get(self, key: str) -> Resource | None:
        """A copy of one's own: nothing changes until `save`."""
        document = self._documents.get(key.lower())
        return None if document is None else Resource(**deepcopy(document))

    def save(self, resource: Resource) -> None:
        document = asdict(resource)
        self._shelf.put(RESOURCE, resource.key, document)
        self._documents[resource.key] = document

    def drop(self, key: str) -> None:
        self._shelf.delete(RESOURCE, key)
        self._documents.pop(key, None)

    def under(self, prefix: str) -> Iterator[Resource]:
        """Every resource whose key starts with `prefix`, in key order."""
        for key in sorted(key for key in self._documents if key.startswith(prefix)):
            if found := self.get(key):
                yield found

    def of_type(self, kind: str) -> Iterator[Resource]:
        keys = sorted(key for key, document in self._documents.items() if document["type"].lower() == kind.lower())
        return (found for key in keys if (found := self.get(key)))

    def beside(self, target: Target) -> list[Resource]:
        """The resources of the target's type directly in its scope."""
        depth = target.collection.count("/")
        return [found for found in self.under(target.collection) if found.key.count("/") == depth]

    def listed(self, target: Target) -> list[Resource]:
        """What a list answers: those directly in the scope; of the whole subscription when the target names no group."""
        if target.group:
            return self.beside(target)
        prefix = f"/subscriptions/{target.subscription}/".lower()
        return [found for found in self.of_type(target.type) if found.key.startswith(prefix)]
