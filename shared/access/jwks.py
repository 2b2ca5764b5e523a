"""Which keys of a published key set (RFC 7517) may verify a token, and for which algorithm.

A key that says what it is for is believed, one that does not is judged by its type; symmetric keys, encryption keys, other
curves and RSA below 2048 bits are never used. Private members that an issuer publishes by mistake are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

ALGORITHMS = ("RS256", "PS256", "ES256")
MAX_KEYS = 100
MIN_RSA_BITS = 2048  # RFC 7518 §3.3

_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_BITS_A_CHARACTER = 6  # of base64


def usable_keys(document: Any) -> Mapping[str, tuple[RSAKey | ECKey, ...]]:
    """The keys of a JWKS that may verify a signature of ours, by `kid` ("" where it has none).

    What is not understood is left out (RFC 7517 §5), private members are dropped. Raises ValueError, KeyError or TypeError
    when it is no key set or holds no usable key.
    """
    found: dict[str, tuple[RSAKey | ECKey, ...]] = {}
    for jwk in document["keys"][:MAX_KEYS]:
        key = _imported(jwk) if _is_for_signatures(jwk) else None
        if key is not None:
            kid = jwk.get("kid", "")
            found[kid] = (*found.get(kid, ()), key)
    if not found:
        raise ValueError("no usable key")
    return MappingProxyType(found)


def _is_for_signatures(jwk: Any) -> bool:
    return (
        isinstance(jwk, dict)
        and isinstance(jwk.get("kid", ""), str)
        and isinstance(jwk.get("kty"), str)
        and jwk["kty"] in _PUBLIC
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", ALGORITHMS[0]) in ALGORITHMS
    )


def _imported(jwk: Mapping[str, Any]) -> RSAKey | ECKey | None:
    from joserfc.jwk import ECKey, RSAKey

    public = {name: jwk[name] for name in (*_PUBLIC[jwk["kty"]], "kty", "alg") if name in jwk}
    try:
        if jwk["kty"] == "EC":
            curve = ECKey.import_key(public)
            return curve if curve.curve_name == "P-256" else None
        if len(public["n"]) * _BITS_A_CHARACTER < MIN_RSA_BITS:
            return None
        modulus = RSAKey.import_key(public)
        return modulus if modulus.raw_value.key_size >= MIN_RSA_BITS else None
    except Exception:  # a key that the library cannot read is left out (RFC 7517 §5)
        return None


def fits(key: RSAKey | ECKey, algorithm: str) -> bool:
    """Whether `key` may be used with `algorithm`: a token must not choose another than its key was published for."""
    return key.key_type == ("EC" if algorithm == "ES256" else "RSA") and key.get("alg", algorithm) == algorithm
