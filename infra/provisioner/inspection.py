"""One look at an environment's infrastructure: what the engine finds is kept, for the drift scan to post.

It changes nothing, so it holds no slot and steps aside for whatever does: what an operation overtook is not kept. A look
that could not be taken to its end keeps nothing either, and the next one comes in its time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from infra.provisioner.engine import Engine, ResourceManager, record_of
from infra.provisioner.patience import Patience
from shared.events.journal import Place
from shared.kernel.clock import Clock
from shared.runtime.environments.infrastructure import InfrastructureLook, Looks, ResourceDifference
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.sweeping import provisioned

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inspection:
    isolation: Isolation
    looks: Looks
    engine: Engine
    arm: ResourceManager
    patience: Patience
    clock: Clock

    async def work(self, place: Place) -> None:
        """Raises `Transient`, `Refused` when it could not look."""
        admitted = await self.patience.again(lambda: provisioned(self.isolation, place))
        if admitted is None or admitted.slot.operation_id is not None:
            log.info("%s: there is nothing to look at, or somebody is at work", place.environment_id)
            return
        started = self.clock()
        found = await self.engine.inspect(record_of(admitted.environment).document(), arm=self.arm)
        look = InfrastructureLook(
            started_at=started,
            completed_at=self.clock(),
            generation=admitted.slot.generation,
            differences=[ResourceDifference.read(one) for one in found],
        )
        kept = await self.patience.again(lambda: self.looks.record(place, look))
        log.info("%s: %d differences%s", place.environment_id, len(found), "" if kept else ", overtaken by an operation")
