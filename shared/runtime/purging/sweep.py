"""A few environments of a shard at each tick, in the order of the sweep's list, and a few rows of each.

Invariants
- A tick's work is bounded, whatever there is: `ENVIRONMENTS` of a shard, about `ROWS` deletions in each.
- Where the next tick goes on is a row that is written conditionally: of two workers one moves it, and what both delete is
  gone once. An environment with more than its share keeps its turn.
- After a round the shard rests, so that nothing is read all the time for what changes in days.

With an environment goes its tenant's own log: the attempts that reached no environment.

Also here: an environment that was taken down goes whole when its retention is over, its own rows first and what points at
it last, so that a purge that died goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.active import Listed
from shared.events.journal import Place
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import RuntimeCloudError
from shared.kernel.record import Record
from shared.runtime.environments.index import LISTED, Index, Named
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.runtime.purging.ages import Ages
from shared.runtime.purging.old import Old
from shared.store import keys
from shared.store.port import Conflict, Create, Delete, Replace, Row, Store
from shared.store.reading import read, read_all

log = logging.getLogger(__name__)

ENVIRONMENTS = 4
ROWS = 200
CHUNK = 90  # in one transaction
REST = timedelta(hours=1)


class Turn(Record):
    """Where the next tick goes on: a list, the key after which, and not before when."""

    gone: bool = False
    after: str = ""
    rests_until: datetime | None = None


@dataclass(frozen=True)
class Deps:
    store: Store
    index: Index
    clock: Clock
    draw: Draw
    ages: Ages


async def purge_shard(deps: Deps, shard: int) -> None:
    """Raises `Transient` when the shard's lists cannot be read."""
    partition, now = keys.purge_shard(shard), deps.clock()
    row = await deps.store.get(partition, keys.TURN)
    turn = read(Turn, partition, row) if row else Turn()
    if turn.rests_until is not None and now < turn.rests_until:
        return
    source = keys.gone_shard(shard) if turn.gone else keys.all_shard(shard)
    rows = await deps.store.list(source, "", limit=ENVIRONMENTS, after=turn.after)
    after = turn.after
    for listed in rows:
        if not await _purged(deps, source, listed, now, gone=turn.gone):
            break
        after = listed.key
    await _move(deps, partition, row, _next(turn, rows, after, now))


def _next(turn: Turn, rows: Sequence[Row], after: str, now: datetime) -> Turn:
    if (rows and after != rows[-1].key) or len(rows) == ENVIRONMENTS:
        return turn.model_copy(update={"after": after, "rests_until": None})
    return Turn(gone=True) if not turn.gone else Turn(rests_until=now + REST)


async def _move(deps: Deps, partition: str, row: Row | None, turn: Turn) -> None:
    change = Replace(row.key, turn.document(), row.version) if row else Create(keys.TURN, turn.document())
    try:
        await deps.store.commit(partition, deps.draw(), [change])
    except Conflict:
        log.info("another worker purges %s, too", partition)


async def _purged(deps: Deps, source: str, row: Row, now: datetime, *, gone: bool) -> bool:
    """Whether nothing is left to do for one environment; what fails for it keeps no other from its turn."""
    for listed in read_all(Listed, source, [row]):
        try:
            return await (_taken_down if gone else _aged)(deps, source, row, listed.place, now)
        except Conflict:  # somebody else wrote, or deleted: the next round looks anew
            return True
        except RuntimeCloudError as error:
            log.warning("purging %s waits for the next round: %r", listed.environment_id, error)
    return True


async def _aged(deps: Deps, _source: str, _row: Row, place: Place, now: datetime) -> bool:
    environment = await _environment(deps, place)
    if environment is None:
        return True
    old, tenant = Old(deps.store, deps.ages), keys.tenant_partition(place.tenant_id)
    rows, attempts = await old.rows(environment, now, ROWS), await old.log(tenant, now, ROWS)
    await _delete(deps, tenant, [*attempts, *await _of_tenant(deps, environment, rows)])
    await _delete(deps, place.partition, rows)
    return max(len(rows), len(attempts)) < ROWS


async def _of_tenant(deps: Deps, environment: Environment, rows: Sequence[Row]) -> list[Row]:
    """The tenant's own rows of the lists have the same keys."""
    listed = [row.key for row in rows if row.key.startswith(keys.list_prefix("op"))]
    found = await deps.store.gather(keys.tenant_partition(environment.tenant_id), listed) if listed else {}
    return list(found.values())


async def _taken_down(deps: Deps, source: str, row: Row, place: Place, now: datetime) -> bool:
    """All rows of a decommissioned environment, `env` the last; then its entries in the tenant's lists, and its own."""
    environment = await _environment(deps, place)
    if environment is not None:
        since = environment.decommissioned_at if environment.status is EnvironmentStatus.DECOMMISSIONED else None
        if since is None or now - since <= deps.ages.decommissioned:
            return True
        rows = await deps.store.list(place.partition, "", limit=ROWS)
        rest = [one for one in rows if one.key != keys.ENVIRONMENT]
        await _delete(deps, keys.tenant_partition(place.tenant_id), await _of_tenant(deps, environment, rest))
        await _delete(deps, place.partition, rest)
        if len(rows) == ROWS:
            return False
        await _forget(deps, environment)
        await _delete(deps, place.partition, [one for one in rows if one.key == keys.ENVIRONMENT])
    await deps.store.commit(source, deps.draw(), [Delete(row.key, row.version)])
    return True


async def _forget(deps: Deps, environment: Environment) -> None:
    """Its entry in the tenant's list, and its name, unless another has that by now."""
    partition = keys.tenant_partition(environment.tenant_id)
    listed = keys.listed(LISTED, environment.created_at, environment.environment_id)
    rows = await deps.store.gather(partition, [listed, keys.name(environment.name)])
    named = rows.get(keys.name(environment.name))
    holder = read(Named, partition, named).environment_id if named else None
    gone = [row for row in rows.values() if row is not named or holder == environment.environment_id]
    await _delete(deps, partition, gone)


async def _environment(deps: Deps, place: Place) -> Environment | None:
    row = await deps.store.get(place.partition, keys.ENVIRONMENT)
    return read(Environment, place.partition, row) if row else None


async def _delete(deps: Deps, partition: str, rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), CHUNK):
        changes = [Delete(row.key, row.version) for row in rows[start : start + CHUNK]]
        await deps.store.commit(partition, deps.draw(), changes)
