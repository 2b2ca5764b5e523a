"""Access tokens as Entra ID would give a managed identity: JWTs that name the resource they are for.

Signed with HMAC-SHA256 and a secret of this data folder, so that a stand-in can tell its own platform's token from any
other text, and one audience from another. Clients must treat the text as opaque; only the stand-ins look inside.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIFETIME_SECONDS = 24 * 3600  # what App Service gives
TENANT = "00000000-0000-0000-0000-000000000000"
_ISSUER = f"https://sts.windows.net/{TENANT}/"


@dataclass(frozen=True)
class Token:
    text: str
    expires_on: int  # seconds since 1970


class Tokens:
    """Issues and checks. `clock` answers seconds since 1970."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock

    @classmethod
    def kept(cls, path: Path) -> Tokens:
        """With the secret in a file, which is made (mode 0600) when it is not there; safe among processes that race."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        if not path.exists():
            draft.touch(mode=0o600)
            draft.write_bytes(secrets.token_bytes(32))
            try:
                os.link(draft, path)  # unlike a rename it fails when another process was first
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return cls(path.read_bytes())

    def issue(self, resource: str, client_id: str) -> Token:
        """A token for one resource (`https://vault.azure.net`, …)."""
        now = int(self._clock())
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, client_id))
        claims = {
            "aud": resource, "iss": _ISSUER, "iat": now, "nbf": now, "exp": now + LIFETIME_SECONDS, "appid": client_id,
            "idtyp": "app", "oid": identity, "sub": identity, "tid": TENANT, "ver": "1.0",
        }  # fmt: skip
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return Token(f"{signed}.{self._signature(signed)}", now + LIFETIME_SECONDS)

    def check(self, authorization_header: str, audience: str) -> bool:
        """Whether the header carries a bearer token of ours for this audience. A slash at the end makes no difference."""
        scheme, _, token = authorization_header.partition(" ")
        return scheme.lower() == "bearer" and self.accepts(token.strip(), audience)

    def accepts(self, token: str, audience: str) -> bool:
        """The same for the token alone."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed).encode(), signature.encode()):
            return False
        try:
            claims = _decoded(signed.partition(".")[2])
        except (ValueError, binascii.Error):
            return False
        in_time = claims["nbf"] - 60 <= self._clock() < claims["exp"]
        return in_time and str(claims["aud"]).rstrip("/") == audience.rstrip("/")

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._secret, signed.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _decoded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
