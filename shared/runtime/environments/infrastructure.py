"""What a look at an environment's infrastructure found: the provisioner's preview of a refresh, kept as one row.

The row says of which generation it is: an operation that began since has made it worthless, and whoever reads it asks with
the generation that stands. The drift scan turns it into a finding (`shared.runtime.drift`), as it does with services: once
per environment, resolved when a later look finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.events.journal import Place
from shared.kernel.clock import Draw
from shared.kernel.errors import NotFound
from shared.kernel.record import Record
from shared.operations.slot import Slot
from shared.store import keys
from shared.store.port import Conflict, Put, Replace, Row, Store
from shared.store.reading import read

MOST = 100  # differences that are kept
LONGEST = 200  # characters of a name


class ResourceChange(StrEnum):
    """What a refresh would do to the state: how reality differs from it."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class ResourceDifference(Record):
    resource: str  # as the program calls it: `<type>::<name>`
    change: ResourceChange
    properties: list[str] = []  # paths, never values: those may be secrets

    @property
    def told(self) -> str:
        if self.change is ResourceChange.DELETE:
            return "gone"
        if self.change is ResourceChange.CREATE:
            return "not of the program"
        return f"changed ({', '.join(self.properties[:5])})" if self.properties else "changed"


class InfrastructureLook(Record):
    started_at: datetime
    completed_at: datetime
    generation: int  # of the slot when it started
    differences: list[ResourceDifference]


@dataclass(frozen=True)
class Looks:
    store: Store
    draw: Draw

    async def record(self, place: Place, look: InfrastructureLook) -> bool:
        """`record infrastructure findings`: keep what a look found, for the drift scan to post. Key: the look's start.

        False, and nothing is written, when an operation began since the look started, or a later look is there. Raises
        `NotFound` for an environment that is not there, `Transient`, `Conflict` when the slot moved in this very moment:
        then the look is worthless too.
        """
        rows = await self.store.gather(place.partition, [keys.SLOT, keys.INFRASTRUCTURE])
        if keys.SLOT not in rows:
            raise NotFound("environment", place.environment_id or "")
        slot = Slot.read(rows[keys.SLOT].document)
        standing = standing_look(place, rows.get(keys.INFRASTRUCTURE))
        overtaken = standing is not None and standing.started_at >= look.started_at
        if slot.operation_id is not None or slot.generation != look.generation or overtaken:
            return False
        unmoved = Replace(keys.SLOT, slot.document(), rows[keys.SLOT].version)
        kept = look.model_copy(update={"differences": _bounded(look.differences)})
        try:
            await self.store.commit(place.partition, self.draw(), [unmoved, Put(keys.INFRASTRUCTURE, kept.document())])
        except Conflict:
            return False
        return True


def standing_look(place: Place, row: Row | None) -> InfrastructureLook | None:
    """The row as a look; None without one. Raises `Unreadable`."""
    return None if row is None else read(InfrastructureLook, place.partition, row)


def _bounded(differences: Sequence[ResourceDifference]) -> list[ResourceDifference]:
    def cut(one: ResourceDifference) -> ResourceDifference:
        names = [name[:LONGEST] for name in one.properties[:MOST]]
        return one.model_copy(update={"resource": one.resource[:LONGEST], "properties": names})

    return [cut(one) for one in differences[:MOST]]
