"""What the topic tells of health: changes of status alone."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from shared.events.envelope import EventType, Payload
from shared.kernel.ids import EnvironmentId
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.model import EnvironmentHealth


class HealthCheckCompleted(Payload):
    """A service has another status than when it was last looked at."""

    event_type: ClassVar = EventType.HEALTH_CHECK_COMPLETED

    service_id: str
    environment_id: EnvironmentId
    status: HealthStatus
    previous_status: HealthStatus
    checks: list[Check]
    evaluated_at: datetime

    @classmethod
    def of(
        cls, environment_id: EnvironmentId, service_id: str, before: EnvironmentHealth, after: EnvironmentHealth
    ) -> Self:
        return cls(
            service_id=service_id,
            environment_id=environment_id,
            status=after.status_of(service_id),
            previous_status=before.status_of(service_id),
            checks=after.services[service_id].checks,
            evaluated_at=after.evaluated_at(service_id),
        )
