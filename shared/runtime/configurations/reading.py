"""Find configurations again."""

from __future__ import annotations

from shared.events.journal import Place
from shared.kernel.errors import ValidationFailed
from shared.runtime.configurations.model import Configuration
from shared.runtime.configurations.service import LISTED
from shared.runtime.environments.found import Kept
from shared.store.reading import read


class Configurations(Kept[Configuration]):
    record = Configuration
    kind = LISTED

    async def find(self, place: Place, configuration_id: str) -> Configuration | None:
        """A configuration of this environment; an id of any other leads to nothing, whoever owns it."""
        row = await self.store.get(place.partition, configuration_id) if configuration_id.startswith("cfg-") else None
        return read(Configuration, place.partition, row) if row else None

    async def require(self, place: Place, configuration_id: str, path: str) -> Configuration:
        """`find`, for a request that names it at `path`. Raises `ValidationFailed`."""
        found = await self.find(place, configuration_id)
        if found is None:
            raise ValidationFailed({path: ["names no configuration of this environment"]})
        return found
