"""The internal routes as the app declares them, behind the real pipeline, on the in-memory store."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import azure.durable_functions as df
import pytest

from blueprints import internal
from blueprints.endpoint import Endpoints
from shared.access.authoriser import Authoriser, bearer
from shared.access.caller import Caller
from shared.access.governance import Governance
from shared.access.tokens import Tokens
from shared.http import query
from shared.http.cursor import Cursors
from shared.http.message import Request, Response
from shared.http.mutating import Mutating
from shared.http.openapi import description as openapi
from shared.http.pipeline import Pipeline
from shared.http.routes import PREFIX
from shared.kernel.record import Record
from shared.operations.intent import Answer
from shared.runtime.catalog.mutation import Mutations
from shared.runtime.configurations.model import Published, PublishRequest
from shared.runtime.environments.tenancy import Tenancy
from shared.runtime.health.ingest import Ingest
from shared.runtime.health.inventory import Inventory
from shared.store.memory import MemoryStore
from shared.store.revision import Revised
from tests.support.contract import Contract
from tests.unit.doubles.world import SIGNING_KEY, TENANT, World

STALE_AFTER = timedelta(seconds=90)
SCOPE = "runtime.internal"


class PlainTokens(Authoriser):
    """`Bearer <tenant>:<scope>` is that caller."""

    async def authenticate(self, authorization: str | None, trace_id: str) -> Caller:
        tenant, _, scope = bearer(authorization).partition(":")
        return Caller(tenant, "worker", "health-worker", frozenset({scope}), trace_id)


class Api:
    def __init__(self, world: World) -> None:
        self.world = world
        self.inventory = Inventory(world.store, world.isolation, world.catalog, world.where, world.clock, STALE_AFTER)
        app = SimpleNamespace(
            isolation=world.isolation,
            mutations=Mutations(world.journal, world.where, frozenset(world.targets)),
            tenancy=Tenancy(world.journal, world.clock),
            ingest=Ingest(world.journal, STALE_AFTER, world.deploying.plans.rolling),
        )
        endpoints = Endpoints(df.Blueprint(), cast(Any, None))
        internal.register(endpoints, cast(Any, lambda: app))

        @endpoints.endpoint(
            "POST", "/configurations", scope=SCOPE, action="configurations.publish", answers={201: Published}
        )
        async def publish(call: Any, body: PublishRequest) -> Answer:
            answer = await world.publishing.publish(call.intent, call.environment, body)
            return Answer(answer.status, answer.body)  # without its location, which no route of these leads to

        async def post(*_: object) -> tuple[int, bytes]:
            raise AssertionError("no internal route asks the policy point")

        governance = Governance("https://policy.example", post, clock=world.clock)
        mutating = Mutating(world.isolation, governance, world.journal, world.draw, SIGNING_KEY)
        self.pipeline = Pipeline(endpoints.table, PlainTokens(cast(Tokens, None)), mutating, Cursors(SIGNING_KEY))
        self.contract = Contract(openapi.document(endpoints.table, "https://issuer.example"))

    async def ask(
        self, method: str, path: str, body: Any = None, *, tenant: str = TENANT, scope: str = SCOPE, **headers: str
    ) -> Response:
        """`path` is relative to the environment's internal one unless it starts with `//`."""
        root = f"{PREFIX}/internal/environments/{self.world.environment_id}"
        split = urlsplit(PREFIX + path[1:] if path.startswith("//") else root + path)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields["authorization"] = f"Bearer {tenant}:{scope}"
        raw = b"" if body is None else json.dumps(body, default=_text).encode()
        if raw:
            fields["content-type"] = "application/json"
        request = Request(method, split.path, query.pairs_of(split.query), fields, raw, "https://api.example")
        answer = await self.pipeline.serve(request, cast(Any, None))
        self.contract.check(method, request.path, answer.status, answer.headers, answer.body)
        return answer

    async def shown(self) -> dict[str, dict[str, Any]]:
        """serviceId -> inventory row, as GET /environments/{environmentId} has it."""
        caller = Caller(TENANT, "ada", "c", frozenset(), "trace-" + "1" * 32)
        document = await self.inventory.environment(caller, self.world.environment_id)
        return {row["serviceId"]: row for row in document["inventory"]}

    async def health(self, service_id: str) -> dict[str, Any]:
        caller = Caller(TENANT, "ada", "c", frozenset(), "trace-" + "1" * 32)
        return await self.inventory.service_health(caller, service_id, self.world.environment_id)


def _text(value: Any) -> Any:
    return value.document() if isinstance(value, Record) else value.isoformat()


def document(response: Response) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(response.body))


@pytest.fixture
async def world() -> World:
    world = World(store=cast(MemoryStore, Revised(MemoryStore())))
    return await world.provision()


@pytest.fixture
def api(world: World) -> Api:
    return Api(world)
