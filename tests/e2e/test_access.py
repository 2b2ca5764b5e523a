"""Who gets in: tokens, scopes, tenants."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Shop
from tests.e2e.driving import EVERY_SCOPE, Platform, Tenant, component
from tests.e2e.routing import BODIES, Route, mutating, parametrised, reading
from tests.e2e.test_http import problem

LISTS = "/v1/runtime/environments"


def ask(platform: Platform, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return platform.api.get(LISTS, headers=headers)


def refused(answer: httpx.Response) -> None:
    problem(answer, 401, "InvalidToken")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="')
    assert 'error="invalid_token"' in challenge


def test_no_token_is_401_without_an_error_attribute(platform: Platform) -> None:
    answer = ask(platform, None)
    problem(answer, 401, "InvalidToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "error" not in answer.headers["WWW-Authenticate"]


def test_an_ordinary_token_gets_in(platform: Platform) -> None:
    assert ask(platform, f"Bearer {platform.control.issue()}").status_code == 200


def test_the_scheme_is_read_in_any_spelling(platform: Platform) -> None:
    assert ask(platform, f"bearer {platform.control.issue()}").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 4102444800},
        {"iss": "https://login.example"},
        {"iss": None},
        {"aud": "api://another"},
        {"aud": ["api://another", "api://third"]},
        {"aud": None},
        {"tenantId": None},
        {"tenantId": ""},
        {"tenantId": 7},
        {"tenantId": ["connectsoft"]},
        {"tenantId": "x" * 129},
        {"tenantId": "line\nbreak"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(platform: Platform, claims: dict[str, Any]) -> None:
    refused(ask(platform, f"Bearer {platform.control.issue(claims=claims)}"))


def test_a_token_that_ended_within_the_leeway_still_gets_in(platform: Platform) -> None:
    recent = platform.control.issue(claims={"exp": int(time.time()) - 20})
    assert ask(platform, f"Bearer {recent}").status_code == 200
    refused(ask(platform, f"Bearer {platform.control.issue(claims={'exp': int(time.time()) - 90})}"))


@pytest.mark.parametrize(
    "header",
    [{"typ": "JWT"}, {"typ": None}, {"alg": "none"}, {"alg": "HS256"}, {"alg": "RS384"}],
    ids=str,
)
def test_a_token_with_a_wrong_header_is_refused(platform: Platform, header: dict[str, Any]) -> None:
    refused(ask(platform, f"Bearer {platform.control.issue(header=header)}"))


def test_a_token_of_a_foreign_key_is_refused(platform: Platform) -> None:
    refused(ask(platform, f"Bearer {platform.control.issue(key='foreign')}"))
    refused(ask(platform, f"Bearer {platform.control.issue(key='foreign', encrypt=True)}"))


def test_a_token_changed_by_a_letter_is_refused(platform: Platform) -> None:
    head, claims, signature = platform.control.issue().split(".")
    other = "A" if claims[10] != "A" else "B"
    refused(ask(platform, f"Bearer {head}.{claims[:10]}{other}{claims[11:]}.{signature}"))
    refused(ask(platform, f"Bearer {head}.{claims}.{signature[:-8]}AAAAAAAA"))
    refused(ask(platform, f"Bearer {head}.{claims}."))


@pytest.mark.parametrize("alg", ["RSA-OAEP", "RSA-OAEP-256"])
def test_an_encrypted_token_gets_in(platform: Platform, alg: str) -> None:
    token = platform.control.issue(encrypt=True, header={"alg": alg})
    assert token.count(".") == 4
    assert ask(platform, f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer a b", "Bearer x", "Bearer a.b.c", "Bearer a.b.c.d.e", "Basic eDp5", "x" * 9000],
)
def test_what_is_no_bearer_token_is_401(platform: Platform, authorization: str) -> None:
    answer = ask(platform, authorization)
    problem(answer, 401, "InvalidToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_over_8_kib_is_refused(platform: Platform) -> None:
    refused(ask(platform, f"Bearer {platform.control.issue(claims={'padding': 'x' * 7000})}"))


def test_a_token_in_the_query_is_no_token(platform: Platform) -> None:
    answer = platform.api.get(LISTS, params={"access_token": platform.control.issue()})
    problem(answer, 401, "InvalidToken")


def test_rotation_keeps_old_tokens_and_takes_new_ones_and_no_invented_key(platform: Platform) -> None:
    before = platform.control.issue()
    assert ask(platform, f"Bearer {before}").status_code == 200
    platform.control.post("/issuer/rotate")
    after = platform.control.issue()
    assert ask(platform, f"Bearer {after}").status_code == 200
    assert ask(platform, f"Bearer {before}").status_code == 200
    refused(ask(platform, f"Bearer {platform.control.issue(header={'kid': 'invented'})}"))


def test_scopes_come_as_a_string_or_an_array_and_match_exactly(platform: Platform) -> None:
    scope = "runtime.environments.read"
    for granted in (scope, f"openid {scope}", [scope], ["openid", scope]):
        assert ask(platform, f"Bearer {platform.control.issue(claims={'scope': granted})}").status_code == 200
    for wrong in (
        "",
        "runtime.environments",
        "runtime.environments.*",
        scope.upper(),
        f"{scope}x",
        [f"openid {scope}"],
        None,
    ):
        answer = ask(platform, f"Bearer {platform.control.issue(claims={'scope': wrong})}")
        assert answer.status_code in (401, 403), wrong


@pytest.mark.parametrize("route", [*reading(), *mutating()], ids=str)
def test_without_its_scope_a_route_is_403_whatever_else_is_wrong(platform: Platform, shop: Shop, route: Route) -> None:
    others = " ".join(scope for scope in EVERY_SCOPE.split() if scope not in route.scopes)
    caller = platform.tenant(shop.tenant.tenant_id, others)
    for body in ({}, {"environmentId": shop.environment_id, "unknown": 1}):
        answer = caller.request(
            route.method, route.at("env-0000000000000000"), json=None if route.method == "GET" else body
        )
        problem(answer, 403, "InsufficientScope")
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert f'scope="{route.scopes[0]}"' in challenge


def test_a_body_of_another_tenant_is_a_mismatch(shop: Shop) -> None:
    for route in mutating():
        if route.path not in BODIES:
            continue
        body = {**BODIES[route.path]("someone-else", shop.environment_id)}
        problem(shop.tenant.request("POST", route.at(shop.deployment_id), json=body), 403, "TenantMismatch")


def same_but_for_the_trace(left: httpx.Response, right: httpx.Response) -> None:
    """Byte-alike but for traceId and instance."""
    assert left.status_code == right.status_code == 404, left.text
    ours, theirs = (answer.headers for answer in (left, right))
    varying = {"date", "content-length"}
    assert {name: ours[name] for name in ours if name not in varying} == {n: theirs[n] for n in theirs if n not in varying}
    first, second = left.json(), right.json()
    assert list(first) == list(second)
    for document in (first, second):
        del document["traceId"], document["instance"]
    assert first == second
    assert first["code"] == "NotFound"


@pytest.fixture(scope="module")
def owned(shop: Shop) -> dict[str, str]:
    """Ids that exist, of one tenant; by the name of the parameter they go in for."""
    tenant, about = shop.tenant, {"tenantId": shop.tenant.tenant_id, "environmentId": shop.environment_id}
    policy = tenant.post("/scaling-policies", BODIES["/scaling-policies"](tenant.tenant_id, shop.environment_id))
    vault = tenant.read(f"/environments/{shop.environment_id}")["outputs"]["vaultUri"]
    tenant.platform.control.set_secret(vault, "owned", "never shown")
    secrets = [{"name": "OWNED", "secretName": "owned"}]
    body = {**about, "serviceId": "module-reservations-api", "vaultUri": vault, "secrets": secrets}
    binding = tenant.post("/secret-bindings", body)
    assert (policy.status_code, binding.status_code) == (201, 201), binding.text
    return {
        "environmentId": shop.environment_id,
        "deploymentId": shop.deployment_id,
        "configurationId": shop.configuration_id,
        "operationId": shop.operation_id,
        "scalingPolicyId": policy.json()["scalingPolicyId"],
        "secretBindingId": binding.json()["secretBindingId"],
        "serviceId": "module-reservations-api",
    }


def unknown(ident: str) -> str:
    """An id of the same shape that nobody has."""
    return "".join(mark if mark in "-" or index < 4 else "0" for index, mark in enumerate(ident))


@pytest.mark.parametrize("route", [one for one in parametrised() if one.method == "GET"], ids=str)
def test_reading_what_is_anothers_is_reading_what_is_not_there(
    platform: Platform, owned: dict[str, str], shop: Shop, route: Route
) -> None:
    stranger, ident = platform.fresh_tenant(EVERY_SCOPE), owned[route.parameter]
    assert platform.tenant(shop.tenant.tenant_id, EVERY_SCOPE).request("GET", route.at(ident)).status_code == 200
    same_but_for_the_trace(
        stranger.request("GET", route.at(ident)),
        stranger.request("GET", route.at(unknown(ident))),
    )


@pytest.mark.parametrize("route", [one for one in reading() if one.lists_environment], ids=str)
def test_listing_what_is_anothers_is_listing_what_is_not_there(platform: Platform, shop: Shop, route: Route) -> None:
    stranger = platform.fresh_tenant(EVERY_SCOPE)
    asked = route.path if "{" not in route.path else route.path.replace("{serviceId}", "module-reservations-api")
    anothers, nobodys = (
        stranger.get(asked, params={"environmentId": ident})
        for ident in (shop.environment_id, unknown(shop.environment_id))
    )
    same_but_for_the_trace(anothers, nobodys)


@pytest.mark.parametrize("route", [one for one in mutating() if one.path != "/environments"], ids=str)
def test_changing_what_is_anothers_is_changing_what_is_not_there(platform: Platform, shop: Shop, route: Route) -> None:
    stranger = platform.fresh_tenant(EVERY_SCOPE)

    def attempt(environment_id: str, deployment_id: str) -> httpx.Response:
        body = route.body(stranger.tenant_id, environment_id)
        ident = {"environmentId": environment_id, "deploymentId": deployment_id}.get(route.parameter, environment_id)
        return stranger.request(route.method, route.at(ident), json=body)

    same_but_for_the_trace(
        attempt(shop.environment_id, shop.deployment_id),
        attempt(unknown(shop.environment_id), unknown(shop.deployment_id)),
    )


def test_a_foreign_configuration_is_as_unknown_as_any(platform: Platform, shop: Shop, tenant: Tenant) -> None:
    """An id inside another environment leads nowhere from this one."""
    stranger_environment = tenant.environment()
    for ident in (shop.configuration_id, unknown(shop.configuration_id)):
        answer = tenant.deploy(stranger_environment, [component()], configurationId=ident)
        document = problem(answer, 422, "ValidationFailed")
        assert list(document["errors"]) == ["configurationId"]


def test_lists_hold_only_what_is_ones_own(platform: Platform, shop: Shop) -> None:
    stranger = platform.fresh_tenant()
    assert stranger.read("/environments") == {"environments": []}
    assert stranger.read("/operations") == {"operations": []}


def test_a_caller_with_only_the_outline_scope_sees_the_outline(platform: Platform, shop: Shop) -> None:
    outsider = platform.tenant(shop.tenant.tenant_id, "runtime.environments.read")
    seen = outsider.read(f"/operations/{shop.operation_id}")
    assert seen.keys() == {"operationId", "kind", "status", "mustSettleBy"}
