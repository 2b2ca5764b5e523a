"""Where a tenant finds its environments: names, the list, and the operations over all of them.

These rows live in the tenant's own partition and are written *before* the commit they point to: a crash in between
leaves a pointer to nothing, which readers skip and the next claimant of the name takes over; never an environment that
nobody can find. The list row is a projection of the environment, so that a list is one read a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.access.binding import BindingStatus
from shared.events.active import Listed
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import NameTaken
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.operations.model import Operation
from shared.operations.runs import rerun
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.store import keys
from shared.store.port import Change, Conflict, Create, Delete, Put, Replace, Store
from shared.store.reading import read

LISTED = "env"
OPERATIONS = "op"
NOW = timedelta(0)
CAME_WITHIN = timedelta(minutes=2)  # far beyond the life of the request that claims a name


class Named(Record):
    environment_id: EnvironmentId
    claimed_at: datetime
    renewed_at: datetime  # the last time that somebody came for it; from then on the commit has to come


class Summary(Record):
    """What `GET /environments` says about an environment without opening it."""

    services: int = 0
    unhealthy: int = 0
    degraded: int = 0
    unknown: int = 0
    stale: int = 0
    open_findings: int = 0
    highest_severity: str | None = None
    last_scan: datetime | None = None
    stable_release_ref: str | None = None
    binding_status: BindingStatus | None = None  # None: not yet looked at
    operation_waits: bool = False  # the one that holds the slot: for a person, or past the time by which it was to end
    evaluated_at: datetime | None = None  # when a health sweep last looked; may lag by half of what makes health stale
    as_of: datetime

    def aged(self, oldest: datetime) -> Summary:
        """As it may be said now: what was looked at before `oldest` says nothing of health any more."""
        if not self.services or self.evaluated_at is None or self.evaluated_at >= oldest:
            return self
        return self.model_copy(update={"unhealthy": 0, "degraded": 0, "unknown": self.services, "stale": self.services})


class ListedEnvironment(Record):
    environment: Environment
    summary: Summary


class ListedTenantOperation(Record):
    operation_id: str
    environment_id: EnvironmentId


@dataclass(frozen=True)
class Index:
    store: Store
    clock: Clock
    draw: Draw
    shards: int

    async def claimed_at(self, tenant_id: str, name: str, environment_id: EnvironmentId) -> datetime | None:
        """When this environment claimed the name; None when it has not.

        Its list row is keyed by that instant, so racers with one idempotency key, and whoever repeats a request that died
        half-way, write the same row and not another beside it.
        """
        standing = await self.store.get(keys.tenant_partition(tenant_id), keys.name(name))
        holder = Named.read(standing.document) if standing else None
        return holder.claimed_at if holder and holder.environment_id == environment_id else None

    async def announce(self, environment: Environment, operation: Operation) -> None:
        """Claim the name and list the environment, ahead of its own commit.

        Raises `NameTaken`, `Conflict` when another claim came between.
        """
        partition = keys.tenant_partition(environment.tenant_id)
        claim = await self._claim(partition, environment)
        listed = Put(
            keys.listed(OPERATIONS, operation.created_at, operation.operation_id),
            ListedTenantOperation(
                operation_id=operation.operation_id, environment_id=environment.environment_id
            ).document(),
        )
        await self.store.commit(partition, self.draw(), [*claim, self._listed(environment), listed])
        sweep = Listed(
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            project_id=environment.project_id,
        )
        key = keys.partition_of(environment.tenant_id, environment.environment_id)
        shard = keys.all_shard(keys.shard_of(key, self.shards))
        await self.store.commit(shard, self.draw(), [Put(key, sweep.document())])

    async def announce_operation(self, operation: Operation) -> None:
        """List an operation of a standing environment, ahead of the commit that begins it."""
        listed = ListedTenantOperation(operation_id=operation.operation_id, environment_id=operation.environment_id)
        await self.store.commit(
            keys.tenant_partition(operation.tenant_id),
            self.draw(),
            [Put(keys.listed(OPERATIONS, operation.created_at, operation.operation_id), listed.document())],
        )

    async def project(self, environment: Environment) -> None:
        """Bring the list row up to date with the environment; its summary belongs to the sweeps."""

        def with_environment(listed: ListedEnvironment) -> ListedEnvironment:
            summary = listed.summary.model_copy(update={"stable_release_ref": environment.stable_release_ref})
            return ListedEnvironment(environment=environment, summary=summary)

        await rerun(self._merge, environment, with_environment)

    async def summarise(
        self, environment: Environment, members: Mapping[str, Any], *, looked: datetime | None = None, lag: timedelta = NOW
    ) -> None:
        """Bring `members` of the summary up to date; the other members, and the environment, belong to other writers.

        `looked`, of a health sweep, becomes `evaluated_at`; for itself alone only where that would lag by more than `lag`.
        """

        def with_members(listed: ListedEnvironment) -> ListedEnvironment:
            merged = listed.summary.model_copy(update=dict(members))
            last = merged.evaluated_at
            renews = looked is not None and (last is None or looked - last > lag)
            if merged == listed.summary and not renews:
                return listed
            if looked is not None:
                merged = merged.model_copy(update={"evaluated_at": looked})
            return listed.model_copy(update={"summary": merged.model_copy(update={"as_of": self.clock()})})

        await rerun(self._merge, environment, with_members)

    async def _merge(self, environment: Environment, change: Callable[[ListedEnvironment], ListedEnvironment]) -> None:
        """Write the list row as `change` makes it of what stands there; nothing when that is the same."""
        partition = keys.tenant_partition(environment.tenant_id)
        key = keys.listed(LISTED, environment.created_at, environment.environment_id)
        row = await self.store.get(partition, key)
        fresh = ListedEnvironment(environment=environment, summary=Summary(as_of=self.clock()))
        standing = read(ListedEnvironment, partition, row) if row else fresh
        changed = change(standing).document()
        if row is None:
            await self.store.commit(partition, self.draw(), [Create(key, changed)])
        elif changed != row.document:
            await self.store.commit(partition, self.draw(), [Replace(key, changed, row.version)])

    async def unlist(self, environment: Environment) -> None:
        """Take a decommissioned environment off the sweep's list, onto that of what is to be purged; the tenant still finds
        it."""
        key = keys.partition_of(environment.tenant_id, environment.environment_id)
        number = keys.shard_of(key, self.shards)
        gone = Listed(
            tenant_id=environment.tenant_id,
            environment_id=environment.environment_id,
            project_id=environment.project_id,
        )
        await self.store.commit(keys.gone_shard(number), self.draw(), [Put(key, gone.document())])
        await rerun(self._unlist, keys.all_shard(number), key)

    async def _unlist(self, shard: str, key: str) -> None:
        row = await self.store.get(shard, key)
        if row is not None:
            await self.store.commit(shard, self.draw(), [Delete(key, row.version)])

    def _listed(self, environment: Environment) -> Change:
        summary = Summary(as_of=self.clock())
        key = keys.listed(LISTED, environment.created_at, environment.environment_id)
        return Put(key, ListedEnvironment(environment=environment, summary=summary).document())

    async def require_free(self, environment: Environment) -> None:
        """Raises `NameTaken` when another environment of the tenant has the name."""
        row = await self.store.get(keys.tenant_partition(environment.tenant_id), keys.name(environment.name))
        holder = Named.read(row.document) if row else None
        if holder is None or holder.environment_id == environment.environment_id:
            return
        if not await self._free(environment.tenant_id, holder):
            raise NameTaken(environment.name)

    async def _claim(self, partition: str, environment: Environment) -> list[Change]:
        """The change that claims the name, or claims it again when the first claim is old; else none."""
        key = keys.name(environment.name)
        now = self.clock()
        named = Named(environment_id=environment.environment_id, claimed_at=environment.created_at, renewed_at=now)
        standing = await self.store.get(partition, key)
        if standing is None:
            return [Create(key, named.document())]
        holder = Named.read(standing.document)
        if holder.environment_id == environment.environment_id:
            if holder.claimed_at != environment.created_at:  # by a racer, since we asked: begin anew with his instant
                raise Conflict(key)
            if now - holder.renewed_at < CAME_WITHIN / 2:
                return []
        elif not await self._free(environment.tenant_id, holder):
            raise NameTaken(environment.name)
        return [Replace(key, named.document(), standing.version)]

    async def _free(self, tenant_id: str, holder: Named) -> bool:
        """Whether the holder of a name is gone, or claimed it and never came."""
        partition = keys.partition_of(tenant_id, holder.environment_id)
        row = await self.store.get(partition, keys.ENVIRONMENT)
        if row is None:
            return self.clock() - holder.renewed_at > CAME_WITHIN
        return Environment.read(row.document).status is EnvironmentStatus.DECOMMISSIONED
