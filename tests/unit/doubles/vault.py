"""A vault by its lists of versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

VAULT = "https://kv-orders.vault.azure.net"


@dataclass(frozen=True)
class FakeVersion:
    version: str
    enabled: bool = True
    created_on: datetime | None = None


@dataclass
class FakeVault:
    """`listed`: secret name -> its versions, newest first."""

    listed: dict[str, list[FakeVersion]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def holds(self, secret_name: str, *versions: str, disabled: Sequence[str] = ()) -> None:
        """Newest first."""
        self.listed[secret_name] = [FakeVersion(version, version not in disabled) for version in versions]

    async def versions(self, vault_uri: str, secret_name: str) -> Sequence[FakeVersion]:
        self.asked.append((vault_uri, secret_name))
        return self.listed.get(secret_name, [])
