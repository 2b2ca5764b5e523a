"""What the ARM and Kubernetes stand-ins ask of the workload runner, and what the control API asks of them.

A revision is one version of one service: a Container Apps revision or a Kubernetes ReplicaSet. The stand-ins decide how
many replicas of which revision exist and which one serves; the runner makes the replicas answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Revision:
    environment_id: str
    service_id: str
    target: str  # "aks" | "container-apps" | …
    name: str  # unique within (environment, service, target)
    image: str
    env: Mapping[str, str] = field(default_factory=dict)  # as the process sees it, ConfigMaps and the like resolved

    @property
    def key(self) -> str:
        return f"{self.target}/{self.environment_id}/{self.service_id}/{self.name}"


@dataclass(frozen=True)
class Replica:
    name: str
    host: str  # loopback
    port: int  # its own; the same after a restart of the runner while the revision lives
    image: str
    ready: bool  # behaviour applied: started, and not `neverReady`

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Workloads(Protocol):
    async def scale(self, revision: Revision, replicas: int) -> None:
        """Make exactly so many replicas of the revision listen; idempotent; the first call with a key makes it known."""

    async def remove(self, key: str) -> None:
        """Stop and forget a revision; unknown is fine."""

    def replicas(self, key: str) -> Sequence[Replica]:
        """The replicas that listen now, with their readiness as of now."""

    def serve(self, environment_id: str, service_id: str, key: str | None) -> None:
        """Say which revision serves the service (None: none does); `GET /workloads` shows its image and env."""


class Changeable(Protocol):
    """A stand-in whose resources somebody may change behind the platform's back."""

    async def change(self, environment_id: str, service_id: str, wanted: Mapping[str, Any]) -> bool:
        """Apply {"image"?, "replicas"?, "env"?, "delete"?} as an outsider would; False when the service is not here."""


class ReplicaHost(Workloads, Protocol):
    """A runner whose caller names the replicas itself, as Kubernetes does: a replica is the container of one pod."""

    async def start(self, revision: Revision, name: str, port: int | None = None) -> None:
        """Make the replica of that name listen, on `port` unless somebody else holds it (None: on one of its own);
        idempotent."""

    async def stop(self, key: str, name: str) -> None:
        """Stop one replica; its revision stays known; unknown is fine."""
