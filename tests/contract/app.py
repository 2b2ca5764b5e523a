"""The whole app in this process: the functions that the host would index, a container of its own, nothing outside it.

Every answer that leaves it is held against the description that it serves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import function_app
from shared.access.authoriser import Authoriser, bearer
from shared.access.claims import Claims
from shared.access.governance import Governance
from shared.access.tokens import Tokens
from shared.container import Container
from shared.http import query
from shared.http.message import Request, Response
from shared.http.openapi.description import document
from shared.http.pipeline import Pipeline
from shared.kernel.clock import now
from shared.kernel.settings import read
from shared.store.memory import MemoryStore
from shared.store.revision import Revised
from tests.support.contract import Contract, Json
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.vault import VAULT, FakeVault

ROOT = Path(__file__).resolve().parents[2]
TENANT = "connectsoft"
BASE = "http://api.example"
EVERY_SCOPE = "+".join(sorted({scope for route in function_app.endpoints.table for scope in route.scopes or ()}))
WHOLE = f"{TENANT};{EVERY_SCOPE}"  # a token for everything
OUTSIDE = {
    "OIDC_ISSUER": "https://issuer.example",
    "GOVERNANCE_URL": "https://policy.example",
    "ServiceBus": "unused",
    "RUNTIME_SIGNING_KEY": "0" * 32,
    "PROVISIONER_JOB_ID": "unused",
    "SECRET_VAULTS": VAULT,
}


class PlainTokens(Authoriser):
    """`Bearer <tenant>;<scope>+<scope>`."""

    async def verified(self, authorization: str | None) -> Claims:
        tenant, _, scopes = bearer(authorization).partition(";")
        return Claims(tenant, "ada", "control-plane", frozenset(scopes.split("+")), time.time() + 3600)


async def allow(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """A policy point that has nothing against anything."""
    return 200, json.dumps({"result": {"allow": True, "reasons": [], "obligations": {}}, "decision_id": "d-1"}).encode()


class Hub:
    """A durable client that takes whatever it is given."""

    async def start(self, operation: object) -> None: ...

    async def wake(self, instance_id: str) -> None: ...


class App:
    def __init__(self, **settings: str) -> None:
        sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
        self.container = Container(read({**sample, **OUTSIDE, **settings}))
        self.vault = FakeVault()
        made: dict[str, Any] = vars(self.container)  # where cached properties keep what they made
        made["store"] = Revised(MemoryStore())
        made["authoriser"] = PlainTokens(cast(Tokens, None), self.container.authoriser.limits)
        made["governance"] = Governance("https://policy.example", allow, clock=now)
        made["vaults"] = self.vault
        targets = ("aks", "container-apps", "functions", "app-service")
        made["made_targets"] = SimpleNamespace(by_name={name: FakeTarget(now) for name in targets})
        made["outbox"] = SimpleNamespace(nudge=lambda place: None)
        self.table = function_app.endpoints.table
        self.pipeline: Pipeline = self.container.pipeline(self.table)
        self.contract = Contract(document(self.table, OUTSIDE["OIDC_ISSUER"]))

    async def ask(
        self, method: str, url: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> tuple[Response, Json]:
        """`url` is under /v1/runtime, or whole with two slashes before it; `if_match="x"` sends `if-match: x`."""
        split = urlsplit(url[1:] if url.startswith("//") else f"/v1/runtime{url}")
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields["authorization"] = f"Bearer {token or WHOLE}"
        raw = b"" if body is None else json.dumps(body).encode()
        if raw:
            fields.setdefault("content-type", "application/json")
        answer = await self.serve(Request(method, split.path, query.pairs_of(split.query), fields, raw, BASE))
        return answer, json.loads(answer.body) if answer.body else {}

    async def serve(self, request: Request) -> Response:
        held: Any = function_app.serving
        before, held._container = held._container, self.container  # the handlers' own container, for this call
        try:
            answer = await self.pipeline.serve(request, cast(Any, Hub()))
        finally:
            held._container = before
        self.contract.check(request.method, request.path, answer.status, answer.headers, answer.body)
        return answer
