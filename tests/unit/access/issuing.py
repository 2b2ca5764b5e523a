"""An issuer without sockets: it signs, publishes and can be made to fail, and it counts who asked for what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.access.tokens import Tokens
from shared.kernel.errors import InvalidToken

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
ISSUER = "https://login.example.com/"
AUDIENCE = "api://runtime"
OCT = OctKey.generate_key(256)


class Hands:
    """A clock that a test turns: wall time and monotonic time move together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


class Issuer:
    def __init__(self, rsa: RSAKey, other: RSAKey, curve: ECKey) -> None:
        self.rsa, self.other, self.curve = rsa, other, curve
        self.discovery: Any = {"issuer": ISSUER, "jwks_uri": ISSUER + "jwks"}
        self.published: list[dict[str, Any]] = [self.public(rsa, "rsa-1"), self.public(curve, "ec-1")]
        self.down = False
        self.asked: list[str] = []

    @staticmethod
    def public(key: RSAKey | ECKey, kid: str, **more: str) -> dict[str, Any]:
        return {**key.as_dict(private=False), "use": "sig", **more, "kid": kid}

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.down:
            raise OSError("refused")
        return json.dumps(self.discovery if url.endswith("openid-configuration") else {"keys": self.published}).encode()

    def fetches(self, what: str = "jwks") -> int:
        return sum(url.endswith(what) for url in self.asked)

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token that is right but for what the test changes; None removes a member."""
        head = {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt"} | (header or {})
        return self.signed(head, json.dumps(present(defaults() | claims)), key or self.rsa)

    @staticmethod
    def signed(head: dict[str, Any], payload: str | bytes, key: Any) -> str:
        registry = jws.JWSRegistry(algorithms=[str(head["alg"])], strict_check_header=False)
        return jws.serialize_compact(present(head), payload, key, registry=registry)


def defaults() -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "client_id": "control-plane",
        "tenantId": "connectsoft",
        "scope": "runtime.environments.read runtime.environments.write",
        "exp": int(NOON.timestamp()) + 3600,
        "nbf": int(NOON.timestamp()),
    }


def present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def encrypted(token: str, key: RSAKey | OctKey, alg: str, enc: str, **header: Any) -> str:
    registry = jwe.JWERegistry(algorithms=[alg, enc, "DEF"], strict_check_header=False)
    protected = {"alg": alg, "enc": enc, "typ": "at+jwt", "cty": "JWT", **header}
    return jwe.encrypt_compact(protected, token, key, registry=registry)


async def refusal(tokens: Tokens, token: str) -> str:
    """Why a token is not taken."""
    with pytest.raises(InvalidToken) as caught:
        await tokens.verify(token)
    assert caught.value.given
    return caught.value.reason
