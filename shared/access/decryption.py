"""Opening encrypted access tokens (five segments, RFC 7516): OpenIddict encrypts by default.

The key is the operator's: a private JWK, a JWKS as JSON, or an RSA key as PEM (line breaks may be written as `\\n`, which
is how settings carry them). Only RSA-OAEP, RSA-OAEP-256 and A256KW with A256GCM or A256CBC-HS512 are opened; compression
never (`zip` is an amplifier in the hand of whoever has the public key).

What is inside must be a signed token again: encryption says who can read, not who wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.access import strict_json

if TYPE_CHECKING:
    from joserfc.jwe import JWERegistry
    from joserfc.jwk import OctKey, RSAKey

KEY_TYPES = {"RSA-OAEP": "RSA", "RSA-OAEP-256": "RSA", "A256KW": "oct"}
CONTENT = ("A256GCM", "A256CBC-HS512")
MAX_HEADER_BYTES = 4096
AES_BITS = 256


class Decryption:
    """Raises ValueError when `key` is none that could open a token; its text never holds any of the key."""

    def __init__(self, key: str) -> None:
        self._keys = _read(key)
        self._registry = _registry()

    def open(self, token: str) -> tuple[Mapping[str, Any], str]:
        """The protected header and the signed token inside. Raises whatever the library does for what cannot be opened."""
        from joserfc.jwe import decrypt_compact

        header = protected_header(token)
        candidates = self._candidates(header)
        for position, key in enumerate(candidates, start=1):
            try:
                plain = decrypt_compact(token, key, registry=self._registry).plaintext or b""
                return header, plain.decode("ascii")
            except Exception:  # each key of the set is tried; the last one's failure is the answer
                if position == len(candidates):
                    raise
        raise ValueError("no decryption key fits")

    def _candidates(self, header: Mapping[str, Any]) -> Sequence[RSAKey | OctKey]:
        """The keys to try: those with the token's `kid`, else all of its type (issuers name keys by certificate)."""
        wanted = KEY_TYPES[header["alg"]]
        fitting = [key for key in self._keys if key.key_type == wanted and key.get("alg", header["alg"]) == header["alg"]]
        return [key for key in fitting if key.get("kid") == header.get("kid")] or fitting


def protected_header(token: str) -> dict[str, Any]:
    """The first segment as an object. Raises ValueError when it is none, or asks for an extension we do not know."""
    from joserfc.util import urlsafe_b64decode

    header = strict_json.loads(urlsafe_b64decode(token.partition(".")[0].encode("ascii")))
    if not isinstance(header, dict) or not isinstance(header.get("alg"), str) or "crit" in header:
        raise ValueError("not a header we understand")
    return header


def _registry() -> JWERegistry:
    from joserfc.jwe import JWERegistry

    # Not strict about names: unknown header parameters must be ignored (RFC 7516 §4), `iss` and `aud` may be repeated.
    registry = JWERegistry(algorithms=[*KEY_TYPES, *CONTENT], strict_check_header=False)
    registry.max_protected_header_length = MAX_HEADER_BYTES
    return registry


def _read(text: str) -> tuple[RSAKey | OctKey, ...]:
    from joserfc.jwk import RSAKey

    text = text.strip()
    try:
        if text.startswith("{"):
            document = json.loads(text)
            keys = tuple(_private(jwk) for jwk in document.get("keys", [document]))
        else:
            keys = (RSAKey.import_key(text.replace("\\n", "\n")),)
    except Exception:  # the libraries' texts may quote the key: none of them may reach a log
        raise ValueError("the token decryption key is no private JWK, JWKS or PEM") from None
    if not keys or not all(key.is_private for key in keys):
        raise ValueError("the token decryption key is not a private key")
    return keys


def _private(jwk: Mapping[str, Any]) -> RSAKey | OctKey:
    from joserfc.jwk import OctKey, RSAKey

    if jwk["kty"] == "RSA":
        return RSAKey.import_key(dict(jwk))
    key = OctKey.import_key(dict(jwk))
    if len(key.raw_value) * 8 != AES_BITS:
        raise ValueError("A256KW takes 256 bits")
    return key
