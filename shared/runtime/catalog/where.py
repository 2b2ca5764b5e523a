"""Which of a tenant's environments run a service: index rows in the tenant's partition.

A service that runs in several is asked for by its id alone: the highest stage answers, then the latest promotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.kernel.clock import Clock, Draw
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.runtime.environments.model import STAGE_ORDER, Environment, Stage
from shared.store import keys
from shared.store.port import Change, Conflict, Delete, Put, Store

CHUNK = 90
MOST = 1000


class Running(Record):
    environment_id: EnvironmentId
    stage: Stage
    promoted_at: datetime


@dataclass(frozen=True)
class Where:
    store: Store
    clock: Clock
    draw: Draw

    async def runs(self, environment: Environment, service_ids: Sequence[str]) -> None:
        """Key: (service, environment)."""
        running = Running(
            environment_id=environment.environment_id, stage=environment.stage, promoted_at=self.clock()
        ).document()
        changes: list[Change] = [
            Put(keys.service_environment(service_id, environment.environment_id), running) for service_id in service_ids
        ]
        partition = keys.tenant_partition(environment.tenant_id)
        for start in range(0, len(changes), CHUNK):
            await self.store.commit(partition, self.draw(), changes[start : start + CHUNK])

    async def left(self, environment: Environment, service_ids: Sequence[str]) -> None:
        partition = keys.tenant_partition(environment.tenant_id)
        for service_id in service_ids:
            row = await self.store.get(partition, keys.service_environment(service_id, environment.environment_id))
            if row is not None:
                await self._forget(partition, row.key, row.version)

    async def _forget(self, partition: str, key: str, version: str) -> None:
        try:
            await self.store.commit(partition, self.draw(), [Delete(key, version)])
        except Conflict:  # it runs there again already
            return

    async def best(self, tenant_id: str, service_id: str) -> EnvironmentId | None:
        """The environment that answers for the service when the caller names none."""
        prefix = keys.service_environment(service_id, EnvironmentId(""))
        rows = await self.store.list(keys.tenant_partition(tenant_id), prefix, limit=MOST)
        running = [Running.read(row.document) for row in rows]
        if not running:
            return None
        return max(running, key=lambda one: (STAGE_ORDER.index(one.stage), one.promoted_at)).environment_id
