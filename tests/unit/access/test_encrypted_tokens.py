"""A token of five segments is opened with our own key, and is then judged like any other; what opens nothing is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from shared.access.decryption import KEY_TYPES, Decryption
from shared.access.tokens import Tokens
from tests.unit.access.issuing import ISSUER, OCT, defaults, encrypted, refusal


@pytest.mark.parametrize("enc", ["A256GCM", "A256CBC-HS512"])
@pytest.mark.parametrize("alg", ["RSA-OAEP", "RSA-OAEP-256", "A256KW"])
async def test_encrypted_tokens_are_opened(
    tokens_with: Callable[..., Tokens], issuer: Any, other_rsa: RSAKey, alg: str, enc: str
) -> None:
    key = OCT if alg == "A256KW" else other_rsa
    tokens = tokens_with(decryption_key=json.dumps(key.as_dict(private=True)))
    sealed = encrypted(issuer.token(), key, alg, enc, iss=ISSUER, aud="api://runtime", kid="by certificate")
    assert (await tokens.verify(sealed)).tenant_id == "connectsoft"


async def test_the_decryption_key_may_be_a_set_or_pem(
    tokens_with: Callable[..., Tokens], issuer: Any, rsa: RSAKey, other_rsa: RSAKey
) -> None:
    sealed = encrypted(issuer.token(), other_rsa, "RSA-OAEP", "A256CBC-HS512")
    named = encrypted(issuer.token(), other_rsa, "RSA-OAEP", "A256CBC-HS512", kid="second")
    pem = other_rsa.as_pem(private=True).decode()
    several = {
        "keys": [{**rsa.as_dict(private=True), "kid": "first"}, {**other_rsa.as_dict(private=True), "kid": "second"}]
    }
    for key in (pem, pem.replace("\n", "\\n"), json.dumps(several)):
        tokens = tokens_with(decryption_key=key)
        await tokens.verify(sealed)
        await tokens.verify(named)


def test_the_key_that_a_token_names_is_the_one_that_is_tried(rsa: RSAKey, other_rsa: RSAKey) -> None:
    keys = {"keys": [{**rsa.as_dict(private=True), "kid": "a"}, {**other_rsa.as_dict(private=True), "kid": "b"}]}
    opened = Decryption(json.dumps(keys))
    header = {"alg": "RSA-OAEP", "enc": "A256GCM"}
    assert [key.get("kid") for key in opened._candidates({**header, "kid": "b"})] == ["b"]
    assert [key.get("kid") for key in opened._candidates({**header, "kid": "c"})] == ["a", "b"]


def test_a_key_that_is_for_one_algorithm_or_of_another_type_is_not_tried(rsa: RSAKey, other_rsa: RSAKey) -> None:
    bound = {**rsa.as_dict(private=True), "kid": "a", "alg": "RSA-OAEP-256"}
    keys = {"keys": [bound, {**other_rsa.as_dict(private=True), "kid": "b"}, {**OCT.as_dict(private=True), "kid": "c"}]}
    opened = Decryption(json.dumps(keys))
    fitting = {alg: [key.get("kid") for key in opened._candidates({"alg": alg})] for alg in KEY_TYPES}
    assert fitting == {"RSA-OAEP": ["b"], "RSA-OAEP-256": ["a", "b"], "A256KW": ["c"]}


def test_where_no_key_fits_that_is_said(rsa: RSAKey) -> None:
    opened = Decryption(json.dumps({**rsa.as_dict(private=True), "alg": "RSA-OAEP-256"}))
    with pytest.raises(ValueError, match=r"^no decryption key fits$"):
        opened.open(encrypted("a.b.c", rsa, "RSA-OAEP", "A256GCM"))


async def test_an_encrypted_token_without_a_key_is_refused_and_the_log_says_why(
    tokens: Tokens, issuer: Any, other_rsa: RSAKey, caplog: pytest.LogCaptureFixture
) -> None:
    sealed = encrypted(issuer.token(), other_rsa, "RSA-OAEP", "A256CBC-HS512")
    with caplog.at_level(logging.WARNING):
        assert await refusal(tokens, sealed) == "token encryption"
    assert "encrypted access token" in caplog.text
    assert sealed not in caplog.text


async def test_what_is_encrypted_wrongly_is_refused(
    tokens_with: Callable[..., Tokens], issuer: Any, rsa: RSAKey, other_rsa: RSAKey
) -> None:
    tokens = tokens_with(decryption_key=json.dumps(other_rsa.as_dict(private=True)))
    inner = issuer.token()
    oaep = ("RSA-OAEP", "A256CBC-HS512")
    refused = {
        "another key": encrypted(inner, rsa, *oaep),
        "another key type": encrypted(inner, OCT, "A256KW", "A256GCM"),
        "compressed": encrypted(inner, other_rsa, *oaep, zip="DEF"),
        "another content algorithm": encrypted(inner, other_rsa, "RSA-OAEP", "A128GCM"),
        "unsigned content": encrypted(json.dumps(defaults()), other_rsa, *oaep),
        "encrypted twice": encrypted(encrypted(inner, other_rsa, *oaep), other_rsa, *oaep),
        "badly signed": encrypted(issuer.token(key=other_rsa), other_rsa, *oaep),
        "another issuer outside": encrypted(inner, other_rsa, *oaep, iss="https://evil.example"),
        "another audience outside": encrypted(inner, other_rsa, *oaep, aud="api://other"),
        "critical": encrypted(inner, other_rsa, *oaep, crit=["cty"]),
        "no segments": "a.b.c.d.e",
        "empty": "....",
    }
    for what, token in refused.items():
        assert await refusal(tokens, token), what


@pytest.mark.parametrize(
    "key", ["nonsense", "{", "{}", '{"keys":[]}', '{"kty":"oct","k":"c2hvcnQ"}', '{"kty":"EC"}', "[1]"]
)
def test_a_decryption_key_that_opens_nothing_is_refused_at_start(tokens_with: Callable[..., Tokens], key: str) -> None:
    with pytest.raises(ValueError, match=r"^the token decryption key is no(t a)? private ") as caught:
        tokens_with(decryption_key=key)
    assert "c2hvcnQ" not in str(caught.value)


def test_a_public_key_is_no_decryption_key(tokens_with: Callable[..., Tokens], rsa: RSAKey) -> None:
    with pytest.raises(ValueError, match=r"^the token decryption key is not a private key$"):
        tokens_with(decryption_key=json.dumps(rsa.as_dict(private=False)))
