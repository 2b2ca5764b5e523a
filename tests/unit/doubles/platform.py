"""The whole app in one process: its own container and its own route table, with memory where the network would be.

What the container makes is used as it makes it. Replaced are only its ends: the tables, the targets, the vault, the
registry, the provisioner's job, the broker, the policy point, and the tokens. Time is real, so gates are asked to be short.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import azure.durable_functions as df

from blueprints.endpoint import Endpoints
from function_app import REST
from shared.access.authoriser import Authoriser, bearer
from shared.access.claims import Claims
from shared.access.governance import Governance
from shared.access.tokens import Tokens
from shared.container import Container
from shared.http import query
from shared.http.message import Request, Response
from shared.http.routes import PREFIX
from shared.kernel.clock import now
from shared.kernel.settings import read
from shared.operations.model import Operation
from shared.runtime.health.witness import Witness
from shared.store.memory import MemoryStore
from shared.store.revision import Revised
from tests.unit.doubles.engine import Engine
from tests.unit.doubles.jobs import Jobs
from tests.unit.doubles.prober import FakeProber
from tests.unit.doubles.registry import FakeRegistry
from tests.unit.doubles.targets import FakeTarget
from tests.unit.doubles.vault import FakeVault

TENANT = "connectsoft"
SAMPLE = Path(__file__).resolve().parents[3] / "local.settings.sample.json"
FILLED = {
    "OIDC_ISSUER": "https://issuer.example",
    "GOVERNANCE_URL": "https://policy.example",
    "RUNTIME_SIGNING_KEY": "a signing key of the tests, long enough",
    "PROVISIONER_JOB_ID": "/job",
    "ServiceBus__fullyQualifiedNamespace": "bus.example",
    "GATE_STABLE_SECONDS": "0",
}


class PlainTokens(Authoriser):
    """`Bearer <tenant>` is a caller of that tenant with every scope there is."""

    scopes: frozenset[str] = frozenset()

    async def verified(self, authorization: str | None) -> Claims:
        return Claims(bearer(authorization), "olga", "control-plane", self.scopes, time.time() + 3600)


class WallClock:
    """Real time, which nobody advances: a timer of a procedure fires at once."""

    def __call__(self) -> datetime:
        return now()

    async def sleep(self, seconds: float) -> None: ...

    def advance(self, seconds: float) -> None: ...

    def advance_to(self, at: datetime) -> None: ...


class Hub:
    """Starts nothing by itself: what was started is there to be run."""

    def __init__(self) -> None:
        self.started: list[Operation] = []

    async def start(self, operation: Operation) -> None:
        self.started.append(operation)

    async def wake(self, instance_id: str) -> None: ...


class Broker:
    async def publish(self, events: object) -> None: ...


class Platform:
    def __init__(self) -> None:
        settings = json.loads(SAMPLE.read_text())["Values"] | FILLED
        self.container, self.hub, self.clock = Container(read(settings)), Hub(), WallClock()
        self.store, self.vault, self.prober = MemoryStore(), FakeVault(), FakeProber(now)
        self.apps, self.cluster = FakeTarget(now), FakeTarget(now, replaces=True)
        self.targets = {"container-apps": self.apps, "aks": self.cluster}
        self.denies: dict[str, Any] | None = None
        self.down: set[str] = set()
        self.asked: list[dict[str, Any]] = []  # of the policy point
        made = self.container.__dict__
        made |= {
            "store": Revised(self.store),
            "messaging": Broker(),
            "made_targets": SimpleNamespace(by_name=self.targets),
            "vaults": self.vault,
            "registries": FakeRegistry(),
            "witness": Witness(self.targets, cast(Any, self.prober), now),
            "authoriser": PlainTokens(cast(Tokens, None)),
            "governance": Governance("https://policy.example", self._policy, clock=now),
        }
        made["deploying"] = replace(self.container.deploying, sleep=self.clock.sleep)
        made["job"] = self.jobs = Jobs(self.container.runs, cast(Any, self.clock))
        endpoints = Endpoints(df.Blueprint(), cast(Any, None))
        for routes in REST:
            routes.register(endpoints, lambda: self.container)
        self.table = endpoints.table
        PlainTokens.scopes = frozenset(scope for route in self.table for scope in route.scopes or ())
        self.pipeline = self.container.pipeline(self.table)

    def __getattr__(self, name: str) -> Any:
        """What activities ask a container for."""
        return getattr(self.__dict__["container"], name)

    async def _policy(self, _url: str, body: bytes, _headers: Mapping[str, str]) -> tuple[int, bytes]:
        if "policy" in self.down:
            raise OSError("refused")
        self.asked.append(json.loads(body)["input"])
        return 200, json.dumps({"result": self.denies or {"allow": True}, "decision_id": "dec-1"}).encode()

    async def ask(self, method: str, path: str, body: Any = None, *, tenant: str = TENANT, **headers: str) -> Response:
        """`path` is under /v1/runtime."""
        split = urlsplit(path)
        fields = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": f"Bearer {tenant}"}
        raw = b"" if body is None else json.dumps(body).encode()
        if raw:
            fields["content-type"] = "application/json"
        request = Request(method, PREFIX + split.path, query.pairs_of(split.query), fields, raw, "https://api.example")
        return await self.pipeline.serve(request, self.hub)  # type: ignore[arg-type]

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """What is answered to a request that is expected to succeed."""
        answer = await self.ask(method, path, body, **headers)
        assert answer.status < 300, answer.body
        return cast(dict[str, Any], json.loads(answer.body or b"{}"))

    async def settle(self, **engine: Any) -> None:
        """Run what was started to its end."""
        while self.hub.started:
            await Engine(cast(Any, self), **engine).run(self.hub.started.pop(0))
