"""The managed identity endpoint as azure-identity sees it, and what its tokens open."""

from __future__ import annotations

import base64
import json
import stat
import time

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError
from azure.identity.aio import ManagedIdentityCredential

from localazure.identity import Tokens, application, error
from tests.support.serving import serving

HEADER = "only-for-children"


@pytest.fixture
def tokens(tmp_path):
    return Tokens.kept(tmp_path / "identity.key")


@pytest.fixture
async def endpoint(tokens):
    async with serving(application(tokens, HEADER)) as port:
        yield f"http://127.0.0.1:{port}/msi/token"


@pytest.fixture
def environment(endpoint, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.mark.usefixtures("environment")
async def test_the_real_credential_gets_a_token_for_the_resource_it_asked_for(tokens):
    async with ManagedIdentityCredential() as credential:
        token = await credential.get_token("https://vault.azure.net/.default")
    assert 3600 < token.expires_on - time.time() <= 24 * 3600
    assert tokens.check(f"Bearer {token.token}", "https://vault.azure.net")
    assert tokens.check(f"bearer {token.token}", "https://vault.azure.net/")
    assert not tokens.check(f"Bearer {token.token}", "https://management.azure.com")


@pytest.mark.usefixtures("environment")
async def test_a_user_assigned_identity_is_named_in_its_token():
    async with ManagedIdentityCredential(client_id="cafe") as credential:
        token = await credential.get_token("https://management.azure.com/.default")
    claims = token.token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (claims["appid"], claims["aud"]) == ("cafe", "https://management.azure.com")


@pytest.mark.usefixtures("environment")
async def test_whoever_does_not_know_the_header_gets_nothing(monkeypatch):
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    async with ManagedIdentityCredential() as credential:
        with pytest.raises((ClientAuthenticationError, CredentialUnavailableError)):
            await credential.get_token("https://vault.azure.net/.default")


async def test_a_request_that_misses_something_says_what(endpoint):
    async with httpx.AsyncClient(trust_env=False, headers={"X-IDENTITY-HEADER": HEADER}) as client:
        good = {"api-version": "2019-08-01", "resource": "r"}
        for name, status in (("api-version", 400), ("resource", 400)):
            answer = await client.get(endpoint, params={key: value for key, value in good.items() if key != name})
            assert answer.status_code == status
            assert name in answer.json()["message"]
        assert (await client.get(endpoint, params=good)).json()["token_type"] == "Bearer"
        assert (await client.post(endpoint)).status_code == 501
        assert (await client.get(endpoint + "/other")).status_code == 501
    headers, body = error(500)
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["statusCode"] == 500


def test_a_token_of_another_platform_an_old_one_and_a_changed_one_open_nothing(tokens, tmp_path):
    foreign = Tokens.kept(tmp_path / "other.key").issue("r", "c").text
    mine = tokens.issue("r", "c").text
    head, claims, signature = mine.split(".")
    other_claims = Tokens(b"x").issue("other", "c").text.split(".")[1]
    later = Tokens((tmp_path / "identity.key").read_bytes(), clock=lambda: time.time() + 25 * 3600)
    assert tokens.accepts(mine, "r")
    assert not tokens.accepts(foreign, "r")
    assert not tokens.accepts(f"{head}.{other_claims}.{signature}", "other")
    assert not later.accepts(mine, "r")
    for text in ("", ".", "..", "a.b.c", f"{head}.{claims}.", f"{head}.{claims}.é"):
        assert not tokens.check(f"Bearer {text}", "r")
    assert not tokens.check(mine, "r")
    assert not tokens.check(f"Basic {mine}", "r")


def test_the_secret_is_kept_for_the_next_start_and_for_nobody_else(tokens, tmp_path):
    again = Tokens.kept(tmp_path / "identity.key")
    assert again.accepts(tokens.issue("r", "c").text, "r")
    assert stat.S_IMODE((tmp_path / "identity.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["identity.key"]
