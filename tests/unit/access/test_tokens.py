"""A token is exactly right or it is `InvalidToken`."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from shared.access.tokens import MAX_TOKEN_BYTES, REMEMBERED, Tokens
from shared.kernel.errors import InvalidToken, Transient
from tests.unit.access.issuing import ISSUER, NOON, OCT, defaults, encrypted, refusal

EPOCH = int(NOON.timestamp())


def segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_right_token_says_who_may_do_what_for_whom(tokens: Tokens, issuer: Any) -> None:
    claims = await tokens.verify(issuer.token())
    assert (claims.tenant_id, claims.subject, claims.client_id) == ("connectsoft", "ada", "control-plane")
    assert claims.scopes == {"runtime.environments.read", "runtime.environments.write"}
    assert claims.expires_at == EPOCH + 3600


async def test_each_allowed_algorithm_verifies(tokens: Tokens, issuer: Any, curve: ECKey) -> None:
    await tokens.verify(issuer.token({"alg": "PS256"}))
    await tokens.verify(issuer.token({"alg": "ES256", "kid": "ec-1"}, curve))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
async def test_both_names_of_the_type_in_any_case(tokens: Tokens, issuer: Any, typ: str) -> None:
    await tokens.verify(issuer.token({"typ": typ}))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"typ": "JWT"}, "typ"),
        ({"typ": None}, "typ"),
        ({"typ": "oi_reft+jwt"}, "typ"),
        ({"alg": "RS384"}, "alg"),
        ({"alg": "RS512"}, "alg"),
        ({"kid": "unknown"}, "key"),
        ({"kid": None}, "key"),
        ({"kid": "ec-1"}, "key"),
    ],
)
async def test_a_header_that_is_not_ours_is_refused(
    tokens: Tokens, issuer: Any, header: dict[str, Any], reason: str
) -> None:
    assert await refusal(tokens, issuer.token(header)) == reason


async def test_critical_extensions_are_refused(tokens: Tokens, issuer: Any) -> None:
    assert await refusal(tokens, issuer.token({"crit": ["b64"], "b64": True})) == "header"


async def test_unknown_header_parameters_and_key_urls_are_ignored(tokens: Tokens, issuer: Any) -> None:
    await tokens.verify(issuer.token({"jku": "https://evil.example/jwks", "x": "y"}))
    assert not any("evil" in url for url in issuer.asked)


async def test_the_public_key_is_no_hmac_secret_and_none_is_no_algorithm(tokens: Tokens, issuer: Any, rsa: RSAKey) -> None:
    payload = issuer.token().split(".")[1]
    none, hmac_ = (segment(json.dumps({"alg": alg, "kid": "rsa-1", "typ": "at+jwt"}).encode()) for alg in ("none", "HS256"))
    assert await refusal(tokens, f"{none}.{payload}.") == "alg"
    signing_input = f"{hmac_}.{payload}"
    mac = hmac.digest(rsa.as_pem(private=False), signing_input.encode(), "sha256")
    assert await refusal(tokens, f"{signing_input}.{segment(mac)}") == "alg"


async def test_a_key_published_for_one_algorithm_verifies_no_other(tokens: Tokens, issuer: Any, rsa: RSAKey) -> None:
    issuer.published = [issuer.public(rsa, "rsa-1", alg="PS256")]
    assert await refusal(tokens, issuer.token({"alg": "RS256"})) == "key"
    await tokens.verify(issuer.token({"alg": "PS256"}))


async def test_a_foreign_signature_is_refused(tokens: Tokens, issuer: Any, other_rsa: RSAKey) -> None:
    assert await refusal(tokens, issuer.token(key=other_rsa)) == "signature"
    right = issuer.token()
    assert await refusal(tokens, right[:-4] + ("AAAA" if right[-4:] != "AAAA" else "BBBB")) == "signature"
    head, _, signature = right.split(".")
    _, payload, _ = issuer.token(tenantId="other").split(".")
    assert await refusal(tokens, f"{head}.{payload}.{signature}") == "signature"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://login.example.com/realm"}, "iss"),
        ({"iss": "https://login.example.com//"}, "iss"),
        ({"iss": "http://login.example.com/"}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"iss": {}}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "api://other"}, "aud"),
        ({"aud": "api://runtime2"}, "aud"),
        ({"aud": ["api://other", 7, {}]}, "aud"),
        ({"aud": {"api://runtime": 1}}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": EPOCH - 60}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "9999999999"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"nbf": EPOCH + 61}, "nbf"),
        ({"nbf": "soon"}, "nbf"),
        ({"scope": 7}, "scope"),
        ({"scope": ["runtime.environments.read", 7]}, "scope"),
        ({"scope": {"runtime.environments.read": True}}, "scope"),
        ({"sub": 7}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": None, "client_id": None}, "sub"),
        ({"client_id": []}, "client_id"),
        ({"tenantId": None}, "tenantId"),
        ({"tenantId": ""}, "tenantId"),
        ({"tenantId": 42}, "tenantId"),
        ({"tenantId": ["connectsoft"]}, "tenantId"),
        ({"tenantId": "x" * 129}, "tenantId"),
        ({"tenantId": "connect\nsoft"}, "tenantId"),
        ({"tenantId": "connectsoft\u0000"}, "tenantId"),
        ({"tenantId": "\u202econnectsoft"}, "tenantId"),
    ],
)
async def test_a_claim_that_is_missing_or_wrong_is_refused(
    tokens: Tokens, issuer: Any, claims: dict[str, Any], reason: str
) -> None:
    assert await refusal(tokens, issuer.token(**claims)) == reason


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": ISSUER.removesuffix("/")},
        {"aud": ["api://other", "api://runtime"]},
        {"exp": EPOCH - 59},
        {"exp": EPOCH + 0.5},
        {"nbf": EPOCH + 60},
        {"nbf": None},
        {"tenantId": "x" * 128},
        {"tenantId": "tenant | 50% — Ünïcode 😀"},
        {"iat": "ignored", "oi_prst": "x"},
    ],
)
async def test_what_the_rules_allow_is_accepted(tokens: Tokens, issuer: Any, claims: dict[str, Any]) -> None:
    await tokens.verify(issuer.token(**claims))


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("a b", {"a", "b"}),
        (["a", "b"], {"a", "b"}),
        (["a b"], {"a b"}),
        ("a\tb  c", {"a\tb", "c"}),
        ("", set()),
        (None, set()),
    ],
)
async def test_scopes_come_as_text_or_array_and_stay_as_they_are(
    tokens: Tokens, issuer: Any, scope: Any, scopes: set[str]
) -> None:
    assert (await tokens.verify(issuer.token(scope=scope))).scopes == scopes


async def test_who_is_missing_is_taken_from_the_other(tokens: Tokens, issuer: Any) -> None:
    assert (await tokens.verify(issuer.token(sub=None))).subject == "control-plane"
    assert (await tokens.verify(issuer.token(client_id=None))).client_id == "ada"


async def test_the_tenant_claims_name_is_a_setting(tokens_with: Callable[..., Tokens], issuer: Any) -> None:
    claims = await tokens_with(tenant_claim="tid").verify(issuer.token(tid="other"))
    assert claims.tenant_id == "other"


@pytest.mark.parametrize(
    "payload", ['{"exp":1,"exp":2}', "[]", '"text"', "nonsense", '{"exp":NaN}', "[" * 3000, '"\\ud800"', b"\xff\xfe"]
)
async def test_a_signed_payload_that_is_no_unambiguous_object_is_refused(
    tokens: Tokens, issuer: Any, rsa: RSAKey, payload: str | bytes
) -> None:
    signed = issuer.signed({"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt"}, payload, rsa)
    assert await refusal(tokens, signed) in {"signature", "payload"}


async def test_size_is_checked_before_anything_else(tokens: Tokens, issuer: Any) -> None:
    assert await refusal(tokens, issuer.token(padding="x" * MAX_TOKEN_BYTES)) == "size"
    assert await refusal(tokens, "é" * 10) == "size"
    assert issuer.asked == []


async def test_without_keys_the_token_is_not_called_invalid(tokens: Tokens, issuer: Any) -> None:
    issuer.down = True
    with pytest.raises(Transient):
        await tokens.verify(issuer.token())


async def test_a_verified_token_is_remembered_for_a_minute_and_never_past_its_end(
    tokens: Tokens, issuer: Any, hands: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting, ending = issuer.token(), issuer.token(exp=EPOCH + 10)
    await tokens.verify(lasting)
    await tokens.verify(ending)
    looked: list[str | None] = []
    named = tokens._keys.named

    async def noting(kid: str | None) -> Any:
        looked.append(kid)
        return await named(kid)

    monkeypatch.setattr(tokens._keys, "named", noting)
    await tokens.verify(lasting)
    assert looked == []
    hands.passed = 10
    await tokens.verify(ending)
    assert len(looked) == 1, "past its end it is judged anew, within the leeway"
    hands.passed = 60
    await tokens.verify(lasting)
    assert len(looked) == 2
    hands.passed = 71
    assert await refusal(tokens, ending) == "exp"


async def test_what_is_remembered_is_bounded(tokens: Tokens) -> None:
    from shared.access.claims import Claims

    claims = Claims("t", "s", "c", frozenset(), EPOCH + 3600)
    for number in range(REMEMBERED + 10):
        tokens._remember(number.to_bytes(4), claims, float(EPOCH))
    assert len(tokens._remembered) == REMEMBERED


FUZZ = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SEGMENT = st.text("ABCDabcd0189-_=+/", max_size=40)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@FUZZ
@given(st.text(max_size=200) | st.lists(SEGMENT, min_size=1, max_size=7).map(".".join))
async def test_no_text_is_ever_more_than_an_invalid_token(tokens: Tokens, text: str) -> None:
    with pytest.raises(InvalidToken):
        await tokens.verify(text)


@FUZZ
@given(name=st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "enc", "zip"]), value=ANYTHING)
async def test_no_header_is_ever_more_than_an_invalid_token(
    tokens_with: Callable[..., Tokens], issuer: Any, name: str, value: Any
) -> None:
    tokens = tokens_with(decryption_key=json.dumps(OCT.as_dict(private=True)))
    for right, alg in ((issuer.token(), "RS256"), (encrypted(issuer.token(), OCT, "A256KW", "A256GCM"), "A256KW")):
        head = {"alg": alg, "enc": "A256GCM", "kid": "rsa-1", "typ": "at+jwt", name: value}
        token = ".".join([segment(json.dumps(head).encode()), *right.split(".")[1:]])
        with pytest.raises(InvalidToken):
            await tokens.verify(token)


@FUZZ
@given(name=st.sampled_from([*defaults(), "iat"]), value=ANYTHING)
async def test_no_claim_is_ever_more_than_an_invalid_token(tokens: Tokens, issuer: Any, name: str, value: Any) -> None:
    try:
        claims = await tokens.verify(issuer.token(**{name: value}))
    except InvalidToken:
        return
    assert claims.tenant_id
    assert claims.subject
