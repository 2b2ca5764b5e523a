"""What is seen of services, by the one who judges, now.

A gate looks for one *expected* revision, and only that one is ever probed, at addresses that the target itself names
for it: an answer of the old revision cannot become evidence for the new one. A sweep looks at whatever *serves*. What
cannot be seen is a sample too, and says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.kernel.clock import Clock
from shared.kernel.errors import Refused, Transient
from shared.kernel.record import Record
from shared.runtime.health.document import Check, Format, HealthStatus, worst
from shared.runtime.health.prober import Evidence as Answered
from shared.targets.port import HealthProbe, Observation, ObservedRevision, Site, Target, Workload

UNREACHABLE = "target-unreachable"
OVERDUE = "not-in-time"
NOT_REACHED = frozenset({UNREACHABLE, OVERDUE})  # nothing was learned: neither how the service is, nor that it is silent
ABSENT = "revision-absent"
OTHER_IMAGE = "other-image"
STARTING = "starting"
UNADDRESSED = "no-address"


class Sample(Record):
    """`count` looks in a row that saw the same, from `evaluated_at` to `last_evaluated_at`."""

    service_id: str
    revision: str | None = None
    image: str | None = None
    status: HealthStatus
    checks: list[Check] = []
    evaluated_at: datetime
    last_evaluated_at: datetime
    count: int = 1
    detail: str | None = None

    def same_as(self, other: Sample) -> bool:
        return self._seen() == other._seen()

    def _seen(self) -> tuple[object, ...]:
        checks = tuple((check.name, check.status) for check in self.checks)
        return (self.service_id, self.revision, self.image, self.status, checks, self.detail)


class Probe(Protocol):
    async def probe(self, base_url: str, path: str, format: Format) -> Answered:
        """Never raises for what a target does: that is the evidence."""


@dataclass(frozen=True)
class Subject:
    """A service as a look at it needs to know it."""

    target: str
    workload: Workload


Sampling = Callable[[Workload, Observation | None], Awaitable[Sample]]


@dataclass(frozen=True)
class Witness:
    targets: Mapping[str, Target]
    prober: Probe
    clock: Clock

    async def look(self, site: Site, subjects: Sequence[Subject]) -> list[Sample]:
        """One sample of the expected revision per subject; a target is asked once, whatever the number of services."""
        return await self._looked(site, subjects, self._expected)

    async def attend(self, site: Site, subjects: Sequence[Subject], within: float) -> list[Sample]:
        """The same of whatever serves, in `within` seconds: what is not seen by then is `OVERDUE`."""
        seen: dict[str, Sample] = {}

        async def noted(workload: Workload, observed: Observation | None) -> Sample:
            seen[workload.service_id] = sample = await self._serving(workload, observed)
            return sample

        try:
            async with asyncio.timeout(within):
                return await self._looked(site, subjects, noted)
        except TimeoutError:
            workloads = [subject.workload for subject in subjects]
            return [seen.get(one.service_id) or self._unseen(one, OVERDUE) for one in workloads]

    async def _looked(self, site: Site, subjects: Sequence[Subject], sample: Sampling) -> list[Sample]:
        by_target: dict[str, list[Workload]] = {}
        for subject in subjects:
            by_target.setdefault(subject.target, []).append(subject.workload)
        found = await asyncio.gather(*[self._on(name, site, workloads, sample) for name, workloads in by_target.items()])
        return [sample for samples in found for sample in samples]

    async def _on(self, name: str, site: Site, workloads: Sequence[Workload], sample: Sampling) -> list[Sample]:
        try:
            observed = await self.targets[name].observe(site)
        except (Transient, Refused):
            return [self._unseen(workload, UNREACHABLE) for workload in workloads]
        return await asyncio.gather(*[sample(workload, observed.get(workload.service_id)) for workload in workloads])

    async def _expected(self, workload: Workload, seen: Observation | None) -> Sample:
        mine = [revision for revision in seen.revisions if revision.name == workload.revision] if seen else []
        if not mine:
            return self._unseen(workload, ABSENT)
        revision = mine[0]
        if revision.image != workload.image:
            return self._unseen(workload, OTHER_IMAGE, revision)
        if not revision.settled or not revision.replicas or any(not replica.ready for replica in revision.replicas):
            return self._unseen(workload, STARTING, revision)
        return await self._addressed(workload, revision)

    async def _serving(self, workload: Workload, seen: Observation | None) -> Sample:
        revision = seen.serving if seen else None
        return await self._addressed(workload, revision) if revision else self._unseen(workload, ABSENT)

    async def _addressed(self, workload: Workload, revision: ObservedRevision) -> Sample:
        if not revision.addresses:
            return self._unseen(workload, UNADDRESSED, revision)
        return await self._answered(workload, revision)

    async def _answered(self, workload: Workload, revision: ObservedRevision) -> Sample:
        started = self.clock()
        health: HealthProbe = workload.health
        answers = await asyncio.gather(
            *[self.prober.probe(address, health.path, health.format) for address in revision.addresses]
        )
        odd = next((answer for answer in answers if answer.detail), None)
        return self._sampled(
            workload,
            revision,
            status=worst(answer.status for answer in answers),
            checks=_merged(answers),
            detail=odd.detail if odd else None,
        ).model_copy(update={"evaluated_at": started, "last_evaluated_at": started})

    def _unseen(self, workload: Workload, detail: str, revision: ObservedRevision | None = None) -> Sample:
        return self._sampled(workload, revision, status=HealthStatus.UNKNOWN, checks=[], detail=detail)

    def _sampled(
        self,
        workload: Workload,
        revision: ObservedRevision | None,
        *,
        status: HealthStatus,
        checks: list[Check],
        detail: str | None,
    ) -> Sample:
        now = self.clock()
        return Sample(
            service_id=workload.service_id,
            revision=revision.name if revision else None,
            image=revision.image if revision else None,
            status=status,
            checks=checks,
            evaluated_at=now,
            last_evaluated_at=now,
            detail=detail,
        )


def _merged(answers: Sequence[Answered]) -> list[Check]:
    """The checks of all replicas by name, the worst of each."""
    merged: dict[str, Check] = {}
    for check in (check for answer in answers for check in answer.checks):
        standing = merged.get(check.name)
        if standing is None or worst([standing.status, check.status]) is not standing.status:
            merged[check.name] = check
    return list(merged.values())
