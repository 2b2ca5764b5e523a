"""Find configurations again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.caller import Caller
from shared.events.journal import Place
from shared.kernel.errors import ValidationFailed
from shared.runtime.configurations.model import Configuration
from shared.runtime.configurations.service import LISTED
from shared.runtime.environments.found import find, page
from shared.store.port import Store
from shared.store.reading import read


@dataclass(frozen=True)
class Configurations:
    store: Store

    async def get(self, caller: Caller, ident: str) -> Configuration:
        """Raises `NotFound`, also for what is another tenant's."""
        return await find(self.store, caller, Configuration, LISTED, ident)

    async def page(
        self, caller: Caller, environment_id: str, limit: int, after: str
    ) -> tuple[list[Configuration], str | None]:
        """Newest first. Raises `NotFound`."""
        return await page(self.store, caller, Configuration, LISTED, environment_id, limit=limit, after=after)

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
