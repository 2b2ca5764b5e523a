"""What every sweep does: walk over a shard's environments, and look only into those that are there to be looked at.

Invariant: what fails for one environment is logged and stops no other. A slow one takes one of `at_once` places, hence a
sweep that waits for what is not ours asks for more of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.events.active import Listed
from shared.events.journal import Place
from shared.kernel.errors import NotFound, RuntimeCloudError
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.environments.model import EnvironmentStatus
from shared.store import keys
from shared.store.port import Store
from shared.store.reading import read_all

log = logging.getLogger(__name__)

AT_ONCE = 8  # environments of a shard
PAGE = 500


async def visit_shard(
    store: Store, shard: int, visit: Callable[[Place], Awaitable[None]], *, at_once: int = AT_ONCE
) -> None:
    """`visit` every environment of a shard, `at_once` at a time. Raises `Transient` when the list cannot be read."""
    gate = asyncio.Semaphore(at_once)

    async def one(place: Place) -> None:
        async with gate:
            try:
                await visit(place)
            except RuntimeCloudError as error:
                log.warning("the sweep of %s waits for the next tick: %r", place.environment_id, error)
            except Exception:  # a defect met in one environment must not blind the platform to all others
                log.exception("the sweep of %s failed", place.environment_id)

    await asyncio.gather(*[one(place) for place in await _listed(store, shard)])


async def provisioned(isolation: Isolation, place: Place, *others: str) -> Admitted | None:
    """The environment with its rows `others`, None unless it is Provisioned: listed is not yet, or no longer, there."""
    try:
        admitted = await isolation.admit(place.tenant_id, place.environment_id or "", *others)
    except NotFound:
        return None
    return admitted if admitted.environment.status is EnvironmentStatus.PROVISIONED else None


async def _listed(store: Store, shard: int) -> list[Place]:
    partition, places, after = keys.all_shard(shard), [], ""
    while True:
        rows = await store.list(partition, "", limit=PAGE, after=after)
        places += [listed.place for listed in read_all(Listed, partition, rows)]
        if len(rows) < PAGE:
            return places
        after = rows[-1].key
