"""A compute target in memory: revisions beside each other, traffic that moves, stamps that refuse what is older.

What a revision does is scripted by its image: how long it takes to start, or that it never gets ready. What a call meets
is scripted by method and service: a list of errors, raised one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.kernel.clock import Clock
from shared.kernel.errors import Superseded
from shared.targets.naming import secret_uri
from shared.targets.port import (
    Observation,
    ObservedBounds,
    ObservedReplica,
    ObservedRevision,
    SecretReference,
    Site,
    Stamp,
    Workload,
)

STRANGE = "made-by-hand"  # a revision that is not the platform's


@dataclass(frozen=True)
class Revision:
    workload: Workload
    started_at: datetime
    running: bool = True


@dataclass
class Service:
    revisions: dict[str, Revision] = field(default_factory=dict)
    serving: str | None = None
    stamp: Stamp | None = None
    scaled: Workload | None = None

    @property
    def image(self) -> str | None:
        return self.revisions[self.serving].workload.image if self.serving else None


@dataclass
class FakeTarget:
    """Implements `shared.targets.port.Target`. `replaces`: applying is already replacing (a rolling update)."""

    clock: Clock
    replaces: bool = False
    services: dict[str, Service] = field(default_factory=dict)
    start_seconds: dict[str, float] = field(default_factory=dict)  # by image
    never_ready: set[str] = field(default_factory=set)  # images
    other_image: dict[str, str] = field(default_factory=dict)  # what really runs instead of an image
    lingering: set[str] = field(default_factory=set)  # services whose earlier replicas stay ready after a promotion
    grown: dict[str, int] = field(default_factory=dict)  # to how many an autoscaler brought a service
    errors: dict[tuple[str, str], list[Exception]] = field(default_factory=lambda: defaultdict(list))
    effects: list[tuple[str, str, str]] = field(default_factory=list)  # (method, service, revision or "")

    def fail(self, method: str, service_id: str, *errors: Exception) -> None:
        """The next calls of `method` for the service raise these; `observe` is asked for with service ""."""
        self.errors[method, service_id].extend(errors)

    def _meet(self, method: str, service_id: str) -> None:
        if self.errors[method, service_id]:
            raise self.errors[method, service_id].pop(0)

    def _stamped(self, method: str, stamp: Stamp, service_id: str, revision: str = "") -> Service:
        self._meet(method, service_id)
        service = self.services.setdefault(service_id, Service())
        if stamp.older_than(service.stamp.text if service.stamp else None):
            raise Superseded(stamp.operation_id, stamp.attempt)
        service.stamp = stamp
        self.effects.append((method, service_id, revision))
        return service

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        service = self._stamped("apply", stamp, workload.service_id, workload.revision)
        standing, service.scaled = service.revisions.get(workload.revision), workload if workload.scaling else None
        if standing is None or not standing.running or standing.workload != workload:
            service.revisions[workload.revision] = Revision(workload, self.clock())
        if self.replaces:
            self._alone(service, workload.revision)

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        service = self._stamped("promote", stamp, workload.service_id, workload.revision)
        if workload.service_id in self.lingering:
            service.serving = workload.revision
        else:
            self._alone(service, workload.revision)

    def _alone(self, service: Service, revision: str) -> None:
        service.serving = revision
        for name, other in service.revisions.items():
            service.revisions[name] = replace(other, running=name == revision)

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        self._meet("observe", "")
        return {name: self._observation(name, service) for name, service in self.services.items()}

    async def scale(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        self._stamped("scale", stamp, workload.service_id, workload.revision).scaled = workload

    async def remove(self, site: Site, stamp: Stamp, service_ids: Sequence[str]) -> None:
        for service_id in service_ids:
            self._stamped("remove", stamp, service_id)
            del self.services[service_id]

    def _observation(self, service_id: str, service: Service) -> Observation:
        serving = service.revisions.get(service.serving or "")
        bounds = _bounds(service.scaled or (serving.workload if serving else None))
        return Observation(
            service_id=service_id,
            observed_at=self.clock(),
            replicas=self._count(service_id, service),
            autoscaled=bounds is not None,
            bounds=bounds,
            env=_env(serving.workload) if serving else {},
            revisions=[self._observed(name, one, service) for name, one in service.revisions.items()],
            stamp=service.stamp.text if service.stamp else None,
        )

    def _count(self, service_id: str, service: Service) -> int:
        """What an autoscaler made of it; without one the count it was last given."""
        serving = service.revisions.get(service.serving or "")
        if serving is None:
            return 0
        last = service.scaled or serving.workload
        return self.grown.get(service_id, last.replicas) if last.scaling else last.replicas

    def _observed(self, name: str, revision: Revision, service: Service) -> ObservedRevision:
        image = revision.workload.image
        starts = timedelta(seconds=self.start_seconds.get(image, 0.0))
        ready = image not in self.never_ready and self.clock() >= revision.started_at + starts
        count = revision.workload.replicas if revision.running else 0
        shown = self.other_image.get(image, image)
        return ObservedRevision(
            name=name,
            image=shown,
            replicas=[ObservedReplica(name=f"{name}-{index}", ready=ready) for index in range(count)],
            addresses=[f"http://{name}/{index}/{shown}" for index in range(count)] if ready else [],
            serving=name == service.serving,
            settled=ready or not revision.running,
        )

    def change(self, service_id: str, **wanted: Any) -> None:
        """Somebody changes what serves, behind the platform's back; its count and bounds make no other revision."""
        service = self.services[service_id]
        workload = service.revisions[service.serving or ""].workload.model_copy(update=wanted)
        if "scaling" in wanted:
            service.scaled = workload
        if set(wanted) <= {"replicas", "scaling"}:
            service.revisions[service.serving or ""] = Revision(workload, self.clock())
            return
        service.revisions[STRANGE] = Revision(workload, self.clock())
        self._alone(service, STRANGE)

    def plant(self, workload: Workload) -> None:
        """Somebody runs a service of their own."""
        self.services[workload.service_id] = Service({STRANGE: Revision(workload, self.clock())}, STRANGE)

    def running(self, service_id: str) -> list[str]:
        """The images that run for the service, whether they serve or not."""
        service = self.services.get(service_id)
        return sorted(one.workload.image for one in service.revisions.values() if one.running) if service else []

    def serves(self, service_id: str) -> str | None:
        """The image that serves."""
        service = self.services.get(service_id)
        return service.image if service else None

    def of(self, method: str) -> list[str]:
        """The services that met `method`, in order."""
        return [service_id for name, service_id, _ in self.effects if name == method]


def _env(workload: Workload) -> dict[str, str]:
    return {
        name: f"keyvault:{secret_uri(value)}" if isinstance(value, SecretReference) else value
        for name, value in workload.env.items()
    }


def _bounds(workload: Workload | None) -> ObservedBounds | None:
    scaling = workload.scaling if workload else None
    if scaling is None:
        return None
    least, most = scaling.min_replicas, scaling.max_replicas
    return ObservedBounds(min_replicas=least, max_replicas=most, measures=[scaling.measure])
