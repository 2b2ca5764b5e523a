"""The last health of an environment's services: one row, written by the sweep that looked."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.kernel.record import Record
from shared.runtime.health.document import Check, HealthStatus

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class ServiceHealth(Record):
    status: HealthStatus
    checks: list[Check] = []
    since: datetime  # when the status last changed
    cause: str | None = None  # what made the worst of it: a check, a replica, or why nobody could tell
    image: str | None = None
    seen_at: datetime | None = None  # only when it differs from the sweep's start: not reached, or contradicted since
    contrary: int = 0  # looks in a row that say otherwise, and are not yet enough (see patience)


class EnvironmentHealth(Record):
    """`started_at` is when the last sweep began: every service it reached was looked at no earlier than that."""

    started_at: datetime = NEVER
    completed_at: datetime = NEVER
    not_reached: list[str] = []
    services: dict[str, ServiceHealth] = {}

    def status_of(self, service_id: str) -> HealthStatus:
        service = self.services.get(service_id)
        return service.status if service else HealthStatus.UNKNOWN

    def evaluated_at(self, service_id: str) -> datetime:
        service = self.services[service_id]
        return service.seen_at or self.started_at
