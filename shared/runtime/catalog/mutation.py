"""ServiceCatalogRuntimeService: what the RuntimeInventoryWorker, or an import, has to say about what runs.

Invariants
- What a deployment promoted stays as it was promoted: of such a row an observation brings the address and when the
  service was last seen. Image and version of it change by releases alone; a change behind the platform's back is drift.
- Everything else (a service that somebody else put there) is as its last observation says.
- An observation never overwrites a newer one, nor a release that came after it: it is `Stale` and changes nothing.
- Who reads `RuntimeInventoryUpdated` finds the change: both are one transaction.

Failure modes: `Conflict` for a lost race; a batch of more rows than one transaction takes goes in several, each whole, and
may be sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from shared.events.journal import Journal, Transaction
from shared.kernel.errors import NotFound, TargetNotEnabled, ValidationFailed
from shared.kernel.record import Record
from shared.operations.intent import Answer, Intent
from shared.runtime.catalog.events import InventoryUpdated
from shared.runtime.catalog.model import Placed, RuntimeService, ServiceReport, Source, version_of
from shared.runtime.catalog.rows import MAX_SERVICES, PREFIX
from shared.runtime.catalog.where import Where
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.model import ComputeTarget, Name, TenantId
from shared.store import keys
from shared.store.port import Row
from shared.store.reading import read
from shared.targets.port import Workload

MOST = 500  # services in a batch
CHUNK = 80  # rows in one transaction, as in a promotion

Image = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,512}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{1,2040}$")]


class Seen(Record):
    """A service as somebody found it. `generation`: of the environment when it was looked at."""

    target: ComputeTarget
    image: Image
    replicas: Annotated[int, Field(ge=0, le=10_000)]
    endpoint_url: Url | None = None
    source: Literal[Source.OBSERVATION, Source.IMPORT] = Source.OBSERVATION
    observed_at: AwareDatetime
    generation: Annotated[int, Field(ge=0)] | None = None


class PutServiceRequest(Seen):
    """PUT /internal/environments/{environmentId}/services/{serviceId}."""

    tenant_id: TenantId | None = None


class SeenService(Seen):
    service_id: Name


class InventoryRequest(Record):
    """POST /internal/environments/{environmentId}/inventory."""

    tenant_id: TenantId | None = None
    services: Annotated[list[SeenService], Field(min_length=1, max_length=MOST)]


class MutationOutcome(StrEnum):
    APPLIED = "Applied"
    UNCHANGED = "Unchanged"  # known already; only when it was last seen is new
    STALE = "Stale"


class Mutated(Record):
    service_id: str
    outcome: MutationOutcome


class InventoryAnswer(Record):
    """One outcome per service, in the batch's order."""

    environment_id: str
    results: list[Mutated]
    trace_id: str


@dataclass(frozen=True)
class Judged:
    service_id: str
    outcome: MutationOutcome
    row: Row | None
    service: RuntimeService  # as it stands afterwards


@dataclass(frozen=True)
class Mutations:
    journal: Journal
    where: Where
    targets: frozenset[str]  # that are enabled here

    async def put(self, intent: Intent, admitted: Admitted, service_id: str, request: PutServiceRequest) -> Answer:
        """The row as it stands afterwards. Raises `TargetNotEnabled`, `ValidationFailed` when the environment is full."""
        self._require_enabled(intent, request.target, "target")
        row = await self._row(admitted, service_id)
        judged = _judged(admitted, service_id, row, request)
        if row is None:
            intent.check(_room(await self._count(admitted), 1))
        _will_write(intent, judged)
        tx = intent.transaction(admitted.place, "inventory.observed", service_id, _told([judged]))
        answer = intent.remember(
            tx, Answer(200, judged.service.document(ServiceReport) | {"traceId": intent.caller.trace_id})
        )
        await self._commit(admitted, tx, [judged])
        return answer

    async def batch(self, intent: Intent, admitted: Admitted, request: InventoryRequest) -> Answer:
        """One outcome per service, in the batch's order. Raises as `put`, and `ValidationFailed` for one named twice."""
        for index, seen in enumerate(request.services):
            self._require_enabled(intent, seen.target, f"services[{index}].target")
        rows = {row.key.removeprefix(PREFIX): row for row in await self._rows(admitted)}
        judged = [_judged(admitted, seen.service_id, rows.get(seen.service_id), seen) for seen in request.services]
        intent.check(lambda: _require_each_once(judged))
        intent.check(_room(len(rows), sum(one.row is None for one in judged)))
        for one in judged:
            if one.outcome is not MutationOutcome.STALE:
                _will_write(intent, one)
        environment_id = admitted.environment.environment_id
        tx = intent.transaction(admitted.place, "inventory.observed", environment_id, "")
        results = [Mutated(service_id=one.service_id, outcome=one.outcome) for one in judged]
        told = InventoryAnswer(environment_id=environment_id, results=results, trace_id=intent.caller.trace_id)
        answer = Answer(200, told.document())
        moved = [one for one in judged if one.outcome is not MutationOutcome.STALE]
        while len(moved) > CHUNK:
            part, moved = moved[:CHUNK], moved[CHUNK:]
            await self._commit(admitted, replace(tx, changes=[], drafts=[], summary=_told(part)), part)
        tx.summary = _told([*moved, *(one for one in judged if one.outcome is MutationOutcome.STALE)])
        intent.remember(tx, answer)
        await self._commit(admitted, tx, moved)
        return answer

    async def remove(self, intent: Intent, admitted: Admitted, service_id: str) -> Answer:
        """Forget a service. Raises `NotFound`. One of the stable snapshot is back with the next promotion."""
        row = await self._row(admitted, service_id)
        if row is None:
            raise NotFound("service", service_id)
        intent.will("remove", f"services/{service_id}", "from the inventory; what runs stays")
        tx = intent.transaction(admitted.place, "inventory.removed", service_id, f"{service_id} left the inventory")
        tx.delete(row)
        self._tell(admitted, tx)
        answer = intent.remember(tx, Answer(204, {}))
        await self.journal.commit(tx)
        await self.where.left(admitted.environment, [service_id])
        return answer

    async def _commit(self, admitted: Admitted, tx: Transaction, judged: Sequence[Judged]) -> None:
        """The rows, with an event when one of them is news; index rows first."""
        if made := [one.service_id for one in judged if one.row is None]:
            await self.where.runs(admitted.environment, made)
        for one in judged:
            if one.outcome is not MutationOutcome.STALE:
                tx.write(one.row, keys.service(one.service_id), one.service)
        if any(one.outcome is MutationOutcome.APPLIED for one in judged):
            self._tell(admitted, tx)
        await self.journal.commit(tx)

    def _tell(self, admitted: Admitted, tx: Transaction) -> None:
        environment_id, generation = admitted.environment.environment_id, admitted.slot.generation
        tx.emit(InventoryUpdated(environment_id=environment_id, generation=generation))

    def _require_enabled(self, intent: Intent, target: str, path: str) -> None:
        if target not in self.targets:
            intent.meet(TargetNotEnabled(target, path))

    async def _row(self, admitted: Admitted, service_id: str) -> Row | None:
        return await self.journal.store.get(admitted.place.partition, keys.service(service_id))

    async def _rows(self, admitted: Admitted) -> Sequence[Row]:
        return await self.journal.store.list(admitted.place.partition, PREFIX, limit=MAX_SERVICES)

    async def _count(self, admitted: Admitted) -> int:
        return len(await self._rows(admitted))


def _judged(admitted: Admitted, service_id: str, row: Row | None, seen: Seen) -> Judged:
    """Pure: what the row is afterwards. Raises `Unreadable`."""
    if row is None:
        return Judged(service_id, MutationOutcome.APPLIED, None, _as_seen(admitted, service_id, seen))
    standing = read(RuntimeService, admitted.place.partition, row)
    older = seen.generation is not None and seen.generation < standing.generation
    if older or seen.observed_at < standing.observed_at:
        return Judged(service_id, MutationOutcome.STALE, row, standing)
    if standing.source is Source.DEPLOYMENT:
        url = seen.endpoint_url or standing.endpoint_url
        service = standing.model_copy(update={"endpoint_url": url, "observed_at": seen.observed_at})
    else:
        service = _as_seen(admitted, service_id, seen)
    same = service.model_copy(update={"observed_at": standing.observed_at}) == standing
    return Judged(service_id, MutationOutcome.UNCHANGED if same else MutationOutcome.APPLIED, row, service)


def _as_seen(admitted: Admitted, service_id: str, seen: Seen) -> RuntimeService:
    workload = Workload(service_id=service_id, image=seen.image, replicas=seen.replicas, release=seen.source.value)
    return RuntimeService(
        service_id=service_id,
        target=seen.target,
        image=seen.image,
        version=version_of(seen.image),
        replicas=seen.replicas,
        endpoint_url=seen.endpoint_url,
        source=seen.source,
        observed_at=seen.observed_at,
        generation=admitted.slot.generation if seen.generation is None else seen.generation,
        placed=Placed(target=seen.target, workload=workload),
    )


def _require_each_once(judged: Sequence[Judged]) -> None:
    named = [one.service_id for one in judged]
    twice = {
        f"services[{index}].serviceId": ["is named twice"] for index, name in enumerate(named) if name in named[:index]
    }
    if twice:
        raise ValidationFailed(twice)


def _room(standing: int, more: int) -> Any:
    def check() -> None:
        if standing + more > MAX_SERVICES:
            raise ValidationFailed({"": [f"an environment has at most {MAX_SERVICES} services"]})

    return check


def _will_write(intent: Intent, judged: Judged) -> None:
    service, word = judged.service, "replace" if judged.row else "create"
    intent.will(word, f"services/{judged.service_id}", f"{service.image} on {service.target}")


def _told(judged: Sequence[Judged]) -> str:
    if len(judged) == 1:
        return f"{judged[0].service_id} was seen: {judged[0].outcome.value}"
    counts = {outcome: sum(one.outcome is outcome for one in judged) for outcome in MutationOutcome}
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
    return f"{len(judged)} services were seen: {told}"
