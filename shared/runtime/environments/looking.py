"""When an environment's infrastructure is looked at: regularly, by the engine that made it, in an execution of its own.

Only the engine knows what it made, and it has no place in the app; so a sweep starts the provisioner's job for a look,
which keeps what it found (`infrastructure`) for the drift scan to post. The row `looking` is written before the start: of
two sweeps one starts a look; a start that failed is tried again like a look that came to nothing. One that an operation
overtook says nothing of today's state: another follows after `AGAIN`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.journal import Place
from shared.kernel.clock import Clock, Draw
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.runtime.environments.infrastructure import standing_look
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.environments.sweeping import provisioned, visit_shard
from shared.store import keys
from shared.store.port import Conflict, Create, Replace, Store
from shared.store.reading import read

AGAIN = timedelta(hours=1)
STARTS = 4  # of a shard in one tick: Azure Resource Manager has other things to do


class Looking(Record):
    """The last look that was asked for."""

    asked_at: datetime


@dataclass(frozen=True)
class Deps:
    """`inspect` starts a look at (tenant, environment). Raises `Transient`, `Refused`."""

    store: Store
    isolation: Isolation
    inspect: Callable[[str, EnvironmentId], Awaitable[object]]
    interval: timedelta
    clock: Clock
    draw: Draw

    @property
    def again(self) -> timedelta:
        return min(AGAIN, self.interval)


@dataclass
class Allowance:
    left: int = STARTS

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


async def look_shard(deps: Deps, shard: int) -> None:
    """Start the looks of a shard that are due, a few in one tick. Raises `Transient` when its list cannot be read."""
    allowance = Allowance()
    await visit_shard(deps.store, shard, lambda place: look_environment(deps, place, allowance))


async def look_environment(deps: Deps, place: Place, allowance: Allowance) -> None:
    """Key: the row `looking`. Raises `Transient`, `Refused`, `Unreadable`."""
    admitted = await provisioned(deps.isolation, place, keys.INFRASTRUCTURE, keys.LOOKING)
    if admitted is None or admitted.slot.operation_id is not None:
        return
    now = deps.clock()
    if now < _due(deps, admitted) or not allowance.take():
        return
    document, standing = Looking(asked_at=now).document(), admitted.rows.get(keys.LOOKING)
    write = Replace(keys.LOOKING, document, standing.version) if standing else Create(keys.LOOKING, document)
    try:
        await deps.store.commit(admitted.place.partition, deps.draw(), [write])
    except Conflict:  # another sweep was faster
        return
    await deps.inspect(admitted.environment.tenant_id, admitted.environment.environment_id)


def _due(deps: Deps, admitted: Admitted) -> datetime:
    """What was made just now is as it was made: the first look has time."""
    row = admitted.rows.get(keys.LOOKING)
    asked = read(Looking, admitted.place.partition, row).asked_at if row else admitted.environment.created_at
    look = standing_look(admitted.place, admitted.rows.get(keys.INFRASTRUCTURE))
    if look is None or look.generation != admitted.slot.generation:
        return asked + deps.again
    return look.started_at + deps.interval if look.started_at >= asked else asked + deps.again
