"""One tenant's environment on the in-memory store, and a cloud that a test rearranges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from shared.access.binding import BindingStatus, TenantBinding
from shared.access.caller import Caller
from shared.events.active import Active, Listed
from shared.events.envelope import EventType
from shared.events.journal import Entry, Journal, Place
from shared.kernel.clock import text
from shared.kernel.ids import EnvironmentId, OperationId
from shared.operations.slot import Slot
from shared.runtime.catalog.model import Placed, RuntimeService, Snapshot, Source, version_of
from shared.runtime.catalog.rows import Catalog
from shared.runtime.catalog.where import Where
from shared.runtime.environments.index import LISTED, Index, ListedEnvironment, Summary
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.model import (
    ComputeTarget,
    Environment,
    EnvironmentStatus,
    IsolationModel,
    Placement,
    Stage,
)
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.store.port import Delete, Put, Row
from shared.targets.port import (
    Field,
    Holder,
    Measure,
    Observation,
    ObservedBounds,
    ObservedReplica,
    ObservedRevision,
    SecretReference,
    Site,
    Stamp,
    Workload,
)

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
TENANT = "connectsoft"
SHARDS = 4
VAULT = "https://kv-booking.vault.azure.net"
DEPLOYMENT = "dep-00000000000000aa00000000000000d1"
CALLER = Caller(TENANT, "ada", "control-plane", frozenset({"runtime.drift.read"}), "trace-1")
Before = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Happens before a target answers."""


@dataclass
class Cloud:
    """A target that tells what a test put there; a sweep never changes anything on it."""

    running: dict[str, Observation] = field(default_factory=dict)
    failure: Exception | None = None
    before: Before = nothing
    asked: list[str] = field(default_factory=list)

    async def observe(self, site: Site) -> Mapping[str, Observation]:
        self.asked.append(site.environment_id)
        await self.before()
        if self.failure is not None:
            raise self.failure
        return self.running

    async def apply(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        raise AssertionError("a sweep applies nothing")

    async def promote(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        raise AssertionError("a sweep promotes nothing")

    async def scale(self, site: Site, stamp: Stamp, workload: Workload) -> None:
        raise AssertionError("a sweep scales nothing")

    async def remove(self, site: Site, stamp: Stamp, service_ids: Sequence[str]) -> None:
        raise AssertionError("a sweep removes nothing")


def image_of(version: str, name: str = "api") -> str:
    return f"acr.azurecr.io/{name}:{version}"


Env = Mapping[str, str | SecretReference]


def placed(
    service_id: str,
    *,
    version: str = "1.4.2",
    replicas: int = 2,
    target: str = "aks",
    env: Env | None = None,
    configuration_id: str | None = None,
) -> Placed:
    workload = Workload(
        service_id=service_id, image=image_of(version), replicas=replicas, env=dict(env or {}), release=DEPLOYMENT
    )
    return Placed(target=target, workload=workload, configuration_id=configuration_id)


def observed(
    service_id: str,
    *,
    image: str = image_of("1.4.2"),
    replicas: int = 2,
    autoscaled: bool = False,
    bounds: tuple[int, int] | None = None,
    measures: Sequence[Measure] | None = None,
    env: Mapping[str, str] | None = None,
    name: str = "r0123456789",
    holders: Mapping[Field, Holder] | None = None,
    serving: bool = True,
    addresses: Sequence[str] = ("http://10.2.0.7:8080",),
) -> Observation:
    revision = ObservedRevision(
        name=name,
        image=image,
        replicas=[ObservedReplica(name="r1-0", ready=False)],  # readiness is nobody's business here
        addresses=list(addresses),
        serving=serving,
        settled=True,
    )
    return Observation(
        service_id=service_id,
        observed_at=NOON,
        replicas=replicas,
        autoscaled=autoscaled,
        bounds=_bounded(*bounds, measures) if bounds else None,
        env=dict(env or {}),
        revisions=[revision],
        stamp=None,
        holders=dict(holders or {}),
    )


def _bounded(least: int, most: int, measures: Sequence[Measure] | None) -> ObservedBounds:
    told = None if measures is None else list(measures)
    return ObservedBounds(min_replicas=least, max_replicas=most, measures=told)


class World:
    """The parts that sweeps depend on, on one store; `ago` and `later` move the one clock."""

    def __init__(self, environment_id: str = "env-00000000000000aa", store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.time = NOON
        self.aks, self.apps = Cloud(), Cloud()
        self.targets = {"aks": self.aks, "container-apps": self.apps}
        self.sent: list[Place] = []
        numbers = count(1)
        self.draw: Callable[[], str] = lambda: f"{environment_id[-4:]}{next(numbers):012x}"
        self.isolation = Isolation(self.store)
        self.index = Index(self.store, self.clock, self.draw, SHARDS)
        self.catalog = Catalog(self.store, Where(self.store, self.clock, self.draw), self.clock, self.draw)
        active = Active(self.store, self.draw, SHARDS)
        self.journal = Journal(self.store, active, self.clock, self.draw, self.sent.append)
        self.environment = Environment(
            tenant_id=TENANT,
            project_id="proj-booking-saas",
            name="booking-prod-weu",
            stage=Stage.PROD,
            region="westeurope",
            isolation_model=IsolationModel.SILO,
            compute_targets=(ComputeTarget.AKS, ComputeTarget.CONTAINER_APPS),
            environment_id=EnvironmentId(environment_id),
            status=EnvironmentStatus.PROVISIONED,
            pulumi_stack_ref="booking-prod-weu",
            placement=Placement(subscription_id="sub", resource_group="rg"),
            stable_deployment_id=DEPLOYMENT,
            created_at=NOON,
            trace_id="trace-1",
        )
        self.place = Place(TENANT, self.environment.environment_id, self.environment.project_id)

    def clock(self) -> datetime:
        return self.time

    def later(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time

    async def stand(self, *services: Placed, status: EnvironmentStatus = EnvironmentStatus.PROVISIONED) -> None:
        """The environment, its slot and list rows, and `services` as stable."""
        environment = self.environment.model_copy(update={"status": status})
        binding = TenantBinding(
            tenant_id=TENANT,
            environment_id=environment.environment_id,
            status=BindingStatus.ACTIVE,
            changed_at=NOON,
            changed_by="provisioning",
        )
        await self.put(keys.ENVIRONMENT, environment.document())
        await self.put(keys.BINDING, binding.document())
        await self.put(keys.SLOT, Slot(generation=1).document())
        shard = keys.all_shard(keys.shard_of(self.place.partition, SHARDS))
        listed = Listed(tenant_id=TENANT, environment_id=environment.environment_id, project_id=environment.project_id)
        await self.store.commit(shard, self.draw(), [Put(self.place.partition, listed.document())])
        await self.index.project(environment)
        await self.want(*services)

    async def want(self, *services: Placed) -> None:
        """What is stable, as snapshot and as inventory rows."""
        by_id = {one.workload.service_id: one for one in services}
        snapshot = Snapshot(deployment_id=DEPLOYMENT, release_ref="release-1", content_hash="0" * 64, services=by_id)
        await self.put(keys.snapshot(DEPLOYMENT), snapshot.document())
        for row in await self.store.list(self.place.partition, "svc-", limit=1000):
            await self.store.commit(self.place.partition, self.draw(), [Delete(row.key, row.version)])
        for service_id, one in by_id.items():
            await self.put(keys.service(service_id), _inventory(service_id, one).document())

    async def tell(self, service: Placed) -> None:
        """Somebody else puts a service into the inventory."""
        service_id = service.workload.service_id
        row = _inventory(service_id, service).model_copy(update={"source": Source.IMPORT})
        await self.put(keys.service(service_id), row.document())

    async def bound(self, service_id: str, *, consumers: str, binding: str) -> Placed:
        """A service with a secret at version `consumers`, whose binding uses `binding`."""
        own = self.environment.environment_id.removeprefix("env-") + "0" * 16
        common = {"tenantId": TENANT, "environmentId": self.environment.environment_id, "traceId": "trace-1"}
        at = {"createdAt": text(NOON)}
        secret = {"name": "db", "secretName": "db", "version": binding}
        about = {"secretBindingId": f"sec-{own}", "serviceId": service_id, "vaultUri": VAULT, "boundBy": "ada"}
        await self.put(f"sec-{own}", common | at | about | {"secrets": [secret]})
        values = {"DB": {"secretRef": f"sec-{own}/db"}}
        published = {"configurationId": f"cfg-{own}", "version": 1, "contentHash": "0", "publishedBy": "ada"}
        await self.put(f"cfg-{own}", common | at | published | {"values": values})
        reference = SecretReference(vault_uri=VAULT, secret_name="db", version=consumers)
        return placed(service_id, env={"DB": reference}, configuration_id=f"cfg-{own}")

    async def deploy(self, *, ends: bool) -> None:
        """An operation takes the slot, and frees it again when it `ends`."""
        held = Slot(operation_id=OperationId("op-1"), must_settle_by=NOON, generation=2)
        await self.put(keys.SLOT, held.document())
        if ends:
            await self.put(keys.SLOT, Slot(generation=2).document())

    async def row(self, key: str) -> Row | None:
        return await self.store.get(self.place.partition, key)

    async def log(self) -> list[Entry]:
        """Oldest first."""
        rows = await self.store.list(self.place.partition, "log-", limit=1000)
        return [Entry.read(row.document) for row in reversed(rows)]

    async def events(self, event_type: EventType) -> list[dict[str, Any]]:
        """Payloads, oldest first."""
        events = [event for entry in await self.log() for event in entry.events if event.event_type is event_type]
        return [event.payload for event in sorted(events, key=lambda event: event.sequence)]

    async def summary(self) -> Summary:
        environment = self.environment
        key = keys.listed(LISTED, environment.created_at, environment.environment_id)
        row = await self.store.get(keys.tenant_partition(TENANT), key)
        assert row is not None
        return ListedEnvironment.read(row.document).summary

    async def rows(self) -> dict[str, Row]:
        """Everything in the environment's partition."""
        return {row.key: row for row in await self.store.list(self.place.partition, "", limit=2000)}

    async def put(self, key: str, document: Mapping[str, Any]) -> None:
        await self.store.commit(self.place.partition, self.draw(), [Put(key, document)])


def _inventory(service_id: str, one: Placed) -> RuntimeService:
    return RuntimeService(
        service_id=service_id,
        target=one.target,
        image=one.workload.image,
        version=version_of(one.workload.image),
        replicas=one.workload.replicas,
        deployment_id=DEPLOYMENT,
        source=Source.DEPLOYMENT,
        observed_at=NOON,
        generation=1,
        placed=one,
    )
