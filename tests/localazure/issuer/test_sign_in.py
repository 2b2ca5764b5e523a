"""A browser signs in: code and PKCE, the picker, refresh tokens, and everything that must be refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from httpx import ASGITransport, AsyncClient, Response

from localazure.issuer import ALL_SCOPES, PAGE_CLIENT, Issuer, application
from localazure.issuer.grants import CODE_SECONDS, Grants, challenge_of
from localazure.issuer.people import is_page

REDIRECT = "http://127.0.0.1:7071/ui/signin"
VERIFIER = "v" * 43
READ, WRITE = "runtime.environments.read", "runtime.environments.write"
ASKED = {
    "client_id": PAGE_CLIENT,
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": f"openid profile {READ} {WRITE}",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(issuer: Issuer, clock: Clock) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(application(issuer, Grants(clock)))
    async with AsyncClient(transport=transport, base_url=issuer.url) as client:
        yield client


async def chosen(client: AsyncClient, person: str = "operator", **changes: str) -> dict[str, str]:
    """What comes back to the page when a person chooses themselves in the picker."""
    answer = await client.post("/connect/authorize", params={**ASKED, **changes}, data={"person": person})
    return back(answer)


def back(answer: Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(REDIRECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def redeemed(client: AsyncClient, code: str, **changes: str) -> Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": PAGE_CLIENT,
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    return await client.post("/connect/token", data=form)


async def refreshed(client: AsyncClient, token: str, **more: str) -> Response:
    form = {"grant_type": "refresh_token", "client_id": PAGE_CLIENT, "refresh_token": token, **more}
    return await client.post("/connect/token", data=form)


def claims(issuer: Issuer, token: str, audience: str) -> dict[str, Any]:
    key = issuer.keyring.current.as_pem(private=False)
    return dict(jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer.url))


async def test_a_person_who_is_chosen_gets_tokens_in_their_name(client: AsyncClient, issuer: Issuer) -> None:
    said = await chosen(client)
    assert (said["state"], said["iss"]) == ("s1", issuer.url)
    answer = (await redeemed(client, said["code"])).json()
    access = claims(issuer, answer["access_token"], issuer.audience)
    assert (access["sub"], access["tenantId"], access["client_id"]) == ("operator", "connectsoft", PAGE_CLIENT)
    assert answer["scope"].split() == ["openid", "profile", READ, WRITE]
    identity = claims(issuer, answer["id_token"], PAGE_CLIENT)
    assert (identity["nonce"], identity["name"]) == ("n1", "Otto Operator")
    assert jwt.get_unverified_header(answer["id_token"])["typ"] == "JWT"
    with pytest.raises(jwt.InvalidAudienceError):
        claims(issuer, answer["id_token"], issuer.audience)


@pytest.mark.parametrize(
    ("person", "tenant", "scopes"),
    [
        ("viewer", "connectsoft", {READ}),
        ("operator", "connectsoft", {READ, WRITE}),
        ("outsider", "northwind", {READ, WRITE}),
    ],
)
async def test_nobody_gets_more_than_they_have(
    client: AsyncClient, issuer: Issuer, person: str, tenant: str, scopes: set[str]
) -> None:
    answer = (await redeemed(client, (await chosen(client, person))["code"])).json()
    access = claims(issuer, answer["access_token"], issuer.audience)
    assert (access["tenantId"], set(access["scope"].split()) & set(ALL_SCOPES)) == (tenant, scopes)


async def test_the_picker_shows_everybody_and_no_script(client: AsyncClient) -> None:
    answer = await client.get("/connect/authorize", params=ASKED)
    assert answer.status_code == 200
    assert all(f'value="{key}"' in answer.text for key in ("viewer", "operator", "outsider"))
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_picker_gives_back_nothing_as_markup(client: AsyncClient) -> None:
    answer = await client.get("/connect/authorize", params={**ASKED, "state": '"><script>x</script>'})
    assert "<script" not in answer.text


async def test_who_is_signed_in_is_not_asked_again_unless_the_page_wants_it(client: AsyncClient) -> None:
    assert back(await client.get("/connect/authorize", params={**ASKED, "prompt": "none"}))["error"] == "login_required"
    await chosen(client)
    assert "code" in back(await client.get("/connect/authorize", params={**ASKED, "prompt": "none"}))
    assert "code" in back(await client.get("/connect/authorize", params=ASKED))
    assert (await client.get("/connect/authorize", params={**ASKED, "prompt": "login"})).status_code == 200


async def test_a_sign_out_ends_the_session_and_its_refresh_tokens(client: AsyncClient) -> None:
    token = (await redeemed(client, (await chosen(client))["code"])).json()["refresh_token"]
    to = "http://127.0.0.1:7071/ui/"
    answer = await client.get("/connect/logout", params={"post_logout_redirect_uri": to})
    assert (answer.status_code, answer.headers["location"]) == (303, to)
    assert back(await client.get("/connect/authorize", params={**ASKED, "prompt": "none"}))["error"] == "login_required"
    assert (await refreshed(client, token)).json()["error"] == "invalid_grant"


async def test_a_sign_out_leads_nowhere_else(client: AsyncClient) -> None:
    answer = await client.get("/connect/logout", params={"post_logout_redirect_uri": "https://evil.example/ui/"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "change", [{"client_id": "somebody"}, {"redirect_uri": "https://evil.example/ui/signin"}, {"redirect_uri": ""}]
)
async def test_what_cannot_be_answered_safely_is_said_on_a_page(client: AsyncClient, change: dict[str, str]) -> None:
    answer = await client.get("/connect/authorize", params={**ASKED, **change})
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": " "}, "invalid_scope"),
    ],
)
async def test_any_other_fault_goes_back_to_the_page(client: AsyncClient, change: dict[str, str], error: str) -> None:
    assert back(await client.get("/connect/authorize", params={**ASKED, **change}))["error"] == error


@pytest.mark.parametrize(
    "change", [{"code_verifier": "w" * 43}, {"redirect_uri": "http://localhost:7071/ui/signin"}, {"code": "another"}]
)
async def test_a_code_is_for_whoever_asked_for_it(client: AsyncClient, change: dict[str, str]) -> None:
    code = (await chosen(client))["code"]
    answer = await redeemed(client, **{"code": code, **change})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_works_once_and_for_a_minute(client: AsyncClient, clock: Clock) -> None:
    code = (await chosen(client))["code"]
    assert (await redeemed(client, code)).status_code == 200
    assert (await redeemed(client, code)).json()["error"] == "invalid_grant"
    code = (await chosen(client))["code"]
    clock.now += CODE_SECONDS + 1
    assert (await redeemed(client, code)).json()["error"] == "invalid_grant"


async def test_a_refresh_token_is_replaced_and_one_that_comes_twice_ends_them_all(client: AsyncClient) -> None:
    first = (await redeemed(client, (await chosen(client))["code"])).json()["refresh_token"]
    second = (await refreshed(client, first)).json()["refresh_token"]
    assert second != first
    assert (await refreshed(client, first)).json()["error"] == "invalid_grant"
    assert (await refreshed(client, second)).json()["error"] == "invalid_grant"


async def test_a_refresh_may_ask_for_less_and_never_for_more(client: AsyncClient) -> None:
    said = await chosen(client, scope=f"openid {READ}")
    token = (await redeemed(client, said["code"])).json()["refresh_token"]
    less = (await refreshed(client, token, scope="openid")).json()
    assert less["scope"] == "openid"
    more = await refreshed(client, less["refresh_token"], scope=f"{READ} {WRITE}")
    assert more.json()["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://127.0.0.1:7071", True), ("http://localhost:1", True), ("https://evil.example", False), ("null", False)],
)
async def test_pages_of_this_machine_may_read_the_answers(client: AsyncClient, origin: str, allowed: bool) -> None:
    for path in ("/.well-known/openid-configuration", "/.well-known/jwks"):
        answer = await client.get(path, headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


async def test_what_discovery_promises_is_there(client: AsyncClient, issuer: Issuer) -> None:
    metadata = (await client.get("/.well-known/openid-configuration")).json()
    for endpoint in ("authorization_endpoint", "end_session_endpoint", "token_endpoint"):
        path = metadata[endpoint].removeprefix(issuer.url)
        assert (await client.get(path)).status_code not in (404, 501), endpoint
    assert metadata["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("http://127.0.0.1:7071/ui/signin", True),
        ("http://[::1]:7071/ui/", True),
        ("http://127.0.0.1.evil.example/ui/signin", False),
        ("http://user@127.0.0.1/ui/signin", False),
        ("http://127.0.0.1/elsewhere", False),
        ("http://127.0.0.1:port/ui/signin", False),
        ("javascript:alert(1)", False),
    ],
)
def test_which_addresses_are_the_pages(address: str, good: bool) -> None:
    assert is_page(address) is good
