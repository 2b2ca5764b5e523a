"""The revisions of a container app: what is remembered of each, and how it is doing.

States are judged from the replicas as they are now. A revision whose replicas are not ready is `Activating` for
`startup_seconds` after its activation and `Degraded` (some ready) or `Failed` (none) from then on, which is when
healthState turns from `None` to `Unhealthy`. An inactive revision has no replicas and is `Stopped`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from localazure.arm import template as rules
from localazure.arm.records import now
from localazure.shelf import Shelf
from localazure.workloads.port import Replica, Revision

REVISION = "arm.revision"
TARGET = "container-apps"


@dataclass
class RevisionRecord:
    """One revision on the shelf. `environment` is what the process sees, secrets as they were when it was made."""

    app: str  # the app's key
    name: str
    number: int  # order of creation
    template: dict[str, Any]
    environment: dict[str, str]
    environment_id: str
    service_id: str
    active: bool = True
    provisioned: bool = False
    created: str = field(default_factory=now)
    activated: float = field(default_factory=time.time)

    @property
    def key(self) -> str:
        return f"{self.app}/revisions/{self.name.lower()}"

    @property
    def image(self) -> str:
        return str(self.template["containers"][0]["image"])

    @property
    def replicas(self) -> int:
        """How many are wanted now."""
        return rules.replicas(self.template) if self.active else 0

    @property
    def workload(self) -> Revision:
        return Revision(self.environment_id, self.service_id, TARGET, self.name, self.image, self.environment)


class Revisions:
    """The revisions on the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known = {key: RevisionRecord(**document) for key, document in shelf.all(REVISION).items()}

    def all(self) -> list[RevisionRecord]:
        return list(self._known.values())

    def of(self, app_key: str) -> list[RevisionRecord]:
        """Oldest first."""
        return sorted((one for one in self._known.values() if one.app == app_key), key=lambda one: one.number)

    def get(self, app_key: str, name: str) -> RevisionRecord | None:
        return self._known.get(f"{app_key}/revisions/{name.lower()}")

    def save(self, revision: RevisionRecord) -> None:
        self._shelf.put(REVISION, revision.key, asdict(revision))
        self._known[revision.key] = revision

    def drop(self, revision: RevisionRecord) -> None:
        self._shelf.delete(REVISION, revision.key)
        self._known.pop(revision.key, None)


def is_ready(revision: RevisionRecord, replicas: Sequence[Replica]) -> bool:
    return revision.active and revision.provisioned and sum(replica.ready for replica in replicas) >= revision.replicas > 0


def running_state(revision: RevisionRecord, replicas: Sequence[Replica], startup_seconds: float) -> tuple[str, str]:
    """(runningState, healthState). `startup_seconds` counts from the activation."""
    if not revision.active:
        return "Stopped", "None"
    if not revision.provisioned:
        return "Processing", "None"
    if is_ready(revision, replicas):
        return "Running", "Healthy"
    if time.time() - revision.activated < startup_seconds:
        return "Activating", "None"
    return ("Degraded" if any(replica.ready for replica in replicas) else "Failed"), "Unhealthy"


def render_replica(app_id: str, revision: RevisionRecord, replica: Replica) -> dict[str, Any]:
    container = {
        "name": revision.template["containers"][0]["name"],
        "ready": replica.ready,
        "started": replica.ready,
        "restartCount": 0,
        "runningState": "Running" if replica.ready else "Waiting",
    }
    return {
        "id": f"{app_id}/revisions/{revision.name}/replicas/{replica.name}",
        "name": replica.name,
        "type": "Microsoft.App/containerApps/revisions/replicas",
        "properties": {
            "createdTime": revision.created,
            "runningState": "Running" if replica.ready else "NotRunning",
            "containers": [container],
        },
    }
