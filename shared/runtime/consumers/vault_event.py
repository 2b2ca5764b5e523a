"""What Azure's Event Grid tells of a vault, as it comes on the queue: the Event Grid schema, one event a message.

Only secrets matter here: near their expiry, expired, or with a new version. What anything else says is let pass. Source:
learn.microsoft.com, "Azure Key Vault as Event Grid source".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from shared.kernel.record import Record
from shared.runtime.rotation.sweep import Notice

ENDS: Mapping[str, bool] = {
    "Microsoft.KeyVault.SecretNearExpiry": True,
    "Microsoft.KeyVault.SecretExpired": True,
    "Microsoft.KeyVault.SecretNewVersionCreated": False,
}


class _Tolerant(Record):
    model_config = ConfigDict(extra="ignore")


class Subject(_Tolerant):
    """Event Grid writes these names with a capital."""

    vault_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$")] = Field(
        alias="VaultName"
    )
    object_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,127}$")] = Field(alias="ObjectName")
    version: str | None = Field(default=None, alias="Version")


class VaultEvent(_Tolerant):
    id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    event_type: str
    data: Subject

    @property
    def notice(self) -> Notice | None:
        """None for what rotation does not act on."""
        if self.event_type not in ENDS:
            return None
        return Notice(
            vault_uri=f"https://{self.data.vault_name.lower()}.vault.azure.net",
            secret_name=self.data.object_name,
            version=self.data.version,
            expiring=ENDS[self.event_type],
            caused_by=self.id,
        )


def read_vault_event(body: bytes) -> VaultEvent:
    """Raises `ValidationError`."""
    return VaultEvent.model_validate_json(body, by_alias=True, by_name=False)
