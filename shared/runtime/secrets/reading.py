"""Find bindings again: references only."""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.caller import Caller
from shared.runtime.environments.found import find, page
from shared.runtime.secrets.model import SecretBinding
from shared.runtime.secrets.service import LISTED
from shared.store.port import Store


@dataclass(frozen=True)
class Bindings:
    store: Store

    async def get(self, caller: Caller, ident: str) -> SecretBinding:
        """Raises `NotFound`, also for what is another tenant's."""
        return await find(self.store, caller, SecretBinding, LISTED, ident)

    async def page(
        self, caller: Caller, environment_id: str, limit: int, after: str
    ) -> tuple[list[SecretBinding], str | None]:
        """Newest first. Raises `NotFound`."""
        return await page(self.store, caller, SecretBinding, LISTED, environment_id, limit=limit, after=after)
