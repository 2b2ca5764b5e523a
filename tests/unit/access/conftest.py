"""One issuer, its keys and a verifier for each test; the key pairs, which are slow to make, for the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from shared.access.keys import SigningKeys
from shared.access.tokens import Tokens
from tests.unit.access.issuing import AUDIENCE, ISSUER, Hands, Issuer


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def other_rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def curve() -> ECKey:
    return ECKey.generate_key("P-256")


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def issuer(rsa: RSAKey, other_rsa: RSAKey, curve: ECKey) -> Issuer:
    return Issuer(rsa, other_rsa, curve)


@pytest.fixture
def keys(issuer: Issuer, hands: Hands) -> SigningKeys:
    return SigningKeys(ISSUER, issuer.fetch, hands.monotonic)


@pytest.fixture
def tokens_with(keys: SigningKeys, hands: Hands) -> Callable[..., Tokens]:
    def make(**options: Any) -> Tokens:
        given = {"issuer": ISSUER, "audience": AUDIENCE, "tenant_claim": "tenantId", "decryption_key": None}
        return Tokens(keys, clock=hands.now, **(given | options))

    return make


@pytest.fixture
def tokens(tokens_with: Callable[..., Tokens]) -> Tokens:
    return tokens_with()
