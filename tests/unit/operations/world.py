"""The platform on the in-memory store: a clock that a test turns, ids that count up, a store and a broker that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from shared.access.caller import Caller
from shared.access.governance import Permit
from shared.events.active import Active
from shared.events.envelope import Event
from shared.events.journal import Cause, Entry, Journal, Place, Transaction
from shared.events.outbox import Outbox
from shared.kernel.canonical import sha256
from shared.kernel.errors import Transient
from shared.kernel.ids import EnvironmentId, environment_id
from shared.operations.intent import Answer, Intent
from shared.operations.model import JobResult, Operation, Run
from shared.operations.reading import Operations
from shared.operations.runs import Runs
from shared.runtime.environments.activities import Deps, run_claim, run_complete
from shared.runtime.environments.ending import Ending
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.model import Environment, ProvisionRequest
from shared.runtime.environments.service import Environments
from shared.store import keys
from shared.store.memory import MemoryStore
from shared.store.port import Change, Put, Row

NOON = datetime(2026, 6, 11, 12, tzinfo=UTC)
SHARDS = 2
TENANT = "connectsoft"
SEED = {
    "tenantId": TENANT,
    "projectId": "proj-booking-saas",
    "name": "booking-dev-weu",
    "stage": "dev",
    "region": "westeurope",
    "isolationModel": "silo",
    "computeTargets": ["aks", "container-apps"],
}
TRACE = "trace-" + "ab" * 16


class Time:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)


def counting() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{next(numbers):016x}"


class TangledStore(MemoryStore):
    """A MemoryStore whose calls let others go first, as those of a distant table do, and that fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.loses_acknowledgements = 0
        self.interludes: list[Callable[[], Awaitable[None]]] = []  # each runs once, ahead of one commit
        self.commits = 0

    async def _travel(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Transient("tables")

    async def get(self, partition: str, key: str) -> Row | None:
        await self._travel()
        return await super().get(partition, key)

    async def gather(self, partition: str, keys: Sequence[str]) -> dict[str, Row]:
        await self._travel()
        return await super().gather(partition, keys)

    async def list(self, partition: str, prefix: str, *, limit: int, after: str = "") -> Sequence[Row]:
        await self._travel()
        return await super().list(partition, prefix, limit=limit, after=after)

    async def commit(self, partition: str, commit_id: str, changes: Sequence[Change]) -> None:
        await self._travel()
        if self.interludes:
            await self.interludes.pop(0)()
        self.commits += 1
        await super().commit(partition, commit_id, changes)
        if self.loses_acknowledgements:
            self.loses_acknowledgements -= 1
            await super().commit(partition, commit_id, changes)  # as azure-core does after a 500 or a time-out

    def partition(self, partition: str) -> dict[str, Any]:
        return {key: self._row(partition, key, stored) for key, stored in self._partitions.get(partition, {}).items()}

    @property
    def everything(self) -> dict[str, dict[str, Any]]:
        return {name: self.partition(name) for name in self._partitions if self._partitions[name]}


class Broker:
    """What was published, in order; it can be away, and it can die right after it took a batch."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.down = False
        self.dies_after_taking = 0

    async def publish(self, events: Sequence[Event]) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Transient("serviceBus")
        self.events += events
        if self.dies_after_taking:
            self.dies_after_taking -= 1
            raise Transient("serviceBus")


class World:
    def __init__(self) -> None:
        self.time = Time()
        self.draw = counting()
        self.store = TangledStore()
        self.broker = Broker()
        self.sent: list[Place] = []
        self.active = Active(self.store, self.draw, SHARDS, self.time)
        self.outbox = Outbox(self.store, self.broker, self.draw)
        self.journal = Journal(self.store, self.active, self.time, self.draw, self.sent.append)
        self.runs = Runs(self.store, self.journal, self.time, self.draw)
        self.index = Index(self.store, self.time, self.draw, SHARDS)
        self.isolation = Isolation(self.store)
        self.environments = Environments(self.index, self.journal, self.time, "sub-1")
        self.operations = Operations(self.store)

    def intent(
        self, request: ProvisionRequest, *, own: str | None = None, key: bool = False, tenant: str = TENANT
    ) -> Intent:
        async def permit(_environment: EnvironmentId | None, _stage: str) -> Permit:
            return Permit(needed=False)

        own = own or self.draw()
        document = request.document()
        caller = Caller(tenant, "ada", "control-plane", frozenset(), TRACE)
        return Intent(caller, own, keys.idempotency(own) if key else None, document, sha256(document), permit)

    async def provision(self, **changed: Any) -> Operation:
        """A requested environment's operation."""
        request = ProvisionRequest.read(SEED | changed)
        answer = await self.environments.provision(self.intent(request, tenant=request.tenant_id), request)
        assert answer.operation is not None
        return answer.operation

    async def provisioned(self, **changed: Any) -> Environment:
        """An environment that is ready."""
        operation = await self.provision(**changed)
        run, deps = run_of(operation), Deps(self.runs, Ending(self.runs, self.index), job=None)  # type: ignore[arg-type] - no job is started
        assert await run_claim(deps, run)
        await self.report(run, JobResult(attempt=run.attempt, outputs={"vaultUri": "https://kv.example"}))
        await run_complete(deps, run)
        return await self.environment(operation)

    async def report(self, run: Run, result: JobResult) -> None:
        await self.runs.change(run, lambda row: row.model_copy(update={"result": result}))

    async def environment(self, operation: Operation) -> Environment:
        row = await self.store.get(place_of(operation).partition, keys.ENVIRONMENT)
        assert row is not None
        return Environment.read(row.document)

    async def stored(self, operation: Operation) -> Operation:
        row = await self.store.get(place_of(operation).partition, operation.operation_id)
        assert row is not None
        return Operation.read(row.document)

    async def put(self, place: Place, key: str, document: dict[str, Any]) -> None:
        """Whatever stands there: what another worker writes."""
        await self.store.commit(place.partition, self.draw(), [Put(key, document)])

    def log(self, partition: str) -> list[Entry]:
        """Newest first."""
        rows = self.store.partition(partition)
        return [Entry.read(rows[key].document) for key in sorted(rows) if key.startswith("log-")]

    def transaction(self, place: Place, *, kind: str = "thing.changed") -> Transaction:
        return Transaction(place, Cause("ada", "control-plane", TRACE), kind, "thing-1", "it was changed")


def place(tenant: str = TENANT, own: str = "0" * 16) -> Place:
    return Place(tenant, environment_id(own), "proj")


def place_of(operation: Operation) -> Place:
    return Place(operation.tenant_id, operation.environment_id, operation.project_id)


def run_of(operation: Operation, attempt: int = 1) -> Run:
    return Run(
        tenant_id=operation.tenant_id,
        environment_id=operation.environment_id,
        operation_id=operation.operation_id,
        attempt=attempt,
        must_settle_by=operation.must_settle_by,
    )


def operation_of(answer: Answer) -> Operation:
    assert answer.operation is not None
    return answer.operation
