"""Follow operations: one, an environment's, or all of a tenant's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.kernel.errors import InsufficientScope, NotFound
from shared.kernel.ids import EnvironmentId, environment_of, is_environment_id
from shared.operations.model import READ_SCOPE, WRITE_SCOPE, Operation, OperationStatus
from shared.operations.slot import LISTED
from shared.store import keys
from shared.store.newest import newest
from shared.store.port import Row, Store
from shared.store.reading import read, read_all

OUTLINE_SCOPE = "runtime.environments.read"
ANY_SCOPE = tuple(sorted({*READ_SCOPE.values(), *WRITE_SCOPE.values(), OUTLINE_SCOPE}))


@dataclass(frozen=True)
class OperationPage:
    operations: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True)
class Operations:
    store: Store

    async def get(self, caller: Caller, ident: str) -> Operation:
        """Raises `NotFound`, also for what is another tenant's."""
        partition = keys.partition_of(caller.tenant_id, environment_of(ident))
        row = await self.store.get(partition, ident) if ident.startswith("op-") else None
        if row is None:
            raise NotFound("operation", ident)
        return read(Operation, partition, row)

    async def of_environment(
        self, caller: Caller, environment_id: str, status: OperationStatus | None, limit: int, after: str
    ) -> OperationPage:
        """Newest first. Raises `NotFound` for what is no environment of the tenant's."""
        partition = keys.partition_of(caller.tenant_id, environment_of(environment_id))
        known = is_environment_id(environment_id) and await self.store.get(partition, keys.ENVIRONMENT) is not None
        if not known:
            raise NotFound("environment", environment_id)
        page = await newest(self.store, partition, LISTED, limit=limit, after=after)
        return _page(caller, read_all(Operation, partition, page.rows), status, page.after)

    async def of_tenant(self, caller: Caller, status: OperationStatus | None, limit: int, after: str) -> OperationPage:
        """Newest first over all environments.

        Pointers are written ahead: one whose operation never came is skipped, and so is one of another instant than the
        operation's own, which a racer with the same idempotency key left.
        """
        partition = keys.tenant_partition(caller.tenant_id)
        pointers = await self.store.list(partition, keys.list_prefix(LISTED), limit=limit + 1, after=after)
        shown = pointers[:limit]
        found = await self._gathered(caller, shown)
        named = [(pointer.key, found.get(pointer.document["operationId"])) for pointer in shown]
        operations = [
            operation
            for key, operation in named
            if operation and key == keys.listed(LISTED, operation.created_at, operation.operation_id)
        ]
        return _page(caller, operations, status, shown[-1].key if len(pointers) > limit else None)

    async def _gathered(self, caller: Caller, pointers: Sequence[Row]) -> dict[str, Operation]:
        by_environment: dict[EnvironmentId, list[str]] = {}
        for pointer in pointers:
            environment_id = EnvironmentId(pointer.document["environmentId"])
            by_environment.setdefault(environment_id, []).append(pointer.document["operationId"])
        found: dict[str, Operation] = {}
        for environment_id, idents in by_environment.items():
            partition = keys.partition_of(caller.tenant_id, environment_id)
            rows = await self.store.gather(partition, idents)
            found |= {operation.operation_id: operation for operation in read_all(Operation, partition, rows.values())}
        return found


def _page(
    caller: Caller, operations: Sequence[Operation], status: OperationStatus | None, after: str | None
) -> OperationPage:
    shown = [shown_to(caller, one) for one in operations if status in (None, one.status) and may_see(caller, one)]
    return OperationPage(shown, after)


def may_see(caller: Caller, operation: Operation) -> bool:
    kinds = {READ_SCOPE[operation.kind], WRITE_SCOPE[operation.kind], OUTLINE_SCOPE}
    return not caller.scopes.isdisjoint(kinds)


def shown_to(caller: Caller, operation: Operation) -> dict[str, Any]:
    """All of it with a scope of its kind, its outline with runtime.environments.read. Raises `InsufficientScope`."""
    if not caller.scopes.isdisjoint({READ_SCOPE[operation.kind], WRITE_SCOPE[operation.kind]}):
        return operation.shown()
    if OUTLINE_SCOPE in caller.scopes:
        return operation.outlined()
    raise InsufficientScope(READ_SCOPE[operation.kind])
