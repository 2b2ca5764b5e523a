"""The client and the route table say the same: routes have methods, filters parameters, codes kinds of exceptions."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import function_app
from clients.runtime_client import Conflict, Denied, Invalid, NotThere, Problem, Runtime, Unavailable
from clients.runtime_client.problems import problem
from shared.http.problem_table import APPROVAL_REQUIRED, TABLE
from shared.http.routes import RouteTable

TABLED: RouteTable = function_app.endpoints.table
FOLLOWS = {"settled", "rehearse", "close"}  # no route of their own
GIVEN: dict[str, Any] = {"request": {}, "by": "adopt", "limit": 1, "attention": True}  # any other argument is its name
KINDS = {
    400: Invalid, 401: Denied, 403: Denied, 404: NotThere | Invalid, 405: Invalid, 409: Conflict, 412: Conflict,
    413: Invalid, 415: Invalid, 422: Invalid, 429: Unavailable, 500: Problem, 503: Unavailable,
}  # fmt: skip


async def asked_by(name: str, **given: Any) -> httpx.Request:
    """The request that a method of the client makes when it gets every argument it takes."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        pages = {"environments", "entries", "deployments", "configurations", "secretBindings", "scalingPolicies"}
        return httpx.Response(200, json={**{plural: [] for plural in pages | {"findings", "operations"}}, "lastScan": {}})

    async with httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(answer)) as http:
        method = getattr(Runtime("http://api", "token", http=http), name)
        taken = [one.name for one in inspect.signature(method).parameters.values() if one.kind is not one.VAR_KEYWORD]
        found = method(**{one: given.get(one, GIVEN.get(one, one.replace("_", "-"))) for one in taken})
        if isinstance(found, AsyncIterator):
            assert [item async for item in found] == []
        else:
            await found
    (request,) = seen
    return request


def methods() -> list[str]:
    return [name for name, _ in inspect.getmembers(Runtime, inspect.isfunction) if name[0] != "_" and name not in FOLLOWS]


async def test_every_route_has_a_method_that_takes_every_filter() -> None:
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    variants = [(name, {}) for name in methods()] + [("resolve", {"by": "remediate"})]
    for name, given in variants:
        request = await asked_by(name, **given)
        route = TABLED.match(request.method, request.url.raw_path.decode().partition("?")[0]).route
        asked[route.method, route.path] |= set(request.url.params)
    assert asked == {(route.method, route.path): set(route.query) - {"cursor"} for route in TABLED}


async def test_a_dry_run_may_be_of_any_mutation() -> None:
    request = await asked_by("rehearse", path="/drift/env-1/ignore-rules", method="PUT")
    assert (request.method, str(request.url)) == ("PUT", "http://api/v1/runtime/drift/env-1/ignore-rules?dryRun=true")


@pytest.mark.parametrize(
    ("status", "code"), sorted({(one.status, one.code) for one in (*TABLE.values(), APPROVAL_REQUIRED)})
)
def test_every_code_of_the_platform_has_its_kind(status: int, code: str) -> None:
    found = problem(code, "", members={"operationId": "op-1", "mustSettleBy": "soon"})
    assert isinstance(found, KINDS[status])
