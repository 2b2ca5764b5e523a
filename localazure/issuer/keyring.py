"""The issuer's keys and clients in one private file.

Invariants: the file is readable by its owner alone and replaced by rename; the first signing key signs, the first two
are published, so that a token signed just before a rotation still verifies; the decryption key never rotates, because
the app holds its private half as a setting. One process rotates (the stand-ins); others read the file anew.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from localazure.writing import replace_private

PUBLISHED = 2
_RSA_BITS = 2048


@dataclass(frozen=True)
class Client:
    """A registered client: its secret, the tenant it acts for, the scopes it may ask for."""

    secret: str
    tenant_id: str
    scopes: tuple[str, ...]


class Keyring:
    """Signing keys (newest first), the decryption key, the clients."""

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path = path
        self.signing = [RSAKey.import_key(key) for key in document["signing"]]
        self.decryption = RSAKey.import_key(document["decryption"])
        self.clients = {
            name: Client(entry["secret"], entry["tenantId"], tuple(entry["scopes"]))
            for name, entry in document["clients"].items()
        }

    @classmethod
    def open(cls, path: Path, clients: Mapping[str, Client]) -> Keyring:
        """Read the file, or make it with fresh keys where there is none; the given clients that it lacks are added."""
        if not path.exists():
            fresh = cls(path, {"signing": [_private(_draw("sig"))], "decryption": _private(_draw("enc")), "clients": {}})
            fresh._write()
        keyring = cls.read(path)
        if clients.keys() - keyring.clients.keys():
            keyring.clients = {**clients, **keyring.clients}
            keyring._write()
        return keyring

    @classmethod
    def read(cls, path: Path) -> Keyring:
        """Raises `FileNotFoundError` where no platform was ever started on the folder."""
        return cls(path, json.loads(path.read_text()))

    @property
    def current(self) -> RSAKey:
        return self.signing[0]

    def rotate(self) -> RSAKey:
        """Sign with a new key from now on; the one before stays published, older ones are forgotten."""
        self.signing = [_draw("sig"), *self.signing][:PUBLISHED]
        self._write()
        return self.current

    def published(self) -> dict[str, Any]:
        """The JWKS document: public halves only."""
        return {"keys": [key.as_dict(private=False) for key in self.signing]}

    def decryption_setting(self) -> str:
        """The private JWK as the app's setting OIDC_DECRYPTION_KEY takes it."""
        return json.dumps(_private(self.decryption))

    def _write(self) -> None:
        document = {
            "signing": [_private(key) for key in self.signing],
            "decryption": _private(self.decryption),
            "clients": {
                name: {"secret": client.secret, "tenantId": client.tenant_id, "scopes": list(client.scopes)}
                for name, client in self.clients.items()
            },
        }
        replace_private(self._path, json.dumps(document))


def keyring_path(data: Path) -> Path:
    """Where the keyring of a data folder lies."""
    return data / "issuer.json"


def foreign_key(kid: str | None) -> RSAKey:
    """A key that this issuer never publishes, under a name that it does: what a forger would sign with."""
    return RSAKey.generate_key(_RSA_BITS, {"kid": kid}) if kid else RSAKey.generate_key(_RSA_BITS)


def _draw(use: str) -> RSAKey:
    """The encryption key names no `alg`: tokens come as RSA-OAEP and, if asked for, as RSA-OAEP-256."""
    kid = secrets.token_hex(8)
    if use == "sig":
        return RSAKey.generate_key(_RSA_BITS, {"kid": kid, "use": use, "alg": "RS256"})
    return RSAKey.generate_key(_RSA_BITS, {"kid": kid, "use": use})


def _private(key: RSAKey) -> dict[str, Any]:
    return dict(key.as_dict(private=True))
