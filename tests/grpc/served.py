"""The real server on a real socket, on the in-memory store; tokens say in plain text what a test wants them to say."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc

from runtime_grpc.server import Server
from runtime_grpc.wire import PACKAGE, pb
from shared.access.authoriser import Authoriser, bearer
from shared.access.binding import BindingStatus, TenantBinding
from shared.access.claims import Claims
from shared.access.tokens import Tokens
from shared.container import Container
from shared.events.envelope import Event
from shared.kernel.clock import draw, now
from shared.kernel.errors import InvalidToken, Transient
from shared.kernel.ids import EnvironmentId, environment_id
from shared.kernel.record import Record
from shared.kernel.settings import read
from shared.operations.slot import Slot
from shared.runtime.catalog.model import Placed, RuntimeService, Source
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.runtime.health.document import Check, HealthStatus
from shared.runtime.health.model import EnvironmentHealth, ServiceHealth
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.store.port import Change, Delete, Put, Row
from shared.store.revision import Revised
from shared.targets.port import Workload

ROOT = Path(__file__).resolve().parents[2]
TENANT = "connectsoft"
ENVIRONMENT = environment_id("00000000000000aa")
SCOPES = ("runtime.environments.read", "runtime.health.read", "runtime.drift.read", "runtime.internal")
QUICK = {
    "OIDC_ISSUER": "https://issuer.example",
    "GOVERNANCE_URL": "https://policy.example",
    "ServiceBus": "unused",
    "RUNTIME_SIGNING_KEY": "0" * 32,
    "PROVISIONER_JOB_ID": "unused",
    "GRPC_POLL_SECONDS": "0.02",
    "GRPC_HEARTBEAT_SECONDS": "0.2",
}


class PlainTokens(Authoriser):
    """`Bearer <tenant>;<scope>+<scope>;<expiry>`."""

    async def verified(self, authorization: str | None) -> Claims:
        tenant, scopes, expires = bearer(authorization).split(";")
        if float(expires) < time.time() - 60:
            raise InvalidToken("exp")
        return Claims(tenant, "ada", "sister", frozenset(scopes.split("+")), float(expires))


class CountingStore(MemoryStore):
    """What was asked, by method and first key; it can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.down = False
        self.commit_takes = 0.0  # seconds

    def _asked(self, what: str) -> None:
        self.asked[what] += 1
        if self.down:
            raise Transient("tables")

    async def get(self, partition: str, key: str) -> Row | None:
        self._asked(f"get {key}")
        return await super().get(partition, key)

    async def gather(self, partition: str, keys: Sequence[str]) -> dict[str, Row]:
        self._asked("gather")
        return await super().gather(partition, keys)

    async def commit(self, partition: str, commit_id: str, changes: Sequence[Change]) -> None:
        self._asked("commit")
        await asyncio.sleep(self.commit_takes)
        await super().commit(partition, commit_id, changes)

    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        self._asked(f"list {prefix}")
        return await super().list(partition, prefix, limit=limit, after=after)


@dataclass
class Broker:
    sent: list[Event] = field(default_factory=list)

    async def publish(self, events: Sequence[Event]) -> None:
        self.sent += events

    def open(self) -> None: ...


class World:
    """What stands in the store, put there as the platform's own writers leave it."""

    def __init__(self, **settings: str) -> None:
        self.inner = CountingStore()
        self.store = Revised(self.inner)
        self.broker = Broker()
        sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
        self.container = Container(read({**sample, **QUICK, **settings}))
        made: dict[str, Any] = vars(self.container)  # where cached properties keep what they made
        made["store"] = self.store
        made["authoriser"] = PlainTokens(cast(Tokens, None), self.container.authoriser.limits)
        made["messaging"] = self.broker
        made["made_targets"] = SimpleNamespace(by_name={})

    async def provision(
        self, tenant: str = TENANT, ident: EnvironmentId = ENVIRONMENT, stage: str = "dev", *services: str
    ) -> None:
        fields = {"tenant_id": tenant, "project_id": "orders", "name": ident, "stage": stage, "region": "westeurope"}
        placed = {"placement": {"subscription_id": "sub", "resource_group": "rg"}, "compute_targets": ("aks",)}
        environment = Environment.model_validate(
            {
                **fields,
                **placed,
                "isolation_model": "silo",
                "environment_id": ident,
                "status": EnvironmentStatus.PROVISIONED,
                "pulumi_stack_ref": ident,
                "created_at": now(),
                "trace_id": "trace-1",
            }
        )
        await self.put({keys.ENVIRONMENT: environment, keys.SLOT: Slot(generation=1)}, tenant, ident)
        await self.bind(BindingStatus.ACTIVE, tenant, ident)
        await self.run(*services, tenant=tenant, ident=ident)
        await self.container.where.runs(environment, services)

    async def bind(self, status: BindingStatus, tenant: str = TENANT, ident: EnvironmentId = ENVIRONMENT) -> None:
        binding = TenantBinding(
            tenant_id=tenant, environment_id=ident, status=status, changed_at=now(), changed_by="provisioning"
        )
        await self.put({keys.BINDING: binding}, tenant, ident)

    async def run(
        self, *services: str, version: str = "1", tenant: str = TENANT, ident: EnvironmentId = ENVIRONMENT
    ) -> None:
        await self.put({keys.service(name): inventory_row(name, version) for name in services}, tenant, ident)

    async def health(
        self, statuses: Mapping[str, str], at: datetime | None = None, ident: EnvironmentId = ENVIRONMENT
    ) -> None:
        """A sweep's word."""
        at = at or now()
        services = {
            name: ServiceHealth(status=HealthStatus(word), since=at, checks=[Check(name="self", status=HealthStatus(word))])
            for name, word in statuses.items()
        }
        await self.put({keys.HEALTH: EnvironmentHealth(started_at=at, completed_at=at, services=services)}, ident=ident)

    async def put(self, rows: Mapping[str, Record], tenant: str = TENANT, ident: EnvironmentId = ENVIRONMENT) -> None:
        changes: list[Change] = [Put(key, row.document()) for key, row in rows.items()]
        for start in range(0, len(changes), 90):
            await self.store.commit(keys.partition_of(tenant, ident), draw(), changes[start : start + 90])

    async def delete(self, key: str) -> None:
        partition = keys.partition_of(TENANT, ENVIRONMENT)
        row = await self.store.get(partition, key)
        assert row is not None
        await self.store.commit(partition, draw(), [Delete(key, row.version)])


def inventory_row(name: str, version: str = "1") -> RuntimeService:
    image = f"acr.azurecr.io/{name}:{version}"
    workload = Workload(service_id=name, image=image, replicas=2, release="dep-1")
    return RuntimeService(
        service_id=name,
        target="container-apps",
        image=image,
        version=version,
        replicas=2,
        endpoint_url=f"https://{name}.example",
        deployment_id="dep-1",
        source=Source.DEPLOYMENT,
        observed_at=now(),
        generation=3,
        placed=Placed(target="container-apps", workload=workload),
    )


def token(tenant: str = TENANT, scopes: Sequence[str] = SCOPES, lasts: float = 3600.0) -> str:
    return f"{tenant};{'+'.join(scopes)};{time.time() + lasts}"


def carrying(bearer: str | None) -> tuple[tuple[str, str], ...]:
    return () if bearer is None else (("authorization", f"Bearer {bearer}"),)


class Client:
    """Calls of runtime.proto on one channel."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    def services(self, bearer: str | None = "", *, timeout: float = 5.0, **fields: Any) -> Any:
        request = pb.GetServicesRequest(**{"environment_id": ENVIRONMENT, "tenant_id": TENANT, **fields})
        return self._unary("RuntimeInventory", "GetServices", pb.GetServicesResponse, request, bearer, timeout)

    def findings(self, bearer: str | None = "", *, timeout: float = 5.0, **fields: Any) -> Any:
        request = pb.GetFindingsRequest(**{"environment_id": ENVIRONMENT, **fields})
        return self._unary("RuntimeDrift", "GetFindings", pb.GetFindingsResponse, request, bearer, timeout)

    def stream(self, bearer: str | None = "", *, timeout: float = 20.0, **fields: Any) -> Any:
        request = pb.StreamHealthRequest(**{"service_id": "api", "environment_id": ENVIRONMENT, **fields})
        call = self.channel.unary_stream(
            f"/{PACKAGE}.RuntimeHealth/StreamHealth",
            pb.StreamHealthRequest.SerializeToString,
            pb.StreamHealthResponse.FromString,
        )
        return call(request, metadata=carrying(token() if bearer == "" else bearer), timeout=timeout)

    def report(self, bearer: str | None = "", *, timeout: float = 20.0) -> Any:
        call = self.channel.stream_stream(
            f"/{PACKAGE}.RuntimeHealthIngest/ReportHealth",
            pb.ReportHealthRequest.SerializeToString,
            pb.ReportHealthResponse.FromString,
        )
        return call(metadata=carrying(token() if bearer == "" else bearer), timeout=timeout)

    def _unary(self, service: str, name: str, answer: Any, request: Any, bearer: str | None, timeout: float) -> Any:
        call = self.channel.unary_unary(f"/{PACKAGE}.{service}/{name}", type(request).SerializeToString, answer.FromString)
        return call(request, metadata=carrying(token() if bearer == "" else bearer), timeout=timeout)


async def refused(call: Any) -> Any:
    """The error of a call that must not end well."""
    try:
        await (call if hasattr(call, "__await__") else call.read())
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it was answered")


def code_of(error: Any) -> str:
    return str(dict(error.trailing_metadata()).get("cs-error-code"))


@asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[Server, Client]]:
    server = Server(world.container, "127.0.0.1:0")
    await server.start()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options)
    try:
        yield server, Client(channel)
    finally:
        await channel.close()
        await server.stop(0.2)


async def next_result(stream: Any) -> Any:
    """The next message that is no heartbeat."""
    while True:
        message = await stream.read()
        assert message is not grpc.aio.EOF, (await stream.code(), await stream.details())
        if message.HasField("result"):
            return message


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    for _ in iter(holds, True):
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)


async def ending(stream: Any) -> Any:
    """The error that ends a stream."""
    try:
        while await stream.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it ended well")
