"""What a signed payload must say before it is believed, and what is kept of it.

`iss` is exact, `aud` holds ours, `exp` is there, `nbf` is past, with 60 s for clocks that disagree; the tenant is a
non-empty printable string and never a default. Scopes are compared as they stand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.kernel.errors import InvalidToken

MAX_CLAIM = 128  # characters
LEEWAY = 60.0  # seconds


@dataclass(frozen=True)
class Claims:
    tenant_id: str
    subject: str
    client_id: str
    scopes: frozenset[str]
    expires_at: float  # seconds since the epoch; streams end here


@dataclass(frozen=True)
class Demands:
    issuers: frozenset[str]
    audience: str
    tenant_claim: str

    def read(self, payload: Mapping[str, Any], now: float) -> Claims:
        """`now` in seconds since the epoch. Raises `InvalidToken` with the name of the claim that is wrong."""
        expires_at = self._addressed(payload, now)
        client_id = _text(payload, "client_id") if "client_id" in payload else None
        subject = _text(payload, "sub") if "sub" in payload or client_id is None else client_id
        return Claims(
            tenant_id=_text(payload, self.tenant_claim),
            subject=subject,
            client_id=client_id or subject,
            scopes=_scopes(payload.get("scope", "")),
            expires_at=expires_at,
        )

    def _addressed(self, payload: Mapping[str, Any], now: float) -> float:
        """From our issuer, to us, now. Returns `exp`."""
        issuer, audience = payload.get("iss"), payload.get("aud")
        if not isinstance(issuer, str) or issuer not in self.issuers:
            raise InvalidToken("iss")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken("aud")
        expires_at = _instant(payload, "exp")
        if now >= expires_at + LEEWAY:
            raise InvalidToken("exp")
        if "nbf" in payload and _instant(payload, "nbf") > now + LEEWAY:
            raise InvalidToken("nbf")
        return expires_at


def _instant(payload: Mapping[str, Any], name: str) -> float:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(name)
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise InvalidToken(name)
    return seconds


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_CLAIM or not value.isprintable():
        raise InvalidToken(name)
    return value


def _scopes(value: Any) -> frozenset[str]:
    """A space-separated string (RFC 9068) or an array (OpenIddict before 3.0); nothing is trimmed, folded or expanded."""
    if isinstance(value, str):
        value = value.split(" ")
    if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
        raise InvalidToken("scope")
    return frozenset(scope for scope in value if scope)
