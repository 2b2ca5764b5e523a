"""Who listens to which event, and how each effect happens once.

An event may come late, twice and in any order: a consumer takes it as the word that something is to be looked at, and looks
at what stands now. What one consumer fails at keeps no other from its turn; the message then comes again, and only the one
that failed has anything left to do. Failure modes: `Transient`, `ConcurrentChange`: the message comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.events.envelope import EventType
from shared.events.inbox import Inbox
from shared.kernel.errors import OperationInFlight
from shared.operations.hub import Hub
from shared.operations.runs import rerun
from shared.runtime.consumers.letter import Letter
from shared.runtime.deployments.projection import Projection
from shared.runtime.drift import sweep as drift
from shared.runtime.environments.isolation import Admitted, Isolation
from shared.runtime.environments.sweeping import provisioned
from shared.runtime.health.document import HealthStatus
from shared.runtime.scaling.enforcement import Enforcing
from shared.store import keys
from shared.store.port import Change, Conflict


@dataclass(frozen=True)
class Deps:
    isolation: Isolation
    inbox: Inbox
    projection: Projection
    drift: drift.Deps
    enforcing: Enforcing


@dataclass(frozen=True)
class Occasion:
    """An event, the environment as it stands now, and where operations are started."""

    letter: Letter
    admitted: Admitted
    hub: Hub


# Each answers whether the receipt was written with its effect.
Consumer = Callable[[Deps, Occasion, Change], Awaitable[bool]]


async def inventory(deps: Deps, occasion: Occasion, receipt: Change) -> bool:
    return await deps.projection.bring_up(occasion.admitted, receipt)


async def scan(deps: Deps, occasion: Occasion, receipt: Change) -> bool:
    """Whether what was just rolled out, or back, is what runs: not in five minutes, now.

    The receipt follows the scan: a worker that dies before the environment's summary tells of it leaves the message to
    the next one, and one scan more than events changes nothing.
    """
    await drift.scan_environment(deps.drift, occasion.admitted.place, deps.drift.journal.clock())
    return False


async def scaling(deps: Deps, occasion: Occasion, receipt: Change) -> bool:
    """A service that works again takes the bounds that wait for it, without its rest after a try that failed."""
    about = occasion.letter.payload
    if about.status != HealthStatus.HEALTHY:
        return False
    waiting = await deps.enforcing.waiting(occasion.admitted)
    policy = next((one for one in waiting if one.service_id == about.service_id), None)
    if policy is None:
        return False
    try:
        operation = await deps.enforcing.begin(occasion.admitted, policy, beside=[receipt])
    except OperationInFlight:  # the upkeep sweep finds the slot free
        return False
    except Conflict as conflict:
        if conflict.key != keys.SLOT:
            raise
        return False
    await occasion.hub.start(operation)
    return True


CONSUMERS: Mapping[str, Mapping[str, Consumer]] = {
    EventType.DEPLOYMENT_COMPLETED: {"inventory": inventory, "scan": scan},
    EventType.DEPLOYMENT_ROLLED_BACK: {"inventory": inventory, "scan": scan},
    EventType.HEALTH_CHECK_COMPLETED: {"scaling": scaling},
}


async def consume(deps: Deps, letter: Letter, hub: Hub) -> None:
    """Let everybody who listens to it act, each once. Raises the first failure after all had their turn."""
    listening = CONSUMERS.get(letter.event_type, {})
    admitted = await provisioned(deps.isolation, letter.place) if listening else None
    if admitted is None:  # nobody listens, or the environment is on its way or gone
        return
    occasion = Occasion(letter, admitted, hub)
    turns = [_once(deps, occasion, name, consumer) for name, consumer in listening.items()]
    for ended in await asyncio.gather(*turns, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


async def _once(deps: Deps, occasion: Occasion, name: str, consumer: Consumer) -> None:
    letter = occasion.letter
    await rerun(
        deps.inbox.once,
        letter.place.partition,
        f"{letter.event_id}-{name}",
        letter.occurred_at,
        lambda receipt: consumer(deps, occasion, receipt),
    )
