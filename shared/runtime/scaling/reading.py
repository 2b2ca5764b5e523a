"""Find policies again."""

from __future__ import annotations

from shared.events.journal import Place
from shared.runtime.environments.found import Kept
from shared.runtime.scaling.model import ScalingPolicy
from shared.store.reading import read_all

LISTED = "scl"
PREFIX = f"{LISTED}-"
MOST = 1000


class Policies(Kept[ScalingPolicy]):
    record = ScalingPolicy
    kind = LISTED

    async def of(self, place: Place) -> list[ScalingPolicy]:
        rows = await self.store.list(place.partition, PREFIX, limit=MOST)
        return read_all(ScalingPolicy, place.partition, rows)

    async def standing(self, place: Place) -> dict[tuple[str, str], ScalingPolicy]:
        """By (service, target)."""
        return {(policy.service_id, policy.target.value): policy for policy in await self.of(place)}
