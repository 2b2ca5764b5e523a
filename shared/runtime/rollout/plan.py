"""Which service changes in which wave, as rows: one per service, so that the work on one never reads the others.

A row also knows what the service was before: a rollback needs no memory but this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.kernel.canonical import sha256
from shared.kernel.clock import Draw
from shared.kernel.ids import OperationId
from shared.kernel.record import Record
from shared.operations.slot import Slot
from shared.runtime.catalog.model import Placed
from shared.store import keys
from shared.store.port import Change, Put, Replace, Row, Store

CHUNK = 90


class Planned(Record):
    service_id: str
    wave: int
    wanted: Placed | None = None  # None: the service is taken away
    before: Placed | None = None  # None: the service is new
    applied_at: datetime | None = None
    applied_by: int | None = None  # the attempt


def made_by(operation_id: OperationId) -> str:
    """The id of a deployment: it shares its own part with the operation that makes it."""
    return f"dep-{operation_id.removeprefix('op-')}"


def key(deployment_id: str, wave: int, service_id: str) -> str:
    return f"{keys.plan(deployment_id)}{wave:03d}-{service_id}"


@dataclass(frozen=True)
class Plans:
    store: Store
    draw: Draw

    async def write(self, partition: str, deployment_id: str, planned: Sequence[Planned]) -> None:
        """Key: (deployment, wave, service); written in chunks before anything is applied, so repeating is harmless."""
        changes: list[Change] = [Put(key(deployment_id, item.wave, item.service_id), item.document()) for item in planned]
        for start in range(0, len(changes), CHUNK):
            await self.store.commit(partition, self.draw(), changes[start : start + CHUNK])

    async def wave(self, partition: str, deployment_id: str, wave: int) -> list[Planned]:
        rows = await self.store.list(partition, f"{keys.plan(deployment_id)}{wave:03d}-", limit=1000)
        return [Planned.read(row.document) for row in rows]

    async def all(self, partition: str, deployment_id: str) -> list[Planned]:
        rows = await self.store.list(partition, keys.plan(deployment_id), limit=1000)
        return [Planned.read(row.document) for row in rows]

    async def rolling(self, partition: str) -> frozenset[str]:
        """The services that the release in flight is to make run; none while nothing is in flight or planned."""
        row = await self.store.get(partition, keys.SLOT)
        holder = Slot.read(row.document).operation_id if row else None
        planned = await self.all(partition, made_by(holder)) if holder else []
        return frozenset(item.service_id for item in planned if item.wanted)

    async def applied(self, partition: str, row: Row, at: datetime, attempt: int) -> None:
        """Remember when the service was applied: evidence must be younger."""
        planned = Planned.read(row.document).model_copy(update={"applied_at": at, "applied_by": attempt})
        await self.store.commit(partition, self.draw(), [Replace(row.key, planned.document(), row.version)])


def content_hash(planned: Sequence[Planned]) -> str:
    """One hash over all that a release makes run: images, configuration, settings."""
    return sha256({item.service_id: item.wanted.document() if item.wanted else None for item in planned})
