"""Which versions a binding's secrets can go to: by the vault's lists, never by a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.kernel.clock import Clock
from shared.kernel.errors import Refused
from shared.runtime.secrets.model import SecretBinding
from shared.runtime.secrets.versions import Vault, newer


@dataclass
class Sought:
    """By the secret's name in its binding."""

    versions: dict[str, str] = field(default_factory=dict)  # newer than the one in use
    faults: dict[str, Refused] = field(default_factory=dict)  # missing, disabled, or the vault says no


@dataclass(frozen=True)
class Seeking:
    vault: Vault
    clock: Clock

    async def seek(self, binding: SecretBinding, names: Iterable[str]) -> Sought:
        """A name that is in neither of the two has no newer version yet. Raises `Transient`."""
        sought = Sought()
        for name in names:
            secret = binding.secret(name)
            if secret is None:
                continue
            try:
                listed = await self.vault.versions(binding.vault_uri, secret.secret_name)
                found = newer(secret.secret_name, listed, secret.version, self.clock())
            except Refused as refused:
                sought.faults[name] = refused
                continue
            if found is not None:
                sought.versions[name] = found
        return sought
