"""Find policies again."""

from __future__ import annotations

from shared.events.journal import Place
from shared.runtime.environments.found import Kept
from shared.runtime.scaling.model import ScalingPolicy, effective
from shared.store.reading import read_all
from shared.targets.port import Scaling

LISTED = "scl"
PREFIX = f"{LISTED}-"
MOST = 1000


class Policies(Kept[ScalingPolicy]):
    record = ScalingPolicy
    kind = LISTED

    async def of(self, place: Place) -> list[ScalingPolicy]:
        rows = await self.store.list(place.partition, PREFIX, limit=MOST)
        return read_all(ScalingPolicy, place.partition, rows)

    async def scalings(self, place: Place) -> dict[tuple[str, str], Scaling]:
        """(service, target) -> what the target is to honour."""
        policies = await self.of(place)
        return {(policy.service_id, policy.target.value): effective(policy.target, policy.requested) for policy in policies}
