"""Where a tenant finds its environments: names, the list, and the operations over all of them.

These rows live in the tenant's own partition and are written *before* the commit they point to: a crash in between
leaves a pointer to nothing, which readers skip and the next claimant of the name takes over; never an environment that
nobody can find. The list row is a projection of the environment, so that a list is one read a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.active import Listed
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import NameTaken
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.operations.model import Operation
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.store import keys
from shared.store.port import Change, Conflict, Create, Put, Replace, Store

LISTED = "env"
OPERATIONS = "op"
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
    as_of: datetime


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

    async def project(self, environment: Environment, summary: Summary | None = None) -> None:
        """Bring the list row up to date; without a summary the standing one is kept."""
        partition = keys.tenant_partition(environment.tenant_id)
        key = keys.listed(LISTED, environment.created_at, environment.environment_id)
        if summary is None:
            row = await self.store.get(partition, key)
            summary = ListedEnvironment.read(row.document).summary if row else Summary(as_of=self.clock())
            summary = summary.model_copy(update={"stable_release_ref": environment.stable_release_ref})
        listed = ListedEnvironment(environment=environment, summary=summary)
        await self.store.commit(partition, self.draw(), [Put(key, listed.document())])

    def _listed(self, environment: Environment) -> Change:
        summary = Summary(as_of=self.clock())
        key = keys.listed(LISTED, environment.created_at, environment.environment_id)
        return Put(key, ListedEnvironment(environment=environment, summary=summary).document())

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
