"""One look at every environment that is listed as active: start, send, enforce; unlist what has nothing left to do.

Safe to run twice at once: each part is idempotent by itself, and unlisting is conditional on nobody having listed the
environment again meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.events.active import Active, Listed
from shared.events.outbox import Outbox
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFound, OperationInFlight, RuntimeCloudError
from shared.operations.model import Operation, OperationStatus
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.scaling.enforcement import Enforcing
from shared.runtime.scaling.model import ScalingPolicy
from shared.store.port import Conflict, Row, Store
from shared.store.reading import read

log = logging.getLogger(__name__)
Start = Callable[[Operation], Awaitable[None]]
AT_ONCE = 8
GRACE = timedelta(seconds=2)  # the request that committed an operation starts it itself


@dataclass(frozen=True)
class Deps:
    store: Store
    active: Active
    isolation: Isolation
    outbox: Outbox
    enforcing: Enforcing
    clock: Clock


async def keep_shard(deps: Deps, shard: int, start: Start) -> None:
    """Look at every active environment of a shard; what fails for one is logged and tried again at the next tick."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row: Row) -> None:
        async with gate:
            try:
                if await _is_idle(deps, Listed.read(row.document), start):
                    await deps.active.unmark(shard, row)
            except RuntimeCloudError as error:
                log.warning("upkeep of %s waits: %r", row.key, error)
            except Exception:  # one environment's odd row must not end the tick of all others of its shard
                log.exception("upkeep of %s failed", row.key)

    await asyncio.gather(*[one(row) for row in await deps.active.shard(shard)])


async def _is_idle(deps: Deps, listed: Listed, start: Start) -> bool:
    """Do what is due for one environment; whether nothing is left."""
    await deps.outbox.flush(listed.place.partition)
    try:
        admitted = await deps.isolation.admit(listed.tenant_id, listed.environment_id)
    except NotFound:  # listed before a commit that never came; the list row is older than any request lives
        return True
    if admitted.slot.operation_id is not None:
        await _start_if_never_started(deps, admitted, start)
        return False
    waiting = await deps.enforcing.waiting(admitted)
    due = next(filter(deps.enforcing.is_due, waiting), None)
    if due is not None:
        await _enforce(deps, admitted, due, start)
    return not waiting


async def _start_if_never_started(deps: Deps, admitted: Admitted, start: Start) -> None:
    """Starting twice is harmless: the first activity claims the attempt on the row, and one of two wins."""
    operation_id = admitted.slot.operation_id or ""
    row = await deps.store.get(admitted.place.partition, operation_id)
    if row is None:
        return
    operation = read(Operation, admitted.place.partition, row)
    if operation.status is OperationStatus.NOT_STARTED and deps.clock() - operation.created_at > GRACE:
        log.info("%s was committed and never started", operation_id)
        await start(operation)


async def _enforce(deps: Deps, admitted: Admitted, policy: ScalingPolicy, start: Start) -> None:
    try:
        await start(await deps.enforcing.begin(admitted, policy))
    except (OperationInFlight, Conflict):  # the slot was taken meanwhile; a later tick finds it free
        return
