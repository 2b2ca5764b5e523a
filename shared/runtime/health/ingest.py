"""RuntimeHealthService: health results that others took, by batch or one by one.

Invariants
- An observation never overwrites a newer one of the same service: it is answered as `Stale` and changes nothing. The same
  one again is `Accepted` again, so a batch whose answer was lost may be sent once more.
- Each observation has an outcome of its own, in the order of the batch; one that is wrong stops no other.
- A service is known that is in the inventory, or that a release in flight is to make run: its gate may wait for this.
- An event stands in the transaction that changes what readers see. More changes than one transaction takes go in several.

Failure modes: `Conflict` for a lost race (the caller begins anew from the read), `Transient` when nothing is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from shared.events.journal import Journal, Place, Transaction
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.runtime.catalog.rows import MAX_SERVICES, PREFIX
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import Name, TenantId
from shared.runtime.health.document import MAX_CHECKS, MAX_DURATION_MS, MAX_NAME_LENGTH, Check, HealthStatus
from shared.runtime.health.events import HealthCheckCompleted
from shared.runtime.health.model import EnvironmentHealth
from shared.runtime.health.reports import EnvironmentReports, ReportedHealth, merged
from shared.store import keys
from shared.store.port import Conflict, Row
from shared.store.reading import read
from shared.store.revision import REPORTS

MOST = 500  # observations in a batch
EVENTS = 40  # in one transaction, as in the sweep
GATHERED = 12  # services up to which their rows are read by key, in the round trip of the rest
AHEAD = timedelta(seconds=60)  # of our clock that a reporter's may be
NAMED = 5  # services in a summary

Rolling = Callable[[str], Awaitable[frozenset[str]]]  # a partition's services that a release in flight is to make run


class ReportOutcome(StrEnum):
    ACCEPTED = "Accepted"
    STALE = "Stale"
    UNKNOWN_SERVICE = "UnknownService"
    INVALID = "Invalid"


class ReportedCheck(Record):
    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
    status: HealthStatus
    duration_ms: Annotated[int, Field(ge=0, le=MAX_DURATION_MS)] | None = None

    def kept(self) -> Check:
        return Check(name=self.name, status=self.status, duration_ms=self.duration_ms)


class Observation(Record):
    """How a service was when somebody looked. `source`: who looked; without it, the calling client. `observed_revision`:
    of what was looked at, as its target labels it and a gate's samples name it; it alone tells two revisions of one image
    apart."""

    service_id: Name
    status: HealthStatus
    checks: Annotated[list[ReportedCheck], Field(max_length=MAX_CHECKS)] = []
    observed_at: AwareDatetime
    observed_image: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    observed_revision: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    source: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


class HealthResultsRequest(Record):
    """POST /internal/environments/{environmentId}/health-results."""

    tenant_id: TenantId | None = None
    results: Annotated[list[Observation], Field(min_length=1, max_length=MOST)]


class Weighing(Record):
    service_id: str
    outcome: ReportOutcome


class HealthResultsAnswer(Record):
    """One outcome per observation, in the batch's order."""

    environment_id: str
    results: list[Weighing]
    trace_id: str


@dataclass(frozen=True)
class Standing:
    """What is known before a batch."""

    row: Row | None  # of the reports
    reports: EnvironmentReports
    health: EnvironmentHealth
    known: frozenset[str]  # services of the environment: those at least that the batch names


@dataclass(frozen=True)
class Weighed:
    outcomes: list[ReportOutcome]
    reports: EnvironmentReports


@dataclass(frozen=True)
class Ingest:
    journal: Journal
    stale_after: timedelta
    rolling: Rolling

    async def results(self, intent: Intent, admitted: Admitted, request: HealthResultsRequest) -> Answer:
        """Take a batch, and leave one entry that says so."""
        place = admitted.place
        intent.will("record", f"environments/{place.environment_id}/health", f"{len(request.results)} results")
        tx = intent.transaction(place, "health.reported", place.environment_id or "", "")
        standing = await self.standing(place, request.results)
        weighed = weigh(standing, request.results, tx.cause.client_id, self.journal.clock())
        results = [
            Weighing(service_id=observation.service_id, outcome=outcome)
            for observation, outcome in zip(request.results, weighed.outcomes, strict=True)
        ]
        told = HealthResultsAnswer(
            environment_id=admitted.environment.environment_id, results=results, trace_id=intent.caller.trace_id
        )
        answer = Answer(200, told.document())
        rest = await self._write(tx, standing, weighed.reports)
        rest.summary = _summary(weighed.outcomes)
        intent.remember(rest, answer)
        await self.journal.commit(rest)
        return answer

    async def take(self, tx: Transaction, observations: Sequence[Observation]) -> list[ReportOutcome]:
        """The same for a stream, whose every message would be too much for a timeline: an entry only where a status
        changed. `tx` is the caller's and empty. Raises `Conflict`: begin anew."""
        standing = await self.standing(tx.place, observations)
        weighed = weigh(standing, observations, tx.cause.client_id, self.journal.clock())
        if weighed.reports == standing.reports:
            return weighed.outcomes
        rest = await self._write(tx, standing, weighed.reports)
        rest.summary = _summary(weighed.outcomes)
        if rest.drafts:
            await self.journal.commit(rest)
        else:
            await self.journal.store.commit(tx.place.partition, self.journal.draw(), rest.changes)
        return weighed.outcomes

    async def standing(self, place: Place, observations: Sequence[Observation]) -> Standing:
        named = sorted({observation.service_id for observation in observations})
        asked = [keys.service(service_id) for service_id in named] if len(named) <= GATHERED else []
        rows = await self.journal.store.gather(place.partition, [keys.HEALTH, REPORTS, *asked])
        found = set(rows)
        if not asked:
            found |= {row.key for row in await self.journal.store.list(place.partition, PREFIX, limit=MAX_SERVICES)}
        known = frozenset(service_id for service_id in named if keys.service(service_id) in found)
        if len(known) < len(named):
            known |= await self.rolling(place.partition)
        reports, health = rows.get(REPORTS), rows.get(keys.HEALTH)
        return Standing(
            row=reports,
            reports=read(EnvironmentReports, place.partition, reports) if reports else EnvironmentReports(),
            health=read(EnvironmentHealth, place.partition, health) if health else EnvironmentHealth(),
            known=known,
        )

    async def _write(self, tx: Transaction, standing: Standing, after: EnvironmentReports) -> Transaction:
        """Commit all but the last part of it, which is returned for the caller's own commit."""
        changed = self._changed(standing, after)
        while len(changed) > EVENTS:
            told, changed = changed[:EVENTS], changed[EVENTS:]
            part = EnvironmentReports(
                services={**standing.reports.services, **{name: after.services[name] for name in told}}
            )
            first = replace(tx, changes=[], drafts=[], summary=f"the health of {len(told)} services was reported")
            self._add(first, standing, part, told)
            await self.journal.commit(first)
            standing = replace(standing, row=await self._written(tx.place, part), reports=part)
        if after != standing.reports:
            self._add(tx, standing, after, changed)
        return tx

    async def _written(self, place: Place, part: EnvironmentReports) -> Row:
        row = await self.journal.store.get(place.partition, REPORTS)
        if row is None or row.document != part.document():
            raise Conflict(REPORTS)
        return row

    def _add(self, tx: Transaction, standing: Standing, after: EnvironmentReports, changed: Sequence[str]) -> None:
        tx.write(standing.row, REPORTS, after)
        before, seen = self._seen(standing, standing.reports), self._seen(standing, after)
        environment_id = EnvironmentId(tx.place.environment_id or "")
        for service_id in changed:
            tx.emit(HealthCheckCompleted.of(environment_id, service_id, before, seen), module_id=service_id)

    def _changed(self, standing: Standing, after: EnvironmentReports) -> list[str]:
        """The services of which readers now see another status."""
        before, seen = self._seen(standing, standing.reports), self._seen(standing, after)
        return [name for name in after.services if before.status_of(name) is not seen.status_of(name)]

    def _seen(self, standing: Standing, reports: EnvironmentReports) -> EnvironmentHealth:
        return merged(standing.health, reports, self.journal.clock(), self.stale_after)


def weigh(standing: Standing, observations: Sequence[Observation], client_id: str, now: datetime) -> Weighed:
    """Each observation against what is known, and what is known after all of them. Pure."""
    services = dict(standing.reports.services)
    outcomes = []
    for observation in observations:
        outcome = _outcome(observation, standing.known, services.get(observation.service_id), now)
        outcomes.append(outcome)
        if outcome is ReportOutcome.ACCEPTED:
            last = services.get(observation.service_id)
            services[observation.service_id] = _reported(observation, last, client_id)
    return Weighed(outcomes, EnvironmentReports(services=_newest(services)))


def _newest(services: Mapping[str, ReportedHealth]) -> dict[str, ReportedHealth]:
    """As many as an environment has services: those of services that are long gone make room."""
    kept = sorted(services, key=lambda name: services[name].observed_at)[-MAX_SERVICES:]
    return {name: services[name] for name in sorted(kept)}


def _outcome(observation: Observation, known: frozenset[str], last: ReportedHealth | None, now: datetime) -> ReportOutcome:
    if observation.service_id not in known:
        return ReportOutcome.UNKNOWN_SERVICE
    if observation.observed_at > now + AHEAD:  # from a clock that is wrong: it would shut out all that comes after it
        return ReportOutcome.INVALID
    return (
        ReportOutcome.STALE if last is not None and observation.observed_at < last.observed_at else ReportOutcome.ACCEPTED
    )


def _reported(observation: Observation, last: ReportedHealth | None, client_id: str) -> ReportedHealth:
    same = last is not None and last.status is observation.status
    return ReportedHealth(
        status=observation.status,
        checks=[check.kept() for check in observation.checks],
        observed_at=observation.observed_at,
        since=last.since if last is not None and same else observation.observed_at,
        source=observation.source or client_id[:64],
        image=observation.observed_image,
        revision=observation.observed_revision,
    )


def _summary(outcomes: Sequence[ReportOutcome]) -> str:
    counts = {outcome: outcomes.count(outcome) for outcome in ReportOutcome}
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
    return f"health results were reported: {told}"
