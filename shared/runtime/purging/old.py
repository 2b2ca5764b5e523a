"""Rows of a standing environment that are older than they are kept, found in the order of their keys, up to a budget.

Lists and the log begin with an inverted time, so what is too old stands behind one key. A deployment goes with its gates,
its plan and its snapshot; what is stable, and what a rollback of it would lead to, stays however old it is. An event that
was never sent keeps its log row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.journal import Pointer
from shared.kernel.clock import newest_first
from shared.operations.intent import Remembered
from shared.operations.model import OPEN, Operation
from shared.operations.slot import LISTED as OPERATIONS
from shared.operations.slot import ListedOperation
from shared.runtime.deployments.listed import LISTED as DEPLOYMENTS
from shared.runtime.deployments.listed import ListedDeployment
from shared.runtime.deployments.model import Deployment
from shared.runtime.drift.model import MOST, PREFIX, Finding
from shared.runtime.environments.model import Environment
from shared.runtime.health.model import EnvironmentHealth
from shared.runtime.health.reports import EnvironmentReports
from shared.runtime.purging.ages import Ages
from shared.store import keys
from shared.store.port import Row, Store
from shared.store.reading import read_all
from shared.store.revision import REPORTS

ANSWERS = "idem-"
LOG = "log-"
OUTBOX = "out-"
PARTS = 1000  # rows of one deployment: its gates, its plan


@dataclass(frozen=True)
class Old:
    store: Store
    ages: Ages

    async def rows(self, environment: Environment, now: datetime, budget: int) -> list[Row]:
        """About `budget` rows at most, whole deployments only. Raises `Transient`."""
        partition = keys.partition_of(environment.tenant_id, environment.environment_id)
        found: list[Row] = []
        for look in (self._answers, self._health, self._findings, self.log, self._operations):
            if len(found) < budget:
                found += await look(partition, now, budget - len(found))
        if len(found) < budget:
            found += await self._deployments(partition, environment, now, budget - len(found))
        return found

    async def _answers(self, partition: str, now: datetime, budget: int) -> list[Row]:
        rows = await self.store.list(partition, ANSWERS, limit=MOST)
        read = {row.key: one for row in rows for one in read_all(Remembered, partition, [row])}
        old = [row for row in rows if row.key in read and _is_old(read[row.key].answered_at, now, self.ages.answers)]
        return old[:budget]

    async def _health(self, partition: str, now: datetime, budget: int) -> list[Row]:
        """What nobody renewed for so long: the environment is no longer looked at."""
        rows = await self.store.gather(partition, [keys.HEALTH, REPORTS])
        return [row for row in rows.values() if self._unrenewed(partition, row, now)][:budget]

    def _unrenewed(self, partition: str, row: Row, now: datetime) -> bool:
        if row.key == keys.HEALTH:
            at = [one.completed_at for one in read_all(EnvironmentHealth, partition, [row])]
        else:
            told = read_all(EnvironmentReports, partition, [row])
            at = [one.observed_at for each in told for one in each.services.values()]
        return bool(at) and _is_old(max(at), now, self.ages.health)

    async def _findings(self, partition: str, now: datetime, budget: int) -> list[Row]:
        rows = {row.key: row for row in await self.store.list(partition, PREFIX, limit=MOST)}
        found = read_all(Finding, partition, rows.values())
        old = [one for one in found if one.resolved and _is_old(one.last_seen_at, now, self.ages.findings)]
        return [rows[one.finding_id] for one in old][:budget]

    async def log(self, partition: str, now: datetime, budget: int) -> list[Row]:
        """Of an environment, or of a tenant: attempts that reached no environment. Raises `Transient`."""
        rows = await self._behind(partition, LOG, now, budget)
        if not rows:
            return []
        unsent = read_all(Pointer, partition, await self.store.list(partition, OUTBOX, limit=MOST))
        kept = {pointer.log_key for pointer in unsent}
        return [row for row in rows if row.key not in kept]

    async def _operations(self, partition: str, now: datetime, budget: int) -> list[Row]:
        listed = await self._behind(partition, keys.list_prefix(OPERATIONS), now, budget // 2)
        named = {row.key: one.operation_id for row in listed for one in read_all(ListedOperation, partition, [row])}
        rows = await self.store.gather(partition, sorted(named.values())) if named else {}
        running = {one.operation_id for one in read_all(Operation, partition, rows.values()) if one.status in OPEN}
        ended = [row for row in listed if named.get(row.key) not in running]
        return ended + [rows[named[row.key]] for row in ended if named.get(row.key) in rows]

    async def _deployments(self, partition: str, environment: Environment, now: datetime, budget: int) -> list[Row]:
        kept = await self._stable(partition, environment.stable_deployment_id)
        found: list[Row] = []
        for row in await self._behind(partition, keys.list_prefix(DEPLOYMENTS), now, budget):
            for listed in read_all(ListedDeployment, partition, [row]):
                if len(found) < budget and listed.deployment_id not in kept:
                    found += [row, *await self._parts(partition, listed.deployment_id)]
        return found

    async def _stable(self, partition: str, ident: str | None) -> set[str]:
        """What is stable, and what was before it."""
        row = await self.store.get(partition, ident) if ident else None
        told = read_all(Deployment, partition, [row]) if row else []
        return {one for one in (ident, *(each.previous_deployment_id for each in told)) if one}

    async def _parts(self, partition: str, ident: str) -> list[Row]:
        own = await self.store.list(partition, ident, limit=PARTS)
        plan = await self.store.list(partition, keys.plan(ident), limit=PARTS)
        snapshot = await self.store.get(partition, keys.snapshot(ident))
        return [*own, *plan, *([snapshot] if snapshot else [])]

    async def _behind(self, partition: str, prefix: str, now: datetime, budget: int) -> Sequence[Row]:
        """The rows of a list, or of the log, that are older than history is kept."""
        after = f"{prefix}{newest_first(now - self.ages.history)}"
        return await self.store.list(partition, prefix, limit=budget, after=after)


def _is_old(at: datetime | None, now: datetime, age: timedelta) -> bool:
    """An answer from before answers had a time is older than any that has one."""
    return at is None or now - at > age
