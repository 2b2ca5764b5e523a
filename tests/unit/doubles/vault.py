"""A vault by its lists of versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

VAULT = "https://kv-orders.vault.azure.net"


@dataclass(frozen=True)
class FakeVersion:
    version: str
    enabled: bool = True
    not_before: datetime | None = None
    expires_on: datetime | None = None


@dataclass
class FakeVault:
    """`listed`: secret name -> its versions, newest first."""

    listed: dict[str, list[FakeVersion]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    disabled: list[tuple[str, str]] = field(default_factory=list)  # (secret name, version), as often as asked for
    errors: list[Exception] = field(default_factory=list)  # the next calls raise these

    def holds(self, secret_name: str, *versions: str, disabled: Sequence[str] = ()) -> None:
        """Newest first."""
        self.listed[secret_name] = [FakeVersion(version, version not in disabled) for version in versions]

    async def versions(self, vault_uri: str, secret_name: str) -> Sequence[FakeVersion]:
        self._meet()
        self.asked.append((vault_uri, secret_name))
        return self.listed.get(secret_name, [])

    async def disable(self, vault_uri: str, secret_name: str, version: str) -> None:
        self._meet()
        self.disabled.append((secret_name, version))
        standing = self.listed.get(secret_name, [])
        self.listed[secret_name] = [replace(one, enabled=one.enabled and one.version != version) for one in standing]

    def _meet(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
