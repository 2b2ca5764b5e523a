"""The health of every environment, tick by tick: look at what serves, keep the last word on it, tell what changed.

Invariants
- The row `health` is one tick's word: written conditionally, so that of two sweeps of one environment one counts and the
  other is dropped; an older tick, or the same one delivered again, is dropped before it looks at anything.
- An event stands in the transaction that writes the status it tells. Changes beyond one transaction leave the rest of
  the row as it was until their own turn: what a crash cuts off is still a change at the next tick.
- A service whose target could not be asked keeps its last status and the time it was last seen: it grows stale, which
  readers judge by themselves. One that was never seen is Unknown and says why.

Failure modes: `Transient` of the store costs that environment the tick, never another one.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.journal import Cause, Journal, Place, Transaction
from shared.kernel.ids import EnvironmentId
from shared.kernel.trace import trace_id_of
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.sweeping import provisioned, visit_shard
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.events import HealthCheckCompleted
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.runtime.health.reports import EnvironmentReports, merged
from shared.runtime.health.witness import UNREACHABLE, Sample, Subject, Witness
from shared.store import keys
from shared.store.port import Conflict, Row
from shared.store.reading import read
from shared.store.revision import REPORTS

log = logging.getLogger(__name__)

EVENTS = 40  # in one transaction: with its rows, far below the table's 100 changes
NAMED = 5  # services in a summary
LONGEST_CAUSE = 64  # characters of a check's name in it
ACTOR = "health-sweep"
CLIENT = "runtime-cloud"


@dataclass(frozen=True)
class Deps:
    isolation: Isolation
    catalog: Catalog
    witness: Witness
    journal: Journal
    index: Index
    stale_after: timedelta  # the readers' own, so that the summary and the inventory agree


async def check_shard(deps: Deps, shard: int, tick: datetime) -> None:
    """Check every environment of a shard. Raises `Transient` when the shard's list cannot be read."""
    await visit_shard(deps.journal.store, shard, lambda place: check_environment(deps, place, tick))


async def check_environment(deps: Deps, place: Place, started: datetime) -> None:
    """Look once at what serves in a provisioned environment and write what is new.

    `started` is the tick. Key: (environment, tick). Raises `Transient` when the store cannot be asked, `Unreadable`.
    """
    admitted = await provisioned(deps.isolation, place, keys.HEALTH, REPORTS)
    if admitted is None:
        return
    row = admitted.rows.get(keys.HEALTH)
    standing = read(EnvironmentHealth, place.partition, row) if row else EnvironmentHealth()
    if started <= standing.started_at:
        return
    services = await deps.catalog.services(place)
    if not services and not standing.services:
        return
    subjects = [Subject(service.target, service.placed.workload) for service in services]
    samples = await deps.witness.attend(admitted.environment.site, subjects)
    health = evaluated(standing, samples, started, deps.journal.clock())
    try:
        await _Writing(deps.journal, admitted.place, health).write(row, standing)
    except Conflict:
        log.info("a health sweep of %s met another one and is dropped", place.environment_id)
        return
    now, reported = deps.journal.clock(), admitted.rows.get(REPORTS)
    if reported is not None:  # the list says what the service's own page says
        health = merged(health, read(EnvironmentReports, place.partition, reported), now, deps.stale_after)
    await deps.index.summarise(admitted.environment, counted(health, now, deps.stale_after))


def evaluated(
    standing: EnvironmentHealth, samples: Sequence[Sample], started: datetime, completed: datetime
) -> EnvironmentHealth:
    """The row after a look. Services without a sample are no longer wanted and leave it."""
    return EnvironmentHealth(
        started_at=started,
        completed_at=completed,
        not_reached=sorted(sample.service_id for sample in samples if sample.detail == UNREACHABLE),
        services={sample.service_id: _service(standing, sample) for sample in samples},
    )


def _service(standing: EnvironmentHealth, sample: Sample) -> ServiceHealth:
    last = standing.services.get(sample.service_id)
    was_seen = last is not None and last.cause != UNREACHABLE
    if last is not None and was_seen and sample.detail == UNREACHABLE:
        return last.model_copy(update={"seen_at": standing.evaluated_at(sample.service_id)})
    same = last is not None and last.status is sample.status
    return ServiceHealth(
        status=sample.status,
        checks=sample.checks,
        since=last.since if last is not None and same else sample.evaluated_at,
        cause=_cause(sample),
        image=sample.image,
    )


def _cause(sample: Sample) -> str | None:
    """The check that is as bad as the whole; without one, why the answer was no good."""
    if sample.status is HealthStatus.HEALTHY:
        return None
    return next((check.name for check in sample.checks if check.status is sample.status), sample.detail)


def counted(health: EnvironmentHealth, now: datetime, stale_after: timedelta) -> dict[str, int]:
    """The summary's members of health. Stale evidence says nothing: such a service counts as unknown, too."""
    stale = {service_id for service_id in health.services if now - health.evaluated_at(service_id) > stale_after}
    statuses = Counter(
        HealthStatus.UNKNOWN if service_id in stale else service.status for service_id, service in health.services.items()
    )
    return {
        "services": len(health.services),
        "unhealthy": statuses[HealthStatus.UNHEALTHY],
        "degraded": statuses[HealthStatus.DEGRADED],
        "unknown": statuses[HealthStatus.UNKNOWN],
        "stale": len(stale),
    }


@dataclass(frozen=True)
class _Writing:
    """The outcome of one look on its way into the row. Every method raises `Conflict` when another sweep was faster."""

    journal: Journal
    place: Place
    health: EnvironmentHealth

    async def write(self, row: Row | None, standing: EnvironmentHealth) -> None:
        changed = [name for name, service in self.health.services.items() if service.status is not standing.status_of(name)]
        while len(changed) > EVENTS:
            told, changed = changed[:EVENTS], changed[EVENTS:]
            services = standing.services | {name: self.health.services[name] for name in told}
            part = standing.model_copy(update={"services": services})
            await self._commit(row, standing, part, told)
            row, standing = await self._written(part), part
        await self._commit(row, standing, self.health, changed)

    async def _commit(
        self, row: Row | None, before: EnvironmentHealth, after: EnvironmentHealth, changed: Sequence[str]
    ) -> None:
        """Write `after` with the events of `changed`; without any, the row alone."""
        cause = Cause(ACTOR, CLIENT, trace_id_of(None))
        tx = Transaction(
            self.place, cause, "health.changed", self.place.environment_id or "", self._summary(before, changed)
        )
        tx.write(row, keys.HEALTH, after)
        environment_id = EnvironmentId(self.place.environment_id or "")
        for service_id in changed:
            tx.emit(HealthCheckCompleted.of(environment_id, service_id, before, self.health), module_id=service_id)
        if changed:
            await self.journal.commit(tx)
        else:
            await self.journal.store.commit(self.place.partition, self.journal.draw(), tx.changes)

    async def _written(self, part: EnvironmentHealth) -> Row:
        """The row as `part` left it, for its version."""
        row = await self.journal.store.get(self.place.partition, keys.HEALTH)
        if row is None or row.document != part.document():
            raise Conflict(keys.HEALTH)
        return row

    def _summary(self, before: EnvironmentHealth, changed: Sequence[str]) -> str:
        named = ", ".join(self._change(before, name) for name in changed[:NAMED])
        return f"{named} and {len(changed) - NAMED} more" if len(changed) > NAMED else named

    def _change(self, before: EnvironmentHealth, service_id: str) -> str:
        service = self.health.services[service_id]
        because = f" ({service.cause[:LONGEST_CAUSE]})" if service.cause else ""
        return f"{service_id}: {before.status_of(service_id)} to {service.status}{because}"
