"""Find policies again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.caller import Caller
from shared.events.journal import Place
from shared.runtime.environments.found import find, page
from shared.runtime.scaling.model import ScalingPolicy, effective
from shared.store.port import Store
from shared.store.reading import read_all
from shared.targets.port import Scaling

LISTED = "scl"
PREFIX = f"{LISTED}-"
MOST = 1000


@dataclass(frozen=True)
class Policies:
    store: Store

    async def get(self, caller: Caller, ident: str) -> ScalingPolicy:
        """Raises `NotFound`, also for what is another tenant's."""
        return await find(self.store, caller, ScalingPolicy, LISTED, ident)

    async def page(
        self, caller: Caller, environment_id: str, limit: int, after: str
    ) -> tuple[list[ScalingPolicy], str | None]:
        """Newest first. Raises `NotFound`."""
        return await page(self.store, caller, ScalingPolicy, LISTED, environment_id, limit=limit, after=after)

    async def of(self, place: Place) -> list[ScalingPolicy]:
        rows = await self.store.list(place.partition, PREFIX, limit=MOST)
        return read_all(ScalingPolicy, place.partition, rows)

    async def scalings(self, place: Place) -> dict[tuple[str, str], Scaling]:
        """(service, target) -> what the target is to honour."""
        policies = await self.of(place)
        return {(policy.service_id, policy.target.value): effective(policy.target, policy.requested) for policy in policies}
