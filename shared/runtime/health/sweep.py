"""The health of every environment, tick by tick: look at what serves, keep the last word on it, tell what changed.

Invariants
- The row `health` is one tick's word: written conditionally, so that of two sweeps of one environment one counts and the
  other is dropped; an older tick, or the same one delivered again, is dropped before it looks at anything.
- A service whose target could not be asked, or not in time, keeps its last status and the time it was last seen: it grows
  stale, which readers judge by themselves. One that was never seen is Unknown and says why.
- A look ends before the next tick, whatever is slow. Slow services delay no others: not those of their environment (see
  `turns`), and not other environments, which get places of their own.

Failure modes: `Transient` of the store costs that environment the tick, never another one.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.journal import Journal, Place
from shared.kernel.metrics import HEALTH_STATUS, record
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.sweeping import provisioned, visit_shard
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.runtime.health.patience import Hysteresis
from shared.runtime.health.reports import EnvironmentReports, merged
from shared.runtime.health.witness import NOT_REACHED, Sample, Subject, Witness
from shared.runtime.health.writing import Writing
from shared.store import keys
from shared.store.port import Conflict
from shared.store.reading import read
from shared.store.revision import REPORTS

log = logging.getLogger(__name__)

AT_ONCE = 64  # environments of a shard: most of their time is the waiting for their slowest service


@dataclass(frozen=True)
class Deps:
    isolation: Isolation
    catalog: Catalog
    witness: Witness
    journal: Journal
    index: Index
    stale_after: timedelta  # the readers' own, so that the summary and the inventory agree
    budget: timedelta  # of a look, from its tick on
    hysteresis: Hysteresis


async def check_shard(deps: Deps, shard: int, tick: datetime) -> None:
    """Check every environment of a shard. Raises `Transient` when the shard's list cannot be read."""
    await visit_shard(deps.journal.store, shard, lambda place: check_environment(deps, place, tick), at_once=AT_ONCE)


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
    within = deps.budget - (deps.journal.clock() - started)
    samples = await deps.witness.attend(admitted.environment.site, subjects, within.total_seconds())
    health = evaluated(standing, samples, started, deps.journal.clock(), deps.hysteresis)
    try:
        await Writing(deps.journal, admitted.place, health).write(row, standing)
    except Conflict:
        log.info("a health sweep of %s met another one and is dropped", place.environment_id)
        return
    now, reported = deps.journal.clock(), admitted.rows.get(REPORTS)
    if reported is not None:  # the list says what the service's own page says
        health = merged(health, read(EnvironmentReports, place.partition, reported), now, deps.stale_after)
    members, lag = counted(health, now, deps.stale_after), deps.stale_after / 2
    _measure(admitted.environment.environment_id, members)
    await deps.index.summarise(admitted.environment, members, looked=started, lag=lag)


def _measure(environment_id: str, members: Mapping[str, int]) -> None:
    bad = {name: members[name] for name in ("unhealthy", "degraded", "unknown")}
    for status, services in {**bad, "healthy": members["services"] - sum(bad.values())}.items():
        record(HEALTH_STATUS, services, environment=environment_id, status=status)


def evaluated(
    standing: EnvironmentHealth,
    samples: Sequence[Sample],
    started: datetime,
    completed: datetime,
    hysteresis: Hysteresis,
) -> EnvironmentHealth:
    """The row after a look. Services without a sample are no longer wanted and leave it."""
    return EnvironmentHealth(
        started_at=started,
        completed_at=completed,
        not_reached=sorted(sample.service_id for sample in samples if sample.detail in NOT_REACHED),
        services={sample.service_id: _service(standing, sample, hysteresis) for sample in samples},
    )


def _service(standing: EnvironmentHealth, sample: Sample, hysteresis: Hysteresis) -> ServiceHealth:
    last = standing.services.get(sample.service_id)
    was_seen = last is not None and last.cause not in NOT_REACHED
    if last is None or not was_seen:
        return _looked(sample, last)
    seen_at = standing.evaluated_at(sample.service_id)
    if sample.detail in NOT_REACHED:
        return last.model_copy(update={"seen_at": seen_at})
    return hysteresis.after(last, seen_at, _looked(sample, last))


def _looked(sample: Sample, last: ServiceHealth | None) -> ServiceHealth:
    return ServiceHealth(
        status=sample.status,
        checks=sample.checks,
        since=last.since if last is not None and last.status is sample.status else sample.evaluated_at,
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
