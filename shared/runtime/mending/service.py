"""Mending: load, decide, commit once. Who decides on the finding says why; here is the operation that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.access.governance import Permit
from shared.events.journal import Journal, Transaction
from shared.kernel.clock import Clock
from shared.operations import slot
from shared.operations.intent import Answer, Intent
from shared.operations.model import Operation, OperationKind
from shared.runtime.environments.index import Index
from shared.runtime.environments.isolation import Admitted
from shared.runtime.environments.operating import asked_for
from shared.store import keys

WITHIN = timedelta(minutes=45)  # as long as provisioning has

Begin = Callable[[Transaction], Mapping[str, Any]]


@dataclass(frozen=True)
class Mending:
    index: Index
    journal: Journal
    clock: Clock

    async def begin(
        self, intent: Intent, admitted: Admitted, permit: Permit, begin: Begin, retries: Operation | None
    ) -> Answer:
        """Commit the intent to put the infrastructure right; the orchestration does the rest.

        `begin` adds to the transaction and makes the answer. Raises `OperationInFlight`.
        """
        environment = admitted.environment
        operation = self._operation(intent, admitted, permit)
        if retries is not None:
            operation = operation.again(retries)
        await self.index.announce_operation(operation)
        summary = f"mending the infrastructure of {environment.name} began"
        tx = intent.transaction(admitted.place, "environment.mend-requested", environment.environment_id, summary, permit)
        slot.take(tx, admitted.rows[keys.SLOT], operation)
        body = begin(tx)
        location = operation.resource_path
        answer = intent.remember(tx, Answer(202, body if retries is None else operation.shown(), location, operation))
        await self.journal.active.mark(admitted.place)
        await self.journal.commit(tx)
        return answer

    def _operation(self, intent: Intent, admitted: Admitted, permit: Permit) -> Operation:
        path, now = f"/environments/{admitted.environment.environment_id}", self.clock()
        return asked_for(intent, admitted, OperationKind.REMEDIATE_DRIFT, permit, path, now=now, within=WITHIN)
