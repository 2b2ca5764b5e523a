"""From a bearer token to claims (RFC 9068), or to `InvalidToken`: there is no third outcome but an unreachable issuer.

Checked, in this order: size; segments; decryption where there are five; `typ`, `alg`; the key by `kid`, which must have
been published for that `alg`; the signature; then the claims. `jku`, `jwk` and `x5u` are never followed: a token must not
name its own judge.

A verified token is remembered by its SHA-256 for a minute at most and never past its `exp`: what a withdrawn key still
opens is bounded by that minute and the hourly refresh of the keys.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.access import strict_json
from shared.access.claims import Claims, Demands
from shared.access.jwks import ALGORITHMS, fits
from shared.access.keys import SigningKeys, accepted_issuers
from shared.kernel.clock import Clock
from shared.kernel.errors import InvalidToken

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

    from shared.access.decryption import Decryption

MAX_TOKEN_BYTES = 8 * 1024
REMEMBER = 60.0  # seconds
REMEMBERED = 4096  # tokens
SIGNED, ENCRYPTED = 3, 5  # segments
TYPES = frozenset({"at+jwt", "application/at+jwt"})
REPEATABLE = ("iss", "aud", "sub")  # RFC 7519 §5.3

_log = logging.getLogger(__name__)


class Tokens:
    """Verifies tokens of one issuer for one audience.

    `tenant_claim` is the claim's name. `decryption_key` is a private JWK, JWKS or PEM, or None when the issuer does not
    encrypt; an unusable one is a ValueError here and not at the first request.
    """

    def __init__(
        self, keys: SigningKeys, *, issuer: str, audience: str, tenant_claim: str, decryption_key: str | None, clock: Clock
    ) -> None:
        self._keys = keys
        self._demands = Demands(accepted_issuers(issuer), audience, tenant_claim)
        self._decryption = _decryption(decryption_key)
        self._clock = clock
        self._remembered: dict[bytes, tuple[Claims, float]] = {}

    async def verify(self, token: str) -> Claims:
        """Raises `InvalidToken` for every token that is not exactly right, `Transient("issuer")` when no key is known."""
        if not token.isascii() or len(token) > MAX_TOKEN_BYTES:
            raise InvalidToken("size")
        now = self._clock().timestamp()
        digest = hashlib.sha256(token.encode("ascii")).digest()
        remembered = self._remembered.get(digest)
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        claims = await self._verified(token, now)
        self._remember(digest, claims, now)
        return claims

    async def _verified(self, token: str, now: float) -> Claims:
        repeated: Mapping[str, Any] = {}
        if token.count(".") == ENCRYPTED - 1:
            repeated, token = self._opened(token)
        if token.count(".") != SIGNED - 1:
            raise InvalidToken("segments")
        header = _header(token)
        keys = await self._keys.named(header.get("kid"))
        key = next((key for key in keys if fits(key, header["alg"])), None)
        if key is None:
            raise InvalidToken("key")
        payload = _payload(token, key, header["alg"])
        if any(payload.get(name) != repeated[name] for name in REPEATABLE if name in repeated):
            raise InvalidToken("replicated claims")
        return self._demands.read(payload, now)

    def _opened(self, token: str) -> tuple[Mapping[str, Any], str]:
        if self._decryption is None:
            _log.warning(
                "an encrypted access token was refused: no token decryption key is configured. Set OIDC_DECRYPTION_KEY, or "
                "turn off access token encryption at the issuer (OpenIddict: DisableAccessTokenEncryption)"
            )
            raise InvalidToken("token encryption")
        try:
            return self._decryption.open(token)
        except Exception as error:  # hostile bytes pass through three libraries: whatever they raise is a refusal, no 500
            raise InvalidToken("decryption") from error

    def _remember(self, digest: bytes, claims: Claims, now: float) -> None:
        until = min(claims.expires_at, now + REMEMBER)
        if until <= now:
            return
        self._remembered.pop(digest, None)
        if len(self._remembered) >= REMEMBERED:
            del self._remembered[next(iter(self._remembered))]  # the oldest: bounded, whoever floods us with tokens
        self._remembered[digest] = (claims, until)


def _decryption(key: str | None) -> Decryption | None:
    if not key:
        return None
    from shared.access.decryption import Decryption

    return Decryption(key)


def _header(token: str) -> dict[str, Any]:
    from shared.access.decryption import protected_header

    try:
        header = protected_header(token)
    except Exception as error:  # as in `_opened`
        raise InvalidToken("header") from error
    typ, kid = header.get("typ"), header.get("kid")
    if not isinstance(typ, str) or typ.lower() not in TYPES:
        raise InvalidToken("typ")
    if header["alg"] not in ALGORITHMS:
        raise InvalidToken("alg")
    if not (kid is None or isinstance(kid, str)):
        raise InvalidToken("kid")
    return header


def _payload(token: str, key: RSAKey | ECKey, algorithm: str) -> dict[str, Any]:
    from joserfc.jws import JWSRegistry, deserialize_compact

    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = registry.max_signature_length = MAX_TOKEN_BYTES
    try:
        payload = strict_json.loads(deserialize_compact(token, key, registry=registry).payload)
    except Exception as error:  # as in `_opened`
        raise InvalidToken("signature") from error
    if not isinstance(payload, dict):
        raise InvalidToken("payload")
    return payload
