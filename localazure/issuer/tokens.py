"""Access tokens, right ones and wrong ones.

The defaults make a token the app accepts (RFC 9068: `typ` at+jwt, `iss`, `aud`, `exp`, `jti`); every claim and header
can be replaced or removed, so that each check of the app meets a token that fails it alone. Signing is done on the raw
JWS form (RFC 7515), because a JOSE library rightly refuses to make most of what has to be refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwe
from joserfc.jwk import RSAKey

from localazure.issuer.keyring import Keyring, foreign_key

DEFAULT_TENANT = "connectsoft"
DEFAULT_SUBJECT = "local-operator"
DEFAULT_CLIENT = "local-client"
DEFAULT_TTL_SECONDS = 3600
ALL_SCOPES = (
    "runtime.environments.write",
    "runtime.environments.read",
    "runtime.deployments.write",
    "runtime.deployments.read",
    "runtime.configurations.write",
    "runtime.secrets.write",
    "runtime.health.read",
    "runtime.scaling.write",
    "runtime.drift.read",
)
_ENVELOPE = {"alg": "RSA-OAEP", "enc": "A256CBC-HS512", "typ": "at+jwt", "cty": "JWT"}  # OpenIddict's defaults
_ENVELOPE_ALGORITHMS = ("RSA-OAEP", "RSA-OAEP-256")
_DIGESTS: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}


@dataclass(frozen=True)
class TokenRequest:
    """What should differ from the defaults; a `None` value removes the claim or header parameter."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    encrypt: bool = False
    key: Literal["current", "foreign"] = "current"


@dataclass(frozen=True)
class Issuer:
    """`url` is the `iss` of every token and the base of the discovery document, without a slash at its end."""

    url: str
    audience: str
    keyring: Keyring

    def issue(self, request: TokenRequest) -> str:
        """A signed, and if asked for encrypted, token in compact form."""
        key = self.keyring.current if request.key == "current" else foreign_key(self.keyring.current.kid)
        outer, inner = _split(request)
        header = _merged({"alg": "RS256", "typ": "at+jwt", "kid": self.keyring.current.kid}, inner)
        token = _signed(header, _merged(self._claims(), request.claims), key)
        return self._sealed(token, outer) if request.encrypt else token

    def _claims(self) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.url,
            "aud": self.audience,
            "sub": DEFAULT_SUBJECT,
            "client_id": DEFAULT_CLIENT,
            "tenantId": DEFAULT_TENANT,
            "scope": " ".join(ALL_SCOPES),
            "iat": now,
            "nbf": now,
            "exp": now + DEFAULT_TTL_SECONDS,
            "jti": secrets.token_hex(16),
        }

    def _sealed(self, token: str, overrides: Mapping[str, Any]) -> str:
        header = _merged({**_ENVELOPE, "kid": self.keyring.decryption.kid}, overrides)
        algorithms = [str(header["alg"]), str(header["enc"])]
        return jwe.encrypt_compact(header, token.encode(), self.keyring.decryption, algorithms=algorithms)


def grant(tenant: str, scopes: str, subject: str, client: str, ttl: int) -> dict[str, Any]:
    """The claims of an ordinary token; a negative `ttl` (seconds) makes one that ended so long ago."""
    now = int(time.time())
    times = {"iat": min(now, now + ttl), "nbf": min(now, now + ttl), "exp": now + ttl}
    return {"tenantId": tenant, "scope": scopes, "sub": subject, "client_id": client, **times}


def _split(request: TokenRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header overrides of the envelope (`enc`, key-wrapping `alg`) and of the signature."""
    if not request.encrypt:
        return {}, dict(request.header)
    outer = {
        name: value
        for name, value in request.header.items()
        if name == "enc" or (name == "alg" and value in _ENVELOPE_ALGORITHMS)
    }
    return outer, {name: value for name, value in request.header.items() if name not in outer}


def _merged(defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**defaults, **overrides}.items() if value is not None}


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: RSAKey) -> str:
    content = f"{_compact(header)}.{_compact(claims)}"
    return f"{content}.{_base64(_signature(str(header.get('alg', 'RS256')), content.encode(), key))}"


def _signature(algorithm: str, content: bytes, key: RSAKey) -> bytes:
    """By `alg`'s own rules; one that does not exist is signed as RS256: the header then lies, which is the point."""
    family, digest = algorithm[:2], _DIGESTS.get(algorithm[2:], hashes.SHA256)()
    private = key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)  # noqa: S101 — the keyring holds whole RSA keys only
    if algorithm == "none":
        return b""
    if family == "HS":  # the classic confusion: the public key, which everybody has, taken for a shared secret
        return hmac.new(key.as_pem(private=False), content, getattr(hashlib, digest.name)).digest()
    if family == "ES":  # an EC key of the moment: no issuer publishes it
        return _fixed_width(ec.generate_private_key(ec.SECP256R1()).sign(content, ec.ECDSA(digest)))
    if family == "PS":
        return private.sign(content, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return private.sign(content, padding.PKCS1v15(), digest)


def _fixed_width(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _compact(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
