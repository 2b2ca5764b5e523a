"""Follow operations: one, an environment's, or all of a tenant's.

A status has no index: what is of another, or of a kind that the caller may not see, is read over, `MOST` a request
(`store.newest.filled`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.access.caller import Caller
from shared.kernel.errors import InsufficientScope, NotFound
from shared.kernel.ids import environment_of, is_environment_id
from shared.operations.model import READ_SCOPE, WRITE_SCOPE, Operation, OperationStatus
from shared.operations.slot import LISTED
from shared.store import keys
from shared.store.newest import filled
from shared.store.port import Row, Store
from shared.store.reading import read, read_all

OUTLINE_SCOPE = "runtime.environments.read"
MOST = 400  # operations read for one page
RANGE = 100  # of them at a time, when a status is looked for
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
        return await self._filled(caller, partition, status, limit, after)

    async def of_tenant(self, caller: Caller, status: OperationStatus | None, limit: int, after: str) -> OperationPage:
        """Newest first over all environments.

        Pointers are written ahead: one whose operation never came is skipped, and so is one of another instant than the
        operation's own, which a racer with the same idempotency key left.
        """
        return await self._filled(caller, keys.tenant_partition(caller.tenant_id), status, limit, after)

    async def _filled(
        self, caller: Caller, partition: str, status: OperationStatus | None, limit: int, after: str
    ) -> OperationPage:
        """Without a status nearly every one is wanted: one range, with one row more than the page, holds it."""

        async def reach(after: str, size: int) -> list[tuple[str, dict[str, Any] | None]]:
            pointers = await self.store.list(partition, keys.list_prefix(LISTED), limit=size, after=after)
            found = await self._gathered(caller, pointers)
            named = [(pointer.key, found.get(pointer.key)) for pointer in pointers]
            return [(key, shown_to(caller, one) if one and _wanted(caller, one, status) else None) for key, one in named]

        ranges = limit + 1 if status is None else RANGE
        return OperationPage(*await filled(reach, limit=limit, ranges=ranges, most=MOST, after=after))

    async def _gathered(self, caller: Caller, pointers: Sequence[Row]) -> dict[str, Operation]:
        """Operations by the keys of their own pointers."""
        by_partition: dict[str, list[str]] = {}
        for pointer in pointers:
            ident = pointer.document["operationId"]
            by_partition.setdefault(keys.partition_of(caller.tenant_id, environment_of(ident)), []).append(ident)
        gathered = await asyncio.gather(*[self.store.gather(*one) for one in by_partition.items()])
        found = [
            operation
            for partition, rows in zip(by_partition, gathered, strict=True)
            for operation in read_all(Operation, partition, rows.values())
        ]
        return {keys.listed(LISTED, one.created_at, one.operation_id): one for one in found}


def _wanted(caller: Caller, operation: Operation, status: OperationStatus | None) -> bool:
    return status in (None, operation.status) and may_see(caller, operation)


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
