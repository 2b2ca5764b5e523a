"""What others report of the health of services: agents inside networks that the app cannot reach, and health workers.

One row an environment, `reports`, beside the sweep's own. Readers see both as one: the newer evidence counts, but a look
that could not tell (Unknown) never hides a fresh report that can. Reports grow stale like everything else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.kernel.record import Record
from shared.runtime.environments.isolation import Admitted
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.store import keys
from shared.store.reading import read
from shared.store.revision import REPORTS


class ReportedHealth(Record):
    status: HealthStatus
    checks: list[Check] = []
    observed_at: datetime  # by the reporter
    since: datetime  # when it first reported this status
    source: str  # who says so
    image: str | None = None
    revision: str | None = None

    def as_health(self) -> ServiceHealth:
        return ServiceHealth(
            status=self.status,
            checks=self.checks,
            since=self.since,
            cause=self._cause(),
            image=self.image,
            seen_at=self.observed_at,
        )

    def _cause(self) -> str | None:
        if self.status is HealthStatus.HEALTHY:
            return None
        return next((check.name for check in self.checks if check.status is self.status), None)


class EnvironmentReports(Record):
    services: dict[str, ReportedHealth] = {}


def health_of(admitted: Admitted, now: datetime, stale_after: timedelta) -> EnvironmentHealth:
    """All that is known, of the rows `health` and `reports` that were read on the way in. Raises `Unreadable`."""
    partition = admitted.place.partition
    own, others = admitted.rows.get(keys.HEALTH), admitted.rows.get(REPORTS)
    health = read(EnvironmentHealth, partition, own) if own else EnvironmentHealth()
    return merged(health, read(EnvironmentReports, partition, others), now, stale_after) if others else health


def merged(
    health: EnvironmentHealth, reports: EnvironmentReports, now: datetime, stale_after: timedelta
) -> EnvironmentHealth:
    """The sweep's word with those reports that count for more."""
    told = {
        service_id: report.as_health()
        for service_id, report in reports.services.items()
        if _counts(health, service_id, report, fresh=now - report.observed_at <= stale_after)
    }
    return health.model_copy(update={"services": {**health.services, **told}}) if told else health


def _counts(health: EnvironmentHealth, service_id: str, report: ReportedHealth, *, fresh: bool) -> bool:
    own = health.services.get(service_id)
    if own is None or (own.status is HealthStatus.UNKNOWN and fresh):
        return True
    return report.observed_at > health.evaluated_at(service_id)
