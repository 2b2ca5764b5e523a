"""What the API renders of environments and of health: stored records, and what is known of them right now."""

from __future__ import annotations

from datetime import datetime

from shared.access.binding import BindingStatus
from shared.kernel.record import Record
from shared.runtime.catalog.model import ServiceReport
from shared.runtime.environments.index import Summary
from shared.runtime.environments.model import Environment
from shared.runtime.health.document import Check, HealthStatus


class InventoryRow(ServiceReport):
    status: HealthStatus
    stale: bool
    evaluated_at: datetime | None = None


class BindingSummary(Record):
    status: BindingStatus


class EnvironmentState(Environment):
    """GET /environments/{environmentId}."""

    binding: BindingSummary
    active_operation_id: str | None = None
    inventory: list[InventoryRow]


class EnvironmentItem(Environment):
    """One of GET /environments."""

    summary: Summary


class ServiceHealthState(Record):
    """GET /services/{serviceId}/health. `evaluated_at` is absent for what was never looked at."""

    service_id: str
    environment_id: str
    status: HealthStatus
    checks: list[Check]
    evaluated_at: datetime | None = None
    stale: bool | None = None  # only where it is
    cause: str | None = None
