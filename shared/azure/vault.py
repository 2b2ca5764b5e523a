"""Key Vault by its lists of versions: what versions a secret has and which are enabled. Never a value.

One client per vault, kept. Raises `Transient("keyVault")` when the vault cannot be asked and `Refused("keyVault", code)`
when it says no (no access, no such version).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.azure.credentials import CredentialFactory
from shared.azure.failures import asking
from shared.kernel.record import Record

if TYPE_CHECKING:
    from azure.keyvault.secrets.aio import SecretClient

_OLDEST = datetime.min.replace(tzinfo=UTC)
_OPTIONS: Mapping[str, Any] = {"retry_total": 1, "retry_status": 0, "connection_timeout": 5, "read_timeout": 15}


class SecretVersion(Record):
    version: str
    enabled: bool
    created_on: datetime | None = None
    not_before: datetime | None = None
    expires_on: datetime | None = None


class Vaults:
    """`options` go to every client (tests: another trust store)."""

    def __init__(self, credential: CredentialFactory, **options: Any) -> None:
        self._credential = credential
        self._options = {**_OPTIONS, **options}
        self._clients: dict[str, SecretClient] = {}

    async def versions(self, vault_uri: str, secret_name: str) -> list[SecretVersion]:
        """All versions, newest first; [] when the vault has no such secret. Of one second, by their ids: the order of those
        says nothing, but it stays what it is."""
        from azure.core.exceptions import ResourceNotFoundError

        found = []
        with asking("keyVault"):
            try:
                async for told in self._client(vault_uri).list_properties_of_secret_versions(secret_name):
                    found.append(_version(told))
            except ResourceNotFoundError:
                return []
        return sorted(found, key=lambda one: (one.created_on or _OLDEST, one.version), reverse=True)

    async def disable(self, vault_uri: str, secret_name: str, version: str) -> None:
        """Idempotent; an absent version counts as disabled. Who still uses it gets an error from the vault from now on."""
        from azure.core.exceptions import ResourceNotFoundError

        with asking("keyVault"), suppress(ResourceNotFoundError):
            await self._client(vault_uri).update_secret_properties(secret_name, version, enabled=False)

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    def _client(self, vault_uri: str) -> SecretClient:
        key = vault_uri.rstrip("/").lower()
        if key not in self._clients:
            from azure.keyvault.secrets.aio import SecretClient

            self._clients[key] = SecretClient(vault_uri, self._credential(), **self._options)
        return self._clients[key]


def _version(told: Any) -> SecretVersion:
    return SecretVersion(
        version=told.version or "",
        enabled=bool(told.enabled),
        created_on=told.created_on,
        not_before=told.not_before,
        expires_on=told.expires_on,
    )
