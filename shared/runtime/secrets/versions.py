"""What a vault tells of a secret without its value: which versions there are, and which of them can be used.

The newest version that can be used now is the one to use. It is *newer* than another only where the vault's own order
says so: a vault counts in whole seconds, and what was made in the same second has an order that says nothing but is always
the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.kernel.errors import Refused


class Version(Protocol):
    """A version as the vault lists it: never a value."""

    @property
    def version(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def not_before(self) -> datetime | None: ...
    @property
    def expires_on(self) -> datetime | None: ...


class Vault(Protocol):
    """Both raise `Transient` when the vault cannot be asked and `Refused` when it says no."""

    async def versions(self, vault_uri: str, secret_name: str) -> Sequence[Version]:
        """The versions, newest first; none for an absent secret."""

    async def disable(self, vault_uri: str, secret_name: str, version: str) -> None:
        """From now on nobody reads the version. Idempotent; an absent one counts as disabled."""


def usable(version: Version, now: datetime) -> bool:
    begun = version.not_before is None or version.not_before <= now
    return version.enabled and begun and (version.expires_on is None or now < version.expires_on)


def newer(secret_name: str, listed: Sequence[Version], current: str | None, now: datetime) -> str | None:
    """The version to use instead of `current`, if there is one. `listed`: newest first.

    Raises `Refused`: `SecretMissing` where the vault has no such secret, `SecretDisabled` where none of its versions can
    be used.
    """
    if not listed:
        raise Refused("keyVault", "SecretMissing", f"the vault has no secret {secret_name}")
    at = next((index for index, one in enumerate(listed) if usable(one, now)), None)
    if at is None:
        raise Refused("keyVault", "SecretDisabled", f"no version of the secret {secret_name} is enabled and in its time")
    standing = next((index for index, one in enumerate(listed) if one.version == current), len(listed))
    return listed[at].version if at < standing else None
