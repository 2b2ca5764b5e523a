"""The page on a stage: its real files under its real policy, the real issuer, and an API that says what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localazure.issuer import PAGE_CLIENT
from shared.http import preconditions
from shared.http import static as pages
from shared.http.message import Request as Asked
from tests.ui import documents

ROOT = Path(__file__).resolve().parents[2]
Told = tuple[int, Any, dict[str, str]]  # status, document, headers
Says = Callable[[Request], Told]


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    query: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Api:
    """Answers by path, below /v1/runtime. `overrules` answers everything instead, where it is set."""

    says: dict[str, Any] = field(default_factory=dict)
    rehearsal: Any = field(default_factory=documents.rehearsal)
    overrules: Says | None = None
    expired: bool = False
    held: asyncio.Event | None = None  # nothing is answered before it is set
    seen: list[Seen] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        if self.held is not None:
            await self.held.wait()
        status, document, headers = self._said(request)
        raw = json.dumps(document).encode()
        headers = {"cs-schema-version": "1.0", "Cache-Control": "private, no-cache", **headers}
        if status == 200 and request.method == "GET":
            headers["ETag"] = preconditions.etag_of(raw)
            if request.headers.get("if-none-match") == headers["ETag"]:
                status, raw = 304, b""
        path = request.url.path.removeprefix("/v1/runtime")
        self.seen.append(Seen(request.method, path, request.url.query, status, request.headers, body))
        kind = "application/problem+json" if status >= 400 else "application/json"
        return Response(raw, status, headers, kind)

    def _said(self, request: Request) -> Told:
        if self.expired or not request.headers.get("authorization", "").startswith("Bearer "):
            return 401, documents.problem(401, "InvalidToken", "A valid access token is required"), {}
        if self.overrules is not None:
            return self.overrules(request)
        if request.method != "GET":
            return self._changed(request)
        found = self.says.get(request.url.path.removeprefix("/v1/runtime"))
        if found is None:
            return 404, documents.problem(404, "NotFound", "Not found"), {}
        return 200, found(request) if callable(found) else found, {}

    def _changed(self, request: Request) -> Told:
        if request.query_params.get("dryRun") == "true":
            return 200, self.rehearsal, {}
        where = f"{request.url.scheme}://{request.url.netloc}/v1/runtime/operations/{documents.OPERATION}"
        return 202, {"status": "InProgress", "traceId": documents.TRACE}, {"Operation-Location": where, "Retry-After": "2"}

    def reads(self) -> list[str]:
        return [f"{one.path}?{one.query}" if one.query else one.path for one in self.seen if one.method == "GET"]


def full() -> dict[str, Any]:
    """A tenant with something in every state."""
    busy = f"/environments/{documents.BUSY}"
    return {
        "/environments": lambda request: {
            "environments": documents.urgent() if "attention" in request.query_params else documents.calm()
        },
        "/operations": {"operations": [documents.operation()]},
        busy: documents.environment(hold=documents.hold(), activeOperationId=documents.OPERATION),
        f"{busy}/timeline": {"entries": documents.entries()},
        "/deployments": {"deployments": documents.releases()},
        f"/deployments/{documents.FAILING}": documents.deployment(),
        f"/operations/{documents.OPERATION}": documents.operation(),
        f"/drift/{documents.BUSY}": documents.drift(),
        f"/drift/{documents.BUSY}/ignore-rules": documents.rules({"kind": "ReplicaCountMismatch", "reason": "sale"}),
        "/scaling-policies": {"scalingPolicies": [documents.policy()]},
        "/secret-bindings": {"secretBindings": [documents.binding()]},
        "/services/reservations-api/health": {
            "serviceId": "reservations-api",
            "environmentId": documents.BUSY,
            "status": "Healthy",
            "checks": [{"name": "sql", "status": "Healthy", "durationMs": 12}],
            "evaluatedAt": documents.ago(seconds=12),
        },
    }


def empty() -> dict[str, Any]:
    """A tenant that has nothing yet, and an environment in which nothing happened."""
    busy = f"/environments/{documents.BUSY}"
    bare = documents.environment(inventory=[])
    for gone in ("stableDeploymentId", "stableReleaseRef"):
        del bare[gone]
    requested = [{"phase": "Requested", "startedAt": documents.ago(seconds=3)}]
    first = documents.deployment(rolloutHistory=requested, phase="Requested")
    del first["previousDeploymentId"]
    return {
        "/environments": {"environments": []},
        "/operations": {"operations": []},
        busy: bare,
        f"{busy}/timeline": {"entries": []},
        "/deployments": {"deployments": []},
        f"/deployments/{documents.FAILING}": first,
        f"/operations/{documents.OPERATION}": documents.operation(steps=[], status="NotStarted"),
        f"/drift/{documents.BUSY}": documents.drift(findings=[], lastScan={"status": "Never", "notReached": []}),
        f"/drift/{documents.BUSY}/ignore-rules": documents.rules(),
        "/scaling-policies": {"scalingPolicies": []},
        "/secret-bindings": {"secretBindings": []},
    }


def application(api: Api, issuer: str) -> Starlette:
    """The page and the API, on one origin as in life."""
    site = pages.site(ROOT, issuer, PAGE_CLIENT)

    async def page(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = site.answer(Asked(request.method, request.url.path, (), headers))
        return Response(answer.body, answer.status, answer.headers)

    methods = ["GET", "POST", "PUT", "DELETE"]
    return Starlette(routes=[Route("/ui/{path:path}", page), Route("/v1/runtime/{path:path}", api.answer, methods=methods)])
