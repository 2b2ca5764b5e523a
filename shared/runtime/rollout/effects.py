"""The effects a rollout is made of, one workload at a time: what can fail per item is an outcome.

Every effect carries the stamp of the operation and attempt that makes it; the target refuses an older one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.operations.model import Operation
from shared.runtime.catalog.model import Placed
from shared.targets.port import Observation, Site, Stamp, Target


def stamp_of(operation: Operation) -> Stamp:
    return Stamp(operation_id=operation.operation_id, generation=operation.generation, attempt=operation.attempt)


@dataclass(frozen=True)
class Effects:
    targets: Mapping[str, Target]

    async def apply(self, site: Site, stamp: Stamp, placed: Placed) -> None:
        """Make the revision run, beside the serving one where the target can. Key: the workload's revision."""
        await self.targets[placed.target].apply(site, stamp, placed.workload)

    async def promote(self, site: Site, stamp: Stamp, placed: Placed) -> None:
        """Let only this revision serve. Key: the workload's revision."""
        await self.targets[placed.target].promote(site, stamp, placed.workload)

    async def remove(self, site: Site, stamp: Stamp, placed: Placed) -> None:
        await self.targets[placed.target].remove(site, stamp, [placed.workload.service_id])

    async def restore(self, site: Site, stamp: Stamp, before: Placed | None, wanted: Placed | None) -> None:
        """Undo one service's change: its earlier workload serves again, or what was new is gone."""
        if before is None:
            if wanted is not None:
                await self.remove(site, stamp, wanted)
            return
        if wanted is not None and wanted.target != before.target:
            await self.remove(site, stamp, wanted)
        await self.apply(site, stamp, before)
        await self.promote(site, stamp, before)


def serves_alone(observation: Observation | None, placed: Placed) -> bool:
    """Whether the workload's revision serves, is settled, and no other revision has a ready replica left."""
    serving = observation.serving if observation else None
    if observation is None or serving is None or serving.name != placed.workload.revision or not serving.settled:
        return False
    return not any(
        replica.ready
        for revision in observation.revisions
        if revision.name != serving.name
        for replica in revision.replicas
    )
