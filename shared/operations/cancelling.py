"""Ask for an operation to be taken back.

The row says so in one commit; the worker finds out at its next forward step, compensates what was done and ends the
operation as `Canceled`. Nothing is stopped by force: an effect under way ends, and is then undone like the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.caller import Caller
from shared.events.journal import Journal, Place
from shared.kernel.clock import Clock
from shared.kernel.errors import InsufficientScope, NotCancellable, NotFound
from shared.operations.intent import Answer, Intent
from shared.operations.model import OPEN, WRITE_SCOPE, CancelRequest, Operation, OperationKind
from shared.store.port import Row
from shared.store.reading import read

# A rollback is itself what takes something back, and never a rollback of a rollback.
NOT_CANCELLABLE = frozenset({OperationKind.ROLLBACK})


@dataclass(frozen=True)
class Cancelling:
    journal: Journal
    clock: Clock

    async def cancel(self, intent: Intent, place: Place, operation_id: str, reason: str | None) -> Answer:
        """Raises `NotFound`, `InsufficientScope`, `NotCancellable`. Cancelling twice is cancelling once."""
        row, operation = await stored(self.journal, intent.caller, place, operation_id)
        if (why := _not_cancellable(operation)) is not None:
            intent.meet(NotCancellable(why))
        intent.will("take back", operation.resource_path.removeprefix("/"), f"{operation.kind}, then Canceled")
        tx = intent.transaction(place, "operation.cancel-requested", operation_id, f"{operation.kind} is to be taken back")
        tx.of_operation(operation_id)
        if operation.cancel is None:
            now, caller = self.clock(), intent.caller
            operation = operation.model_copy(
                update={
                    "cancel": CancelRequest(by=caller.subject, client_id=caller.client_id, at=now, reason=reason),
                    "waiting_for": "what was done so far to be taken back",
                    "last_action_at": now,
                }
            )
            tx.replace(row, operation)
        answer = intent.remember(tx, Answer(202, operation.shown(), operation.resource_path, wakes=operation))
        await self.journal.commit(tx)
        return answer


def _not_cancellable(operation: Operation) -> str | None:
    """What it is that cannot be taken back; None when it can, and when that was asked for already."""
    if operation.status not in OPEN:
        return operation.status
    if operation.kind in NOT_CANCELLABLE:
        return operation.kind
    return "being taken back" if operation.taken_back and operation.cancel is None else None


async def stored(journal: Journal, caller: Caller, place: Place, operation_id: str) -> tuple[Row, Operation]:
    """An operation that the caller may change. Raises `NotFound`, `InsufficientScope` naming the scope of its kind."""
    row = await journal.store.get(place.partition, operation_id) if operation_id.startswith("op-") else None
    if row is None:
        raise NotFound("operation", operation_id)
    operation = read(Operation, place.partition, row)
    if WRITE_SCOPE[operation.kind] not in caller.scopes:
        raise InsufficientScope(WRITE_SCOPE[operation.kind])
    return row, operation
