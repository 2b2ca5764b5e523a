"""A look on its way into the row, and what changed on its way to those who listen.

An event stands in the transaction that writes the status it tells. Changes beyond one transaction leave the rest of the row
as it was until their own turn: what a crash cuts off is still a change at the next tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events.journal import PLATFORM_CLIENT, Cause, Journal, Place, Transaction
from shared.kernel.ids import EnvironmentId
from shared.kernel.trace import trace_id_of
from shared.runtime.health.events import HealthCheckCompleted
from shared.runtime.health.model import EnvironmentHealth
from shared.store import keys
from shared.store.port import Conflict, Row

EVENTS = 40  # in one transaction: with its rows, far below the table's 100 changes
NAMED = 5  # services in a summary
LONGEST_CAUSE = 64  # characters of a check's name in it
ACTOR = "health-sweep"


@dataclass(frozen=True)
class Writing:
    """Every method raises `Conflict` when another sweep was faster."""

    journal: Journal
    place: Place
    health: EnvironmentHealth

    async def write(self, row: Row | None, standing: EnvironmentHealth) -> None:
        changed = [name for name, service in self.health.services.items() if service.status is not standing.status_of(name)]
        while len(changed) > EVENTS:
            told, changed = changed[:EVENTS], changed[EVENTS:]
            services = standing.services | {name: self.health.services[name] for name in told}
            part = standing.model_copy(update={"services": services})
            await self._commit(row, standing, part, told)
            row, standing = await self._written(part), part
        await self._commit(row, standing, self.health, changed)

    async def _commit(
        self, row: Row | None, before: EnvironmentHealth, after: EnvironmentHealth, changed: Sequence[str]
    ) -> None:
        """Write `after` with the events of `changed`; without any, the row alone."""
        cause = Cause(ACTOR, PLATFORM_CLIENT, trace_id_of(None))
        tx = Transaction(
            self.place, cause, "health.changed", self.place.environment_id or "", self._summary(before, changed)
        )
        tx.write(row, keys.HEALTH, after)
        environment_id = EnvironmentId(self.place.environment_id or "")
        for service_id in changed:
            tx.emit(HealthCheckCompleted.of(environment_id, service_id, before, self.health), module_id=service_id)
        if changed:
            await self.journal.commit(tx)
        else:
            await self.journal.store.commit(self.place.partition, self.journal.draw(), tx.changes)

    async def _written(self, part: EnvironmentHealth) -> Row:
        """The row as `part` left it, for its version."""
        row = await self.journal.store.get(self.place.partition, keys.HEALTH)
        if row is None or row.document != part.document():
            raise Conflict(keys.HEALTH)
        return row

    def _summary(self, before: EnvironmentHealth, changed: Sequence[str]) -> str:
        named = ", ".join(self._change(before, name) for name in changed[:NAMED])
        return f"{named} and {len(changed) - NAMED} more" if len(changed) > NAMED else named

    def _change(self, before: EnvironmentHealth, service_id: str) -> str:
        service = self.health.services[service_id]
        because = f" ({service.cause[:LONGEST_CAUSE]})" if service.cause else ""
        return f"{service_id}: {before.status_of(service_id)} to {service.status}{because}"
