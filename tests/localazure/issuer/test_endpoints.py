"""Discovery, keys and the token endpoint, as a client of an OpenID Connect provider meets them."""

import jwt
import pytest
from httpx import ASGITransport, AsyncClient

from localazure.issuer import application, error

FORM = {"grant_type": "client_credentials", "client_id": "runtime-client", "client_secret": "s3cret"}


@pytest.fixture
async def client(issuer):
    async with AsyncClient(transport=ASGITransport(application(issuer)), base_url=issuer.url) as client:
        yield client


async def test_discovery_leads_to_the_keys_that_verify_a_granted_token(client, issuer):
    metadata = (await client.get("/.well-known/openid-configuration")).json()
    assert metadata["issuer"] == issuer.url
    keys = jwt.PyJWKSet.from_dict((await client.get(metadata["jwks_uri"])).json())
    answer = await client.post(metadata["token_endpoint"], data={**FORM, "scope": "runtime.drift.read"})
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()["access_token"]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, audience=issuer.audience, issuer=issuer.url)
    assert (claims["scope"], claims["client_id"]) == ("runtime.drift.read", "runtime-client")


async def test_basic_credentials_work(client):
    form = {"grant_type": "client_credentials"}
    answer = await client.post("/connect/token", data=form, auth=("runtime-client", "s3cret"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "runtime.drift.read everything"}, 400, "invalid_scope"),
    ],
)
async def test_what_is_not_granted_says_why(client, changes, status, code):
    answer = await client.post("/connect/token", data={**FORM, **changes})
    assert (answer.status_code, answer.json()["error"]) == (status, code)


async def test_a_json_body_and_a_repeated_parameter_are_refused(client):
    assert (await client.post("/connect/token", json=FORM)).json()["error"] == "invalid_request"
    repeated = "grant_type=client_credentials&client_id=a&client_id=b"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/connect/token", content=repeated, headers=kind)).json()["error"] == "invalid_request"


async def test_what_is_not_emulated_answers_501(client):
    assert (await client.get("/connect/introspect")).status_code == 501


def test_the_error_shape_is_oauths():
    headers, body = error(500)
    assert headers["Content-Type"] == "application/json"
    assert b'"error": "server_error"' in body
