"""The way of a request through real parts: a test's routes, tokens without signatures, a policy point that it turns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from shared.access.authoriser import Authoriser, bearer
from shared.access.caller import Caller
from shared.access.governance import Governance
from shared.access.tokens import Tokens
from shared.events.journal import Entry
from shared.http import query
from shared.http.call import Found, Listing, Mutation, Plain, Reading
from shared.http.cursor import Cursors
from shared.http.headers import Deprecation
from shared.http.message import Request, Response
from shared.http.mutating import Mutating
from shared.http.pipeline import Pipeline
from shared.http.routes import PREFIX, Page, Route, RouteTable
from shared.kernel.errors import InvalidToken
from shared.kernel.ids import EnvironmentId
from shared.kernel.record import Record
from shared.operations.hub import InstanceState
from shared.operations.intent import Answer
from shared.operations.model import Operation
from shared.operations.reading import ANY_SCOPE, shown_to
from shared.runtime.configurations.model import PublishRequest
from shared.runtime.configurations.reading import Configurations
from shared.runtime.configurations.service import Publishing
from shared.runtime.environments.index import LISTED, ListedEnvironment
from shared.runtime.environments.model import Environment, EnvironmentStatus, ProvisionRequest
from shared.store import keys
from shared.store.port import Replace
from tests.unit.operations.world import SEED, TENANT, World

READ = "runtime.environments.read"
WRITE = "runtime.environments.write"
CONFIGURE = "runtime.configurations.write"
ALL = f"{READ} {WRITE} {CONFIGURE}"
BASE = "https://api.example"
KEY = b"k" * 32
ENDS = Deprecation(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "https://docs.example/old")


class LabelRequest(Record):
    tenant_id: str
    label: str


class PlainTokens(Authoriser):
    """`Bearer <tenant>:<scope>+<scope>` is that caller."""

    async def authenticate(self, authorization: str | None, trace_id: str) -> Caller:
        tenant, colon, scopes = bearer(authorization).partition(":")
        if not colon:
            raise InvalidToken("no such token")
        return Caller(tenant, "ada", "control-plane", frozenset(scopes.split("+")), trace_id)


class Policy:
    """A policy point: what it was asked, and what it says next."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Any = {"result": {"allow": True}, "decision_id": "dec-1"}
        self.down = False

    async def post(self, _url: str, body: bytes, _headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self.down:
            raise OSError("refused")
        self.asked.append(json.loads(body)["input"])
        return 200, json.dumps(self.answer).encode()

    def denies(self, **more: Any) -> None:
        self.answer = {"result": {"allow": False, "reasons": ["a freeze"], **more}, "decision_id": "dec-2"}


class Hub:
    """What was started, and who was woken."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.woken: list[str] = []
        self.down = False

    async def start(self, operation: Operation) -> None:
        if self.down:
            raise RuntimeError("the hub's own text, with a secret")
        self.started.append(operation.operation_id)

    async def wake(self, instance_id: str) -> None:
        self.woken.append(instance_id)

    async def state(self, operation: Operation) -> InstanceState:
        return InstanceState.WORKING

    async def terminate(self, operation: Operation) -> None: ...


class Api:
    def __init__(self) -> None:
        self.world = World()
        self.policy = Policy()
        self.hub = Hub()
        world = self.world
        governance = Governance("https://policy.example", self.policy.post, clock=world.time)
        mutating = Mutating(world.isolation, governance, world.journal, world.draw, KEY)
        self.table = RouteTable([*mutations(world), *reads(world)])
        authoriser = PlainTokens(cast(Tokens, None))
        self.pipeline = Pipeline(self.table, authoriser, mutating, Cursors(KEY))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = f"{TENANT}:{ALL.replace(' ', '+')}",
        absolute: bool = False,
        **headers: str,
    ) -> Response:
        """`path` is under /v1/runtime unless `absolute`; `if_match="x"` sends `if-match: x`."""
        split = urlsplit(path)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            fields["authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if raw:
            fields.setdefault("content-type", "application/json")
        target = split.path if absolute else PREFIX + split.path
        request = Request(method, target, query.pairs_of(split.query), fields, raw, BASE)
        return await self.pipeline.serve(request, self.hub)

    async def ready(self, **changed: Any) -> Environment:
        """An environment that was made and is Provisioned."""
        return await self.world.provisioned(**changed)

    async def label(self, environment: Environment, label: str = "new", **more: Any) -> Response:
        body = {"tenantId": environment.tenant_id, "label": label}
        return await self.ask("POST", f"/environments/{environment.environment_id}/label", body, **more)

    async def publish(self, environment: Environment, *, idempotency_key: str, **values: str) -> Response:
        about = {"tenantId": environment.tenant_id, "environmentId": environment.environment_id}
        return await self.ask("POST", "/configurations", {**about, "values": values}, idempotency_key=idempotency_key)

    async def rewrite(self, environment: Environment, key: str, **members: Any) -> None:
        """Change a stored row of an environment behind the pipeline's back."""
        partition = keys.partition_of(environment.tenant_id, environment.environment_id)
        row = await self.world.store.get(partition, key)
        assert row is not None
        write = Replace(key, {**row.document, **members}, row.version)
        await self.world.store.commit(partition, self.world.draw(), [write])

    def rows(self) -> list[Entry]:
        """Every log row of the platform."""
        return [entry for partition in self.world.store.everything for entry in self.world.log(partition)]


def document(response: Response) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(response.body))


def seed(**changed: Any) -> dict[str, Any]:
    return SEED | changed


def route(method: str, path: str, scopes: tuple[str, ...] | None, handler: Callable[..., Any], **more: Any) -> Route:
    action = f"{path.strip('/').partition('/')[0]}.{handler.__name__}"
    return Route(method, path, scopes, False, action, handler, **more)


def mutations(world: World) -> list[Route]:
    publishing = Publishing(world.journal, world.time)

    async def provision(call: Mutation, body: ProvisionRequest) -> Answer:
        return await world.environments.provision(call.intent, body)

    async def label(call: Mutation, body: LabelRequest) -> Answer:
        environment, row = call.environment.environment, call.environment.rows[keys.ENVIRONMENT]
        permit = await call.intent.permit(environment.environment_id, environment.stage)
        tx = call.intent.transaction(
            call.environment.place, "environment.labelled", environment.environment_id, "labelled", permit
        )
        tx.replace(row, environment.model_copy(update={"pulumi_stack_ref": body.label}))
        answer = call.intent.remember(tx, Answer(200, {"label": body.label, "traceId": call.caller.trace_id}))
        await world.journal.commit(tx)
        return answer

    async def publish(call: Mutation, body: PublishRequest) -> Answer:
        return await publishing.publish(call.intent, call.environment, body)

    return [
        route("POST", "/environments", (WRITE,), provision),
        route("POST", "/environments/{environmentId}/label", (WRITE,), label),
        route("POST", "/configurations", (CONFIGURE,), publish),
    ]


def reads(world: World) -> list[Route]:
    configurations = Configurations(world.store)

    async def get(call: Reading) -> Found:
        admitted = await world.isolation.admit(call.caller.tenant_id, call.params["environmentId"])
        return Found(admitted.environment.document())

    async def page(call: Reading) -> Listing:
        partition, limit = keys.tenant_partition(call.caller.tenant_id), call.query.get("limit", 50)
        rows = await world.store.list(partition, keys.list_prefix(LISTED), limit=limit + 1, after=call.after)
        items = [ListedEnvironment.read(row.document).environment for row in rows[:limit]]
        wanted = call.query.get("status")
        documents = [item.document() for item in items if wanted in (None, item.status)]
        return Listing(documents, rows[limit - 1].key if len(rows) > limit else None)

    async def configuration(call: Reading) -> Found:
        return Found((await configurations.get(call.caller, call.params["configurationId"])).document())

    async def operation(call: Reading) -> Found:
        found = await world.operations.get(call.caller, call.params["operationId"])
        return Found(shown_to(call.caller, found), 2.0)

    async def alive() -> Plain:
        return Plain(200, {"status": "Healthy"})

    async def bug(call: Reading) -> Found:
        raise ValueError("the password is hunter2")

    listed = {**query.PAGED, "status": query.one_of(EnvironmentStatus)}
    return [
        route("GET", "/environments/{environmentId}", (READ,), get),
        route("GET", "/environments", (READ,), page, query=listed, answers=Page("environments", Environment)),
        route("GET", "/configurations/{configurationId}", (CONFIGURE,), configuration),
        route("GET", "/operations/{operationId}", ANY_SCOPE, operation),
        route("GET", "/bug", (READ,), bug),
        route("GET", "/old/{environmentId}", (READ,), get, deprecation=ENDS),
        route("GET", "/alive", None, alive, absolute=True),
    ]


def environment_id_of(response: Response) -> EnvironmentId:
    return EnvironmentId(document(response)["environmentId"])
