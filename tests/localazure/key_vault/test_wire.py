"""What the client library never sends, or hides."""

from __future__ import annotations

import json

import httpx
import pytest

from localazure.key_vault import application, error


@pytest.fixture
async def wire(vaults):
    transport = httpx.ASGITransport(application(vaults), raise_app_exceptions=False)
    headers = {"Authorization": "Bearer x"}
    async with httpx.AsyncClient(
        transport=transport, base_url="https://booking-kv.vault.azure.net", headers=headers
    ) as client:
        yield client


async def test_without_a_token_the_answer_is_the_challenge(wire):
    for authorization in ("", "Bearer ", "Basic eA=="):
        answer = await wire.get("/secrets/a?api-version=7.4", headers={"Authorization": authorization})
        assert answer.status_code == 401
        assert 'resource="https://vault.azure.net"' in answer.headers["WWW-Authenticate"]
        assert answer.json()["error"]["code"] == "Unauthorized"


@pytest.mark.parametrize("version", ["7.0", "7.6", "2026-04-01", "2999-01-01"])
async def test_any_api_version_is_taken(wire, version):
    answer = await wire.put("/secrets/a", params={"api-version": version}, json={"value": "v"})
    assert answer.status_code == 200


async def test_an_api_version_there_must_be(wire):
    answer = await wire.get("/secrets/a")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"{}", b'{"value": 1}', b'{"value": "v", "attributes": 1}', b'{"value": "v", "tags": []}',
     b'{"value": "v", "attributes": {"exp": "soon"}}', b'{"value": "v", "attributes": {"enabled": "yes"}}', 
     b'{"value": "v", "contentType": 1}'],
)  # fmt: skip
async def test_a_malformed_body_is_a_bad_parameter(wire, content):
    answer = await wire.put("/secrets/a?api-version=7.4", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert (await wire.get("/secrets/a?api-version=7.4")).status_code == 404


async def test_a_body_without_end_is_cut_off(wire):
    answer = await wire.put("/secrets/a?api-version=7.4", content=b'"' + b"x" * 300_000)
    assert answer.status_code == 413


@pytest.mark.parametrize("query", ["maxresults=0", "maxresults=26", "maxresults=x", "$skiptoken=-1"])
async def test_page_sizes_have_limits(wire, query):
    assert (await wire.get(f"/secrets?api-version=7.4&{query}")).status_code == 400


async def test_other_hosts_keys_and_methods_have_their_errors(wire):
    other = await wire.get("/secrets/a?api-version=7.4", headers={"Host": "nowhere.vault.azure.net"})
    assert (other.status_code, other.json()["error"]["code"]) == (404, "VaultNotFound")
    assert (await wire.get("/keys/a?api-version=7.4")).status_code == 501
    assert (await wire.post("/secrets/a?api-version=7.4")).status_code == 501
    assert (await wire.request("OPTIONS", "/secrets/a?api-version=7.4")).json()["error"]["code"] == "MethodNotAllowed"
    headers, body = error(500)
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body)["error"]["code"] == "InternalServerError"
