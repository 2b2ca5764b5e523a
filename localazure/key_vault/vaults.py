"""Every vault and its secrets, on disk.

One document per vault (`vault.vault`) and one per secret with all its versions (`vault.secret`); each change is one write.
Vault and secret names are compared without case. A deleted secret keeps its versions and its name until it is recovered or
purged.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from localazure.key_vault.secret import HOST_SUFFIX, Refusal, Secret, Version, bundle, changed, new_version, not_found
from localazure.shelf import Shelf

_VAULTS, _SECRETS = "vault.vault", "vault.secret"
_VAULT_NAME = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]")


class Vaults:
    """Every vault there is. Shared by the endpoints, ARM (which makes vaults) and the control API (which sets secrets)."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._vaults = set(shelf.all(_VAULTS))
        self._secrets = {key: _restored(document) for key, document in shelf.all(_SECRETS).items()}

    # ------------------------------------------------------------------ vaults

    def create(self, name: str) -> None:
        """Make `https://<name>.vault.azure.net/` answer. Idempotent; keeps what the vault holds. Raises `ValueError`."""
        if not _VAULT_NAME.fullmatch(name):
            raise ValueError(f"a vault's name has 3 to 24 letters, digits and single hyphens, not '{name}'")
        if name.lower() not in self._vaults:
            self._vaults.add(name.lower())
            self._shelf.put(_VAULTS, name.lower(), {})

    def delete(self, name: str) -> None:
        """Forget a vault and all its secrets; unknown is fine. (Azure would keep it recoverable for a while.)"""
        vault = name.lower()
        for key in [key for key in self._secrets if key.startswith(f"{vault}|")]:
            del self._secrets[key]
            self._shelf.delete(_SECRETS, key)
        self._vaults.discard(vault)
        self._shelf.delete(_VAULTS, vault)

    def exists(self, host: str) -> bool:
        """Whether a host is that of a vault."""
        host = host.lower()
        return host.endswith(HOST_SUFFIX) and host.removesuffix(HOST_SUFFIX) in self._vaults

    def set_secret(self, vault_uri: str, name: str, value: str) -> dict[str, Any]:
        """Set a secret's newest version in a vault that is made when it is not there. Raises `ValueError`.

        Answers the version as Key Vault does. A secret that was deleted is recovered first.
        """
        parts = urlsplit(vault_uri)
        host = parts.netloc.lower()
        if parts.scheme != "https" or not host.endswith(HOST_SUFFIX) or parts.path not in ("", "/"):
            raise ValueError(f"a vault's URI is https://<name>{HOST_SUFFIX}/, not '{vault_uri}'")
        vault = host.removesuffix(HOST_SUFFIX)
        try:
            new_version(name, {"value": value})
        except Refusal as refused:
            raise ValueError(refused.message) from refused
        self.create(vault)
        standing = self._secrets.get(_key(vault, name))
        if standing is not None:
            standing.deleted = None
        return bundle(*self.put(vault, name, {"value": value}))

    def enabled(self, vault_uri: str, name: str) -> dict[str, bool]:
        """Version -> whether it is enabled, newest last; none for what is not there."""
        vault = urlsplit(vault_uri).netloc.lower().removesuffix(HOST_SUFFIX)
        secret = self._secrets.get(_key(vault, name))
        return {version.id: bool(version.attributes["enabled"]) for version in secret.versions} if secret else {}

    # ------------------------------------------------------------------ secrets

    def _save(self, secret: Secret) -> None:
        self._secrets[_key(secret.vault, secret.name)] = secret
        self._shelf.put(_SECRETS, _key(secret.vault, secret.name), asdict(secret))

    def get(self, vault: str, name: str) -> Secret:
        """A secret that is not deleted. Raises `Refusal`."""
        secret = self._secrets.get(_key(vault, name))
        if secret is None or secret.deleted is not None:
            raise not_found(name)
        return secret

    def get_deleted(self, vault: str, name: str) -> Secret:
        """A secret that is deleted. Raises `Refusal`."""
        secret = self._secrets.get(_key(vault, name))
        if secret is None or secret.deleted is None:
            raise not_found(name)
        return secret

    def all(self, vault: str, *, deleted: bool) -> list[Secret]:
        """By name."""
        prefix = f"{vault}|"
        keys = sorted(key for key in self._secrets if key.startswith(prefix))
        return [self._secrets[key] for key in keys if (self._secrets[key].deleted is not None) == deleted]

    def put(self, vault: str, name: str, body: Mapping[str, Any]) -> tuple[Secret, Version]:
        """Add a version as PUT does. Raises `Refusal`."""
        version = new_version(name, body)
        secret = self._secrets.get(_key(vault, name)) or Secret(vault, name, [])
        if secret.deleted is not None:
            message = f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused."
            raise Refusal(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        secret.versions.append(version)
        self._save(secret)
        return secret, version

    def update(self, vault: str, name: str, version_id: str, body: Mapping[str, Any]) -> tuple[Secret, Version]:
        """Change a version's attributes, tags or content type as PATCH does. Raises `Refusal`."""
        secret = self.get(vault, name)
        old = secret.version(version_id)
        new = changed(old, body)
        secret.versions[secret.versions.index(old)] = new
        self._save(secret)
        return secret, new

    def remove(self, vault: str, name: str) -> Secret:
        """Delete, recoverably. Raises `Refusal`."""
        secret = self.get(vault, name)
        secret.deleted = int(time.time())
        self._save(secret)
        return secret

    def recover(self, vault: str, name: str) -> Secret:
        """Raises `Refusal`."""
        secret = self.get_deleted(vault, name)
        secret.deleted = None
        self._save(secret)
        return secret

    def purge(self, vault: str, name: str) -> None:
        """Forget a deleted secret. Raises `Refusal`."""
        secret = self.get_deleted(vault, name)
        key = _key(vault, secret.name)
        del self._secrets[key]
        self._shelf.delete(_SECRETS, key)


def _key(vault: str, name: str) -> str:
    return f"{vault.lower()}|{name.lower()}"


def _restored(document: dict[str, Any]) -> Secret:
    return Secret(**{**document, "versions": [Version(**version) for version in document["versions"]]})
