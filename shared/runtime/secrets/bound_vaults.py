"""Which environments have a binding to a vault: what the vault itself says (a version expires) names no tenant.

A row is put before the binding's own commit and stays: it only says where to look. Several tenants may share a vault, so
nothing of this is ever shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.events.active import Listed
from shared.events.journal import Place
from shared.kernel.clock import Draw
from shared.store import keys
from shared.store.port import Put, Store
from shared.store.reading import read_all

MOST = 1000


def vault_name(vault_uri: str) -> str:
    """The name in `https://<name>.vault.azure.net`; empty for what is no such address."""
    host, _, suffix = (urlsplit(vault_uri).hostname or "").partition(".")
    return host if suffix == "vault.azure.net" else ""


@dataclass(frozen=True)
class BoundVaults:
    store: Store
    draw: Draw

    async def add(self, vault_uri: str, place: Place) -> None:
        """Key: (vault, environment)."""
        if place.environment_id is None:
            return
        listed = Listed(tenant_id=place.tenant_id, environment_id=place.environment_id, project_id=place.project_id)
        partition = keys.bound_vault(vault_name(vault_uri))
        await self.store.commit(partition, self.draw(), [Put(place.partition, listed.document())])

    async def places(self, vault_uri: str) -> Sequence[Place]:
        partition = keys.bound_vault(vault_name(vault_uri))
        rows = await self.store.list(partition, "", limit=MOST)
        return [listed.place for listed in read_all(Listed, partition, rows)]
