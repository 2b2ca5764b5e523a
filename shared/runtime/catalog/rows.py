"""The inventory as rows: a projection of the stable snapshot, written after the promotion that made it stable.

Idempotent and in chunks: a crash in between leaves some rows behind, and writing all of them again mends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.events.journal import Place
from shared.kernel.clock import Clock, Draw
from shared.runtime.catalog.model import Placed, RuntimeService, Snapshot, Source, version_of
from shared.runtime.catalog.where import Where
from shared.runtime.environments.model import Environment
from shared.store import keys
from shared.store.packing import Illegible
from shared.store.port import Change, Delete, Put, Row, Store
from shared.store.reading import read_all

CHUNK = 90
IN_ONE_COMMIT = 80  # of the 100 changes of a transaction; the promotion's own rows and events take the rest
MAX_SERVICES = 500
PREFIX = "svc-"


@dataclass(frozen=True)
class Catalog:
    store: Store
    where: Where
    clock: Clock
    draw: Draw

    async def snapshot(self, place: Place, deployment_id: str | None) -> Snapshot | None:
        """What a promoted deployment left running; None without one."""
        if deployment_id is None:
            return None
        row = await self.store.get(place.partition, keys.snapshot(deployment_id))
        return Snapshot.read(row.document) if row else None

    async def services(self, place: Place) -> list[RuntimeService]:
        rows = await self.store.list(place.partition, PREFIX, limit=MAX_SERVICES)
        return read_all(RuntimeService, place.partition, rows)

    async def project(
        self,
        environment: Environment,
        snapshot: Snapshot,
        generation: int,
        endpoints: Mapping[str, str],
        *,
        everything: bool = False,
        beside: Sequence[Change] = (),
    ) -> None:
        """Make the rows equal the snapshot; those that no deployment made stay, unless `everything` goes.

        Key: the snapshot; repeating is harmless. `beside` is committed with the last of it.
        """
        place = Place(environment.tenant_id, environment.environment_id, environment.project_id)
        await self.where.runs(environment, list(snapshot.services))
        standing = await self.store.list(place.partition, PREFIX, limit=MAX_SERVICES)
        unwanted = [row for row in standing if row.key.removeprefix(PREFIX) not in snapshot.services]
        gone = [row for row in unwanted if everything or not _is_foreign(row)]
        await self.where.left(environment, [row.key.removeprefix(PREFIX) for row in gone])
        changes: list[Change] = [Delete(row.key, row.version) for row in gone]
        for service_id, placed in snapshot.services.items():
            row = self._row(service_id, placed, generation, endpoints.get(service_id))
            changes.append(Put(keys.service(service_id), row.document()))
        while len(changes) > CHUNK:
            await self.store.commit(place.partition, self.draw(), changes[:CHUNK])
            changes = changes[CHUNK:]
        if changes or beside:
            await self.store.commit(place.partition, self.draw(), [*changes, *beside])

    def promoted(self, services: Mapping[str, Placed], generation: int, *, beside: int = 0) -> dict[str, RuntimeService]:
        """The rows of what a release changed, by key: for the promotion's own transaction, as far as they fit with
        `beside` more rows of its own."""
        changed = list(services.items())[: max(0, IN_ONE_COMMIT - beside)]
        return {keys.service(service_id): self._row(service_id, placed, generation, None) for service_id, placed in changed}

    async def clear(self, environment: Environment) -> None:
        """Forget what ran: the environment is gone. Repeating is harmless."""
        nothing = Snapshot(deployment_id="", release_ref="", content_hash="", services={})
        await self.project(environment, nothing, 0, {}, everything=True)

    def _row(self, service_id: str, placed: Placed, generation: int, endpoint_url: str | None) -> RuntimeService:
        workload = placed.workload
        return RuntimeService(
            service_id=service_id,
            target=placed.target,
            image=workload.image,
            version=version_of(workload.image),
            replicas=workload.replicas,
            endpoint_url=endpoint_url,
            deployment_id=workload.release,
            source=Source.DEPLOYMENT,
            observed_at=self.clock(),
            generation=generation,
            placed=placed,
        )


def _is_foreign(row: Row) -> bool:
    """Whether somebody else than a deployment put the service there. What cannot be read goes, as it always did."""
    return not isinstance(row.document, Illegible) and row.document.get("source") != Source.DEPLOYMENT
