"""What holds for every request: paths, versions, methods, headers, conditional requests, lists."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.e2e.conftest import Shop
from tests.e2e.driving import Platform, Tenant

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, which must be of that status and code."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    document = dict(answer.json())
    assert (answer.status_code, document["code"]) == (status, code), answer.text
    assert {"type", "title", "status", "detail", "instance", "code", "traceId"} <= document.keys()
    assert document["status"] == status
    assert answer.headers["Cache-Control"] == "no-store"
    return document


def test_the_unversioned_alias_answers_the_same(shop: Shop) -> None:
    path = f"/deployments/{shop.deployment_id}"
    versioned = shop.tenant.request("GET", f"/v1/runtime{path}")
    alias = shop.tenant.request("GET", f"/runtime{path}")
    assert alias.status_code == 200
    assert alias.content == versioned.content
    assert alias.headers["ETag"] == versioned.headers["ETag"]


@pytest.mark.parametrize("version", ["v2", "v0", "v10"])
@pytest.mark.parametrize("rest", ["/runtime/environments", "/runtime/nowhere", "/anything", ""])
def test_another_version_is_named_unsupported_before_any_token(platform: Platform, version: str, rest: str) -> None:
    document = problem(platform.api.get(f"/{version}{rest}"), 404, "UnsupportedApiVersion")
    assert document["supportedVersions"] == ["v1"]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/runtime", "/v1/runtime/nowhere", "/runtime/nowhere", "/v1/RUNTIME/environments"]
)
def test_an_unknown_path_is_not_found_before_any_token(platform: Platform, path: str) -> None:
    problem(platform.api.get(path), 404, "NotFound")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/runtime/environments", {"GET", "HEAD", "POST"}),
        ("PUT", "/v1/runtime/environments", {"GET", "HEAD", "POST"}),
        ("PATCH", "/runtime/deployments", {"GET", "HEAD", "POST"}),
        ("POST", "/v1/runtime/drift/env-0000000000000000", {"GET", "HEAD"}),
        ("OPTIONS", "/v1/runtime/services/one/health", {"GET", "HEAD"}),
        ("POST", "/health", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_answered_with_what_is_allowed(
    platform: Platform, method: str, path: str, allow: set[str]
) -> None:
    answer = platform.api.request(method, path)
    problem(answer, 405, "MethodNotAllowed")
    assert {name.strip() for name in answer.headers["Allow"].split(",")} >= allow


def test_head_is_get_without_its_body(shop: Shop) -> None:
    for prefix in ("/v1/runtime", "/runtime"):
        path = f"{prefix}/deployments/{shop.deployment_id}"
        got, head = shop.tenant.request("GET", path), shop.tenant.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["ETag"] == got.headers["ETag"]
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_head_of_what_is_not_there_is_404_without_a_body(shop: Shop) -> None:
    head = shop.tenant.request("HEAD", "/v1/runtime/environments/env-0000000000000000")
    assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize("path", ["/alive", "/health"])
def test_the_probes_are_open_and_healthy(platform: Platform, path: str) -> None:
    answer = platform.api.get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "Healthy")


def test_the_trace_id_follows_traceparent_everywhere(tenant: Tenant) -> None:
    headers = {"traceparent": TRACEPARENT}
    body = {"tenantId": tenant.tenant_id, "projectId": "p", "name": "traced", "stage": "dev", "region": "westeurope"}
    more = {"isolationModel": "pool", "computeTargets": ["aks"]}
    accepted = tenant.post("/environments", {**body, **more}, headers=headers)
    expected = "trace-4bf92f3577b34da6a3ce929d0e0e4736"
    assert accepted.json()["traceId"] == expected, accepted.text
    operation = tenant.read(f"/operations/{accepted.headers['Operation-Location'].rpartition('/')[2]}")
    assert operation["traceId"] == expected
    assert tenant.read(f"/environments/{accepted.json()['environmentId']}")["traceId"] == expected
    assert tenant.get("/environments/nowhere", headers=headers).json()["traceId"] == expected


@pytest.mark.parametrize(
    "traceparent", ["", "x", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", TRACEPARENT.upper(), TRACEPARENT[:-3]]
)
def test_a_bad_traceparent_gets_a_trace_of_its_own(tenant: Tenant, traceparent: str) -> None:
    document = tenant.get("/environments/nowhere", headers={"traceparent": traceparent}).json()
    assert re.fullmatch(r"trace-[0-9a-f]{32}", document["traceId"])
    assert document["traceId"] not in ("trace-" + "0" * 32, "trace-4bf92f3577b34da6a3ce929d0e0e4736")


def test_a_resource_is_revalidated_by_its_strong_etag(shop: Shop) -> None:
    path = f"/deployments/{shop.deployment_id}"
    first = shop.tenant.get(path)
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    assert first.headers["Cache-Control"] == "private, no-cache"
    for current in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = shop.tenant.get(path, headers={"If-None-Match": current})
        assert (again.status_code, again.content) == (304, b""), current
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "private, no-cache"
    assert shop.tenant.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_a_list_is_revalidated_like_a_resource(shop: Shop) -> None:
    path = f"/configurations?environmentId={shop.environment_id}"
    first = shop.tenant.get(path)
    again = shop.tenant.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_stale_if_match_is_a_failed_precondition(shop: Shop) -> None:
    path = f"/deployments/{shop.deployment_id}/rollback"
    for stale in (
        '"00000000000000000000000000000000"',
        f"W/{shop.tenant.get(path.removesuffix('/rollback')).headers['ETag']}",
    ):
        problem(shop.tenant.post(path, {}, headers={"If-Match": stale}), 412, "PreconditionFailed")


def test_a_current_if_match_lets_the_request_through(shop: Shop) -> None:
    """To its own answer: nothing was stable before the first deployment."""
    path = f"/deployments/{shop.deployment_id}"
    current = shop.tenant.get(path).headers["ETag"]
    problem(shop.tenant.post(f"{path}/rollback", {}, headers={"If-Match": current}), 409, "NoStableSnapshot")


def test_what_was_created_carries_the_etag_of_its_get(shop: Shop) -> None:
    body = {"tenantId": shop.tenant.tenant_id, "environmentId": shop.environment_id, "values": {"A": "1"}}
    created = shop.tenant.post("/configurations", body)
    assert created.status_code == 201, created.text
    got = shop.tenant.request("GET", urlsplit(created.headers["Location"]).path)
    assert got.status_code == 200
    assert got.headers["ETag"] == created.headers["ETag"]


def test_an_unknown_query_parameter_is_malformed_on_every_kind_of_route(shop: Shop) -> None:
    for path in (
        "/environments",
        f"/environments/{shop.environment_id}",
        f"/deployments/{shop.deployment_id}",
        f"/drift/{shop.environment_id}",
        f"/operations/{shop.operation_id}",
        "/services/module-reservations-api/health",
    ):
        document = problem(shop.tenant.get(path, params={"colour": "blue"}), 400, "MalformedRequest")
        assert "colour" in document["errors"], path
    problem(shop.tenant.post("/configurations?colour=blue", {}), 400, "MalformedRequest")


@pytest.fixture(scope="module")
def lister(platform: Platform) -> Tenant:
    """A tenant with three environments, which nobody waits for."""
    tenant = platform.fresh_tenant()
    for number in range(3):
        accepted = tenant.provision(name=f"listed-{number}", projectId="proj-odd" if number % 2 else "proj-even")
        assert accepted.status_code == 202, accepted.text
    return tenant


def test_pages_join_to_the_whole_list_newest_first(lister: Tenant, platform: Platform) -> None:
    whole = [one["name"] for one in lister.read("/environments")["environments"]]
    assert whole == [f"listed-{number}" for number in (2, 1, 0)]
    paged, link, pages = [], f"{platform.endpoints['api']}/v1/runtime/environments?limit=2", 0
    while link:
        page = lister.request("GET", link).json()
        assert len(page["environments"]) <= 2
        paged += [one["name"] for one in page["environments"]]
        link, pages = page.get("nextLink"), pages + 1
        assert link is None or link.startswith(f"{platform.endpoints['api']}/v1/runtime/environments?")
    assert (paged, pages) == (whole, 2)


def test_the_last_page_has_no_next_link_even_when_it_is_full(lister: Tenant) -> None:
    assert "nextLink" not in lister.read("/environments", limit=3)
    assert "nextLink" in lister.read("/environments", limit=2)


def test_every_list_has_its_plural_and_is_a_page(shop: Shop) -> None:
    query = {"environmentId": shop.environment_id}
    for path, plural in (
        ("/deployments", "deployments"),
        ("/configurations", "configurations"),
        ("/secret-bindings", "secretBindings"),
        ("/scaling-policies", "scalingPolicies"),
        ("/operations", "operations"),
    ):
        page = shop.tenant.read(path, **query)
        assert page.keys() == {plural}
    assert {one["kind"] for one in shop.tenant.read("/operations")["operations"]} >= {"ProvisionEnvironment", "Deploy"}


def test_operations_are_filtered_by_status(shop: Shop) -> None:
    succeeded = shop.tenant.read("/operations", environmentId=shop.environment_id, status="Succeeded")["operations"]
    assert {one["kind"] for one in succeeded} >= {"ProvisionEnvironment", "Deploy"}
    assert shop.tenant.read("/operations", environmentId=shop.environment_id, status="Canceled")["operations"] == []
    problem(shop.tenant.get("/operations?status=Odd"), 400, "MalformedRequest")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "1e2", "", "ten", "01", "9" * 40])
def test_a_limit_out_of_bounds_is_malformed(lister: Tenant, limit: str) -> None:
    problem(lister.get(f"/environments?limit={limit}"), 400, "MalformedRequest")


def test_a_cursor_opens_only_the_list_it_was_made_for(lister: Tenant, platform: Platform) -> None:
    link = lister.read("/environments", limit=2)["nextLink"]
    [cursor] = parse_qs(urlsplit(link).query)["cursor"]
    other = platform.fresh_tenant()
    problem(other.get("/environments", params={"cursor": cursor}), 400, "MalformedRequest")
    problem(lister.get("/operations", params={"cursor": cursor}), 400, "MalformedRequest")
    operations = lister.read("/operations", limit=1)["nextLink"]
    [of_operations] = parse_qs(urlsplit(operations).query)["cursor"]
    problem(lister.get("/operations", params={"cursor": of_operations, "status": "Running"}), 400, "MalformedRequest")
    assert lister.get("/operations", params={"cursor": of_operations}).status_code == 200


def test_a_tampered_cursor_is_malformed(lister: Tenant) -> None:
    [cursor] = parse_qs(urlsplit(lister.read("/environments", limit=2)["nextLink"]).query)["cursor"]
    middle = len(cursor) // 2
    swapped = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    for tampered in (swapped, cursor[:-1], cursor + "A", cursor + "=", cursor[::-1], "x", "", "%00", "ü", "A" * 3000):
        answer = lister.get("/environments", params={"cursor": tampered})
        problem(answer, 400, "MalformedRequest")


def test_the_problem_is_json_of_our_own_words(shop: Shop) -> None:
    answer = shop.tenant.get("/environments/env-0000000000000000")
    document = problem(answer, 404, "NotFound")
    assert document["instance"] == "/v1/runtime/environments/env-0000000000000000"
    assert json.loads(answer.content) == document
