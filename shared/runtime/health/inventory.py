"""An environment's state and inventory in one view: what runs, and how it was when last looked at.

The last health of all services is one row, written by the sweep; how old it is follows from when that sweep began, so a
sweep that stopped makes everything stale and nothing healthy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.access.caller import Caller
from shared.kernel import clock as instants
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFound
from shared.runtime.catalog.model import RuntimeService, ServiceReport
from shared.runtime.catalog.rows import Catalog
from shared.runtime.catalog.where import Where
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.health.document import HealthStatus
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.runtime.health.reports import health_of
from shared.runtime.health.views import ServiceHealthState
from shared.store import keys
from shared.store.port import Store
from shared.store.revision import REPORTS


@dataclass(frozen=True)
class Inventory:
    store: Store
    isolation: Isolation
    catalog: Catalog
    where: Where
    clock: Clock
    stale_after: timedelta

    async def environment(self, caller: Caller, ident: str) -> dict[str, Any]:
        """As `views.EnvironmentState`. Raises `NotFound`, also for what is another tenant's."""
        admitted = await self.isolation.admit(caller.tenant_id, ident, keys.HEALTH, REPORTS)
        if admitted.environment.environment_id != ident:
            raise NotFound("environment", ident)
        health = self._health(admitted)
        services = await self.catalog.services(admitted.place)
        return _state(admitted) | {"inventory": [self._row(service, health) for service in services]}

    def _health(self, admitted: Admitted) -> EnvironmentHealth:
        return health_of(admitted, self.clock(), self.stale_after)

    def _row(self, service: RuntimeService, health: EnvironmentHealth) -> dict[str, Any]:
        seen = seen_of(health, service.service_id, self.clock(), self.stale_after)
        row = service.document(ServiceReport) | {"status": seen.status, "stale": seen.stale}
        if seen.evaluated_at is not None:
            row["evaluatedAt"] = instants.text(seen.evaluated_at)
        return row

    async def service_health(self, caller: Caller, service_id: str, environment_id: str | None) -> dict[str, Any]:
        """The latest health of a service. Raises `NotFound`, also for what is another tenant's."""
        ident = environment_id or await self.where.best(caller.tenant_id, service_id)
        if ident is None:
            raise NotFound("service", service_id)
        key = keys.service(service_id)
        admitted = await self.isolation.admit(caller.tenant_id, ident, keys.HEALTH, REPORTS, key, kind="service")
        if key not in admitted.rows or admitted.environment.environment_id != ident:
            raise NotFound("service", service_id)
        seen = seen_of(self._health(admitted), service_id, self.clock(), self.stale_after)
        return ServiceHealthState(
            service_id=service_id,
            environment_id=admitted.environment.environment_id,
            status=seen.status,
            checks=seen.checks,
            evaluated_at=seen.evaluated_at,
            stale=seen.stale or None,
            cause=seen.cause or None,
        ).document()


@dataclass(frozen=True)
class Seen:
    """What may be said of a service now: evidence that is too old says nothing."""

    status: HealthStatus
    evaluated_at: datetime | None
    stale: bool
    service: ServiceHealth | None

    @property
    def checks(self) -> list[Any]:
        return list(self.service.checks) if self.service else []

    @property
    def cause(self) -> str | None:
        return self.service.cause if self.service and not self.stale else None


def seen_of(health: EnvironmentHealth, service_id: str, now: datetime, stale_after: timedelta) -> Seen:
    """The judgement of what is known of a service."""
    service = health.services.get(service_id)
    if service is None:
        return Seen(HealthStatus.UNKNOWN, None, stale=False, service=None)
    at = health.evaluated_at(service_id)
    stale = now - at > stale_after
    return Seen(HealthStatus.UNKNOWN if stale else service.status, at, stale=stale, service=service)


def _state(admitted: Admitted) -> dict[str, Any]:
    document = admitted.environment.document()
    document["binding"] = {"status": admitted.binding.status.value}
    if admitted.slot.operation_id is not None:
        document["activeOperationId"] = admitted.slot.operation_id
    return document
