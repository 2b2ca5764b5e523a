"""One slot per environment: whatever changes what runs there holds it, and nothing else starts meanwhile.

`generation` counts the operations of an environment. It orders their effects (a target refuses a stamp of an older
generation) and voids what was read before an operation began (a drift scan commits only on the generation it saw).
"""

from __future__ import annotations

from datetime import datetime

from shared.events.journal import Transaction
from shared.kernel.errors import OperationInFlight
from shared.kernel.ids import OperationId
from shared.kernel.record import Record
from shared.operations.model import Operation
from shared.store import keys
from shared.store.port import Row

LISTED = "op"


class Slot(Record):
    operation_id: OperationId | None = None
    must_settle_by: datetime | None = None
    generation: int = 0

    def require_free(self) -> None:
        """Raises `OperationInFlight`, which names the holder and when it ends at the latest."""
        if self.operation_id is not None and self.must_settle_by is not None:
            raise OperationInFlight(self.operation_id, self.must_settle_by)


class ListedOperation(Record):
    """A row of the lists, newest first: enough to find the operation."""

    operation_id: OperationId


def take(tx: Transaction, row: Row | None, operation: Operation) -> None:
    """Add to `tx`: the operation, and the slot held by it. `row` is the slot as read, None for a new environment.

    The entry tells the operation it began. `operation.generation` must be the slot's next one. Raises `OperationInFlight`.
    """
    slot = Slot.read(row.document) if row else Slot()
    slot.require_free()
    held = Slot(
        operation_id=operation.operation_id,
        must_settle_by=operation.must_settle_by,
        generation=slot.generation + 1,
    )
    tx.of_operation(operation.operation_id)
    tx.write(row, keys.SLOT, held)
    tx.create(operation.operation_id, operation)
    tx.create(
        keys.listed(LISTED, operation.created_at, operation.operation_id),
        ListedOperation(operation_id=operation.operation_id),
    )


def release(tx: Transaction, row: Row) -> None:
    """Add to `tx`: the slot free again, in the same transaction as the outcome that frees it."""
    tx.replace(row, Slot(generation=Slot.read(row.document).generation))
