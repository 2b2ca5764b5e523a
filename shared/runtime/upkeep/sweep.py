"""One look at every environment that is listed as active: start, send, enforce; unlist what has nothing left to do.

Safe to run twice at once: each part is idempotent by itself, and unlisting is conditional on nobody having listed the
environment again meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from shared.events.active import Active, Listed
from shared.events.outbox import Outbox
from shared.kernel.errors import NotFound, OperationInFlight, RuntimeCloudError, Transient
from shared.kernel.metrics import OPERATION_UNSETTLED, record
from shared.operations.hub import Hub
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.scaling.enforcement import Enforcing
from shared.runtime.scaling.model import ScalingPolicy
from shared.runtime.upkeep.following import Following
from shared.runtime.upkeep.settling import Settling
from shared.store.port import Conflict, Row

log = logging.getLogger(__name__)
AT_ONCE = 8


@dataclass(frozen=True)
class Deps:
    active: Active
    isolation: Isolation
    outbox: Outbox
    settling: Settling
    enforcing: Enforcing
    following: Following


@dataclass
class Late:
    """How many operations of a shard passed their deadline."""

    operations: int = 0

    def look(self, admitted: Admitted, now: datetime) -> None:
        deadline = admitted.slot.must_settle_by
        self.operations += deadline is not None and now > deadline


async def keep_shard(deps: Deps, shard: int, hub: Hub) -> None:
    """Look at every active environment of a shard; what fails for one is logged and tried again at the next tick."""
    gate, late = asyncio.Semaphore(AT_ONCE), Late()

    async def one(row: Row) -> None:
        async with gate:
            try:
                if await _is_idle(deps, Listed.read(row.document), hub, late):
                    await deps.active.unmark(shard, row)
            except RuntimeCloudError as error:
                log.warning("upkeep of %s waits: %r", row.key, error)
            except Exception:  # one environment's odd row must not end the tick of all others of its shard
                log.exception("upkeep of %s failed", row.key)

    await asyncio.gather(*[one(row) for row in await deps.active.shard(shard)])
    record(OPERATION_UNSETTLED, late.operations, shard=str(shard))


async def _is_idle(deps: Deps, listed: Listed, hub: Hub, late: Late) -> bool:
    """Do what is due for one environment; whether nothing is left."""
    sent = await _sent(deps, listed)
    try:
        admitted = await deps.isolation.admit(listed.tenant_id, listed.environment_id)
    except NotFound:  # listed before a commit that never came; the list row is older than any request lives
        return sent
    if admitted.slot.operation_id is not None:
        late.look(admitted, deps.settling.clock())
        await deps.following.tell(admitted, waits=await deps.settling.settle(admitted, hub))
        return False
    await deps.following.tell(admitted, waits=False)
    waiting = await deps.enforcing.waiting(admitted)
    due = next(filter(deps.enforcing.is_due, waiting), None)
    if due is not None:
        await _enforce(deps, admitted, due, hub)
    followed = await deps.following.made(admitted, hub)
    return sent and not waiting and followed


async def _sent(deps: Deps, listed: Listed) -> bool:
    """Whether no event is left to be sent; a broker that is away must not keep operations from settling."""
    try:
        await deps.outbox.flush(listed.place.partition)
    except Transient as error:
        log.warning("events of %s wait: %s is away", listed.environment_id, error.dependency)
        return False
    return True


async def _enforce(deps: Deps, admitted: Admitted, policy: ScalingPolicy, hub: Hub) -> None:
    try:
        await hub.start(await deps.enforcing.begin(admitted, policy))
    except (OperationInFlight, Conflict):  # the slot was taken meanwhile; a later tick finds it free
        return
