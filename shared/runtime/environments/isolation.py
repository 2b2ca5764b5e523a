"""TenantRuntimeIsolationService: the one door to an environment, for callers and for our own workers.

The partition is built from the verified tenant, so another tenant's environment is not refused, it is not there. What
is there may still be closed: only an `Active` binding lets a mutation through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access.binding import BindingStatus, TenantBinding
from shared.events.journal import Place
from shared.kernel import lines
from shared.kernel.errors import EnvironmentNotReady, NotFound, RuntimeCloudError, TenantSuspended
from shared.kernel.ids import EnvironmentId, environment_of
from shared.operations.slot import Slot
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.store import keys
from shared.store.port import Row, Store
from shared.store.reading import read


@dataclass(frozen=True)
class Admitted:
    """An environment the caller may work with, and the rows that were read on the way in (by key)."""

    environment: Environment
    binding: TenantBinding
    slot: Slot
    rows: Mapping[str, Row]

    @property
    def place(self) -> Place:
        environment = self.environment
        return Place(environment.tenant_id, environment.environment_id, environment.project_id)

    @property
    def closed(self) -> RuntimeCloudError | None:
        """Why the tenant may not change anything here, nor the platform begin anything for it; None when it may."""
        if self.binding.status is BindingStatus.PENDING:
            return EnvironmentNotReady(self.environment.environment_id, self.environment.status)
        return None if self.binding.status is BindingStatus.ACTIVE else TenantSuspended()

    def require_active(self) -> None:
        """Raises `TenantSuspended`, `EnvironmentNotReady` before provisioning has bound the tenant."""
        if (closed := self.closed) is not None:
            raise closed

    def require_provisioned(self) -> None:
        """Raises `EnvironmentNotReady`."""
        if self.environment.status is not EnvironmentStatus.PROVISIONED:
            raise EnvironmentNotReady(self.environment.environment_id, self.environment.status)


@dataclass(frozen=True)
class Isolation:
    store: Store

    async def admit(self, tenant_id: str, ident: str, *others: str, kind: str = "environment") -> Admitted:
        """The environment that `ident` (its own id, or the id of something inside it) leads to.

        One round trip, which also brings `others` (row keys). Raises `NotFound(kind, ident)` for what is absent and for
        what another tenant owns: the two cannot be told apart.
        """
        environment_id = environment_of(ident)
        partition = keys.partition_of(tenant_id, environment_id)
        rows = await self.store.gather(partition, [keys.ENVIRONMENT, keys.BINDING, keys.SLOT, *others])
        if keys.ENVIRONMENT not in rows or keys.BINDING not in rows or keys.SLOT not in rows:
            raise NotFound(kind, ident)
        environment = read(Environment, partition, rows[keys.ENVIRONMENT])
        lines.add(tenant_id=tenant_id, project_id=environment.project_id)
        return Admitted(
            environment=environment,
            binding=read(TenantBinding, partition, rows[keys.BINDING]),
            slot=read(Slot, partition, rows[keys.SLOT]),
            rows=rows,
        )

    async def require(self, tenant_id: str, environment_id: EnvironmentId, *others: str) -> Admitted:
        """`admit` for what changes something. Raises as `Admitted.require_active`, too."""
        admitted = await self.admit(tenant_id, environment_id, *others)
        admitted.require_active()
        return admitted
