"""A token of our own is asked for once in its life, where the issuer says, and nothing else than a token passes for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from shared.access.client_credentials import ClientCredentials
from shared.kernel.errors import Transient

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
ISSUER = "https://issuer.example.com/"
ENDPOINT = "https://issuer.example.com/token"
GRANTED = {"access_token": "t-1", "token_type": "Bearer", "expires_in": 300}


class Issuer:
    def __init__(self) -> None:
        self.now = NOON
        self.discovery: Any = {"token_endpoint": ENDPOINT}
        self.status, self.answer = 200, json.dumps(GRANTED).encode()
        self.asked: list[str] = []
        self.posted: list[tuple[str, dict[str, list[str]], Mapping[str, str]]] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return json.dumps(self.discovery).encode()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.posted.append((url, parse_qs(body.decode(), strict_parsing=True), headers))
        return self.status, self.answer


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def credentials(issuer: Issuer) -> ClientCredentials:
    return ClientCredentials(ISSUER, "probe", "s3&cret=", issuer.fetch, issuer.post, lambda: issuer.now)


async def test_it_is_asked_for_where_the_issuer_says_with_what_the_client_knows(
    issuer: Issuer, credentials: ClientCredentials
) -> None:
    assert await credentials.token() == "t-1"
    assert issuer.asked == ["https://issuer.example.com/.well-known/openid-configuration"]
    [(url, form, headers)] = issuer.posted
    assert url == ENDPOINT
    assert form == {"grant_type": ["client_credentials"], "client_id": ["probe"], "client_secret": ["s3&cret="]}
    assert headers == {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


async def test_it_is_kept_until_a_minute_before_its_end(issuer: Issuer, credentials: ClientCredentials) -> None:
    await credentials.token()
    issuer.now = NOON + timedelta(seconds=240) - timedelta(microseconds=1)
    issuer.answer = json.dumps(GRANTED | {"access_token": "t-2"}).encode()
    assert await credentials.token() == "t-1"
    issuer.now = NOON + timedelta(seconds=240)
    assert await credentials.token() == "t-2"
    assert len(issuer.posted) == 2


async def test_a_token_that_does_not_say_how_long_is_used_once(issuer: Issuer, credentials: ClientCredentials) -> None:
    issuer.answer = b'{"access_token": "t-1"}'
    assert [await credentials.token(), await credentials.token()] == ["t-1", "t-1"]
    assert len(issuer.posted) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"access_token": ""}',
        b'{"access_token": 7}',
        b'{"access_token": "a", "access_token": "b"}',
        b'{"access_token": "a", "expires_in": "soon"}',
        b'{"access_token": "a", "expires_in": NaN}',
        b'{"access_token": "a", "expires_in": true}',
        b'{"access_token": "a", "expires_in": 1e300}',
        b'{"access_token": "a", "expires_in": 99999999999999}',
    ],
)
async def test_what_is_no_token_is_no_answer(issuer: Issuer, credentials: ClientCredentials, answer: bytes) -> None:
    issuer.answer = answer
    with pytest.raises(Transient) as raised:
        await credentials.token()
    assert raised.value.dependency == "issuer"


async def test_a_refusal_is_no_answer_whatever_it_holds(issuer: Issuer, credentials: ClientCredentials) -> None:
    issuer.status = 401
    with pytest.raises(Transient) as raised:
        await credentials.token()
    assert raised.value.dependency == "issuer"


@pytest.mark.parametrize(
    "discovery", [{}, [], {"token_endpoint": "http://issuer.example.com/token"}, {"token_endpoint": 7}]
)
async def test_a_secret_goes_nowhere_but_to_an_endpoint_nobody_overhears(
    issuer: Issuer, credentials: ClientCredentials, discovery: Any
) -> None:
    issuer.discovery = discovery
    with pytest.raises(Transient) as raised:
        await credentials.token()
    assert (raised.value.dependency, issuer.posted) == ("issuer", [])


def test_neither_secret_nor_token_is_in_what_a_log_shows(credentials: ClientCredentials) -> None:
    assert "s3&cret=" not in repr(credentials)
