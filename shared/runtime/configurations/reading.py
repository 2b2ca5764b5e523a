"""Find configurations again."""

from __future__ import annotations

from collections.abc import Sequence

from shared.events.journal import Place
from shared.kernel.errors import ValidationFailed
from shared.runtime.configurations.model import Configuration
from shared.runtime.configurations.service import LISTED
from shared.runtime.environments.found import Kept
from shared.store.reading import read, read_all


class Configurations(Kept[Configuration]):
    record = Configuration
    kind = LISTED

    async def find(self, place: Place, configuration_id: str) -> Configuration | None:
        """A configuration of this environment; an id of any other leads to nothing, whoever owns it."""
        row = await self.store.get(place.partition, configuration_id) if configuration_id.startswith("cfg-") else None
        return read(Configuration, place.partition, row) if row else None

    async def several(self, place: Place, configuration_ids: Sequence[str]) -> dict[str, Configuration]:
        """By id, in as few reads as it takes; those that are absent or cannot be read are left out."""
        wanted = [one for one in configuration_ids if one.startswith("cfg-")]
        rows = await self.store.gather(place.partition, wanted) if wanted else {}
        return {one.configuration_id: one for one in read_all(Configuration, place.partition, rows.values())}

    async def require(self, place: Place, configuration_id: str, path: str) -> Configuration:
        """`find`, for a request that names it at `path`. Raises `ValidationFailed`."""
        found = await self.find(place, configuration_id)
        if found is None:
            raise ValidationFailed({path: ["names no configuration of this environment"]})
        return found
