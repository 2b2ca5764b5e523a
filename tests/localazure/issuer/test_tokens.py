"""Tokens judged by an independent JOSE library's verifier, as the app's own checks are built on."""

import base64
import json
import stat
import time

import jwt
import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey

from localazure.issuer import ALL_SCOPES, Client, Keyring, TokenRequest
from localazure.issuer.tokens import grant


def verify(issuer, token, key=None, algorithms=("RS256",)):
    public = (key or issuer.keyring.current).as_pem(private=False)
    return jwt.decode(token, public, algorithms=list(algorithms), audience=issuer.audience, issuer=issuer.url)


def header(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))


def test_a_default_token_is_an_access_token_for_the_seed_tenant_with_every_public_scope(issuer):
    token = issuer.issue(TokenRequest())
    claims = verify(issuer, token)
    assert set(claims) == {"iss", "aud", "sub", "client_id", "tenantId", "scope", "iat", "nbf", "exp", "jti"}
    assert claims["tenantId"] == "connectsoft"
    assert claims["scope"].split() == list(ALL_SCOPES)
    assert header(token) == {"alg": "RS256", "typ": "at+jwt", "kid": issuer.keyring.current.kid}


def test_claims_are_merged_and_null_removes_one(issuer):
    claims = verify(issuer, issuer.issue(TokenRequest(claims={"scope": ["a", "b"], "jti": None, "extra": 1})))
    assert (claims["scope"], claims["extra"]) == (["a", "b"], 1)
    assert "jti" not in claims


def test_headers_are_merged_and_null_removes_one(issuer):
    assert header(issuer.issue(TokenRequest(header={"typ": "JWT", "kid": None}))) == {"alg": "RS256", "typ": "JWT"}


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS384"])
def test_an_rsa_algorithm_signs_by_its_own_rules(issuer, algorithm):
    verify(issuer, issuer.issue(TokenRequest(header={"alg": algorithm})), algorithms=[algorithm])


def test_none_has_no_signature(issuer):
    assert issuer.issue(TokenRequest(header={"alg": "none"})).endswith(".")


def test_hs256_is_signed_with_the_public_key_as_a_secret(issuer):
    token = issuer.issue(TokenRequest(header={"alg": "HS256"}))
    content, _, signature = token.rpartition(".")
    expected = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    given = base64.urlsafe_b64decode(signature + "==")
    assert expected.verify(content.encode(), issuer.keyring.current.as_pem(private=False), given)


def test_a_foreign_key_signs_under_the_published_name_and_does_not_verify(issuer):
    token = issuer.issue(TokenRequest(key="foreign"))
    assert header(token)["kid"] == issuer.keyring.current.kid
    with pytest.raises(jwt.InvalidSignatureError):
        verify(issuer, token)


def test_an_encrypted_token_opens_with_the_setting_and_holds_a_signed_one(issuer):
    token = issuer.issue(TokenRequest(encrypt=True, claims={"tenantId": "acme"}))
    key = RSAKey.import_key(json.loads(issuer.keyring.decryption_setting()))
    opened = jwe.decrypt_compact(token, key, algorithms=["RSA-OAEP", "A256CBC-HS512"])
    assert token.count(".") == 4
    assert opened.headers()["cty"] == "JWT"
    assert verify(issuer, opened.plaintext.decode())["tenantId"] == "acme"


def test_the_encryption_can_be_chosen(issuer):
    wanted = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "typ": "JWT"}
    token = issuer.issue(TokenRequest(encrypt=True, header=wanted))
    assert {name: header(token)[name] for name in ("alg", "enc")} == {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    opened = jwe.decrypt_compact(token, issuer.keyring.decryption, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert header(opened.plaintext.decode())["typ"] == "JWT"


def test_a_negative_lifetime_makes_a_token_that_has_ended(issuer):
    claims = grant("connectsoft", "a", "s", "c", ttl=-120)
    assert claims["exp"] <= time.time() - 119
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(issuer, issuer.issue(TokenRequest(claims=claims)))


def test_rotation_keeps_the_key_before_and_forgets_older_ones(issuer):
    first = issuer.keyring.current.kid
    second = issuer.keyring.rotate().kid
    assert [key["kid"] for key in issuer.keyring.published()["keys"]] == [second, first]
    third = issuer.keyring.rotate().kid
    assert [key["kid"] for key in issuer.keyring.published()["keys"]] == [third, second]


def test_no_private_half_is_ever_published(issuer):
    for key in issuer.keyring.published()["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)


def test_the_file_is_private_and_read_back_alike(tmp_path):
    path = tmp_path / "issuer.json"
    made = Keyring.open(path, {"c": Client("s", "t", ("a",))})
    again = Keyring.open(path, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert again.published() == made.published()
    assert again.clients == made.clients
    assert again.decryption_setting() == made.decryption_setting()
