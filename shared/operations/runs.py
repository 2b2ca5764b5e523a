"""What a worker does with the operation it was started for: claim it, report on it, end it.

Every function re-reads the row and checks the attempt, because the one who calls may have been stopped for an hour and
replaced meanwhile: `Superseded` ends it without another effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from shared.events.journal import Actor, Cause, Journal, Place, Transaction
from shared.kernel.clock import Clock, Draw
from shared.kernel.errors import ConcurrentChange, NotFound, RuntimeCloudError, Superseded
from shared.operations.model import (
    OPEN,
    TRANSITIONS,
    Operation,
    OperationError,
    OperationStatus,
    Run,
    Step,
    StepStatus,
    Transition,
)
from shared.operations.slot import release
from shared.store import keys
from shared.store.port import Conflict, Replace, Row, Store
from shared.store.reading import read

TRIES = 3
P = ParamSpec("P")
R = TypeVar("R")

ENDS = {
    OperationStatus.SUCCEEDED: Transition.SUCCEED,
    OperationStatus.FAILED: Transition.FAIL,
    OperationStatus.CANCELED: Transition.CANCEL,
}


async def rerun(attempt: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `attempt` from its read again when it lost a race, three times at most; then `ConcurrentChange`."""
    for _ in range(TRIES):
        try:
            return await attempt(*args, **kwargs)
        except Conflict:
            continue
    raise ConcurrentChange


class CancelRequested(RuntimeCloudError):
    """The operation is to be taken back: no forward effect any more."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation.operation_id)
        self.by = operation.cancel.by if operation.cancel else ""
        self.reason = operation.cancel.reason if operation.cancel else None


@dataclass(frozen=True)
class Held:
    """The operation as its current worker holds it, with the rows it was read from."""

    operation: Operation
    row: Row
    slot: Row
    others: Mapping[str, Row]

    @property
    def place(self) -> Place:
        return Place(self.operation.tenant_id, self.operation.environment_id, self.operation.project_id)

    @property
    def cause(self) -> Cause:
        operation = self.operation
        return Cause(
            subject=operation.requested_by,
            client_id=operation.client_id,
            trace_id=operation.trace_id,
            operation_id=operation.operation_id,
            decision_id=operation.decision_id,
        )


@dataclass(frozen=True)
class Runs:
    store: Store
    journal: Journal
    clock: Clock
    draw: Draw

    async def claim(self, run: Run, waiting_for: str) -> bool:
        """Take the attempt for this instance; False when another attempt holds the operation or it has ended.

        Key: (operation, attempt). Claiming twice from one instance is the same claim. A write of somebody else on the
        row is no verdict: the row is read and judged again.
        """
        return await rerun(self._claim, run, waiting_for)

    async def _claim(self, run: Run, waiting_for: str) -> bool:
        partition = keys.partition_of(run.tenant_id, run.environment_id)
        row = await self.store.get(partition, run.operation_id)
        if row is None:
            return False
        operation = read(Operation, partition, row)
        if operation.attempt != run.attempt or operation.status not in OPEN:
            return False
        TRANSITIONS.require(Transition.CLAIM, operation.status, OperationStatus.RUNNING)
        claimed = self._touched(operation, status=OperationStatus.RUNNING, waiting_for=waiting_for)
        await self.store.commit(partition, self.draw(), [Replace(row.key, claimed.document(), row.version)])
        return True

    async def hold(self, run: Run, *others: str, compensating: bool = False) -> Held:
        """Read the operation, its slot and `others` (row keys) in one round trip.

        Raises `Superseded` unless this attempt is the current one and the operation is running, `CancelRequested` when
        it is to be taken back: what is `compensating` does just that and goes on.
        """
        partition = keys.partition_of(run.tenant_id, run.environment_id)
        rows = await self.store.gather(partition, [run.operation_id, keys.SLOT, *others])
        if run.operation_id not in rows or keys.SLOT not in rows:
            raise NotFound("operation", run.operation_id)
        operation = read(Operation, partition, rows[run.operation_id])
        if operation.attempt != run.attempt or operation.status is not OperationStatus.RUNNING:
            raise Superseded(run.operation_id, run.attempt)
        if operation.cancel is not None and not compensating:
            raise CancelRequested(operation)
        return Held(operation, rows[run.operation_id], rows[keys.SLOT], rows)

    async def change(self, run: Run, change: Callable[[Operation], Operation]) -> Operation:
        """Write the operation row alone: steps, heartbeat, results. Raises `Superseded`."""

        async def attempt() -> Operation:
            held = await self.hold(run, compensating=True)
            changed = self._touched(change(held.operation))
            if changed != held.operation:
                write = Replace(held.row.key, changed.document(), held.row.version)
                await self.store.commit(held.place.partition, self.draw(), [write])
            return changed

        return await rerun(attempt)

    async def step(self, run: Run, name: str, status: StepStatus, detail: str | None = None) -> None:
        """Open or close the step of that name; repeated reports change nothing but its detail."""
        await self.change(run, lambda operation: with_step(operation, name, status, self.clock(), detail))

    def transaction(self, held: Held, kind: str, summary: str, *, actor: Actor | None = None) -> Transaction:
        """A change of the operation's; `actor` when it is not the doing of whoever asked for the operation."""
        cause = replace(held.cause, subject=actor.subject, client_id=actor.client_id) if actor else held.cause
        return Transaction(held.place, cause, kind, held.operation.resource_id, summary)

    def settle(self, tx: Transaction, held: Held, status: OperationStatus, error: OperationError | None = None) -> None:
        """Add to `tx`: the operation's end and the free slot. The resource's own end belongs in the same `tx`."""
        TRANSITIONS.require(ENDS[status], held.operation.status, status)
        ended = self._touched(held.operation, status=status, error=error, waiting_for=None)
        tx.replace(held.row, with_open_steps_closed(ended, status, self.clock()))
        release(tx, held.slot)

    def _touched(self, operation: Operation, **update: Any) -> Operation:
        return operation.model_copy(update={**update, "last_action_at": self.clock()})


def with_step(operation: Operation, name: str, status: StepStatus, now: datetime, detail: str | None = None) -> Operation:
    """The operation with that step opened, updated or closed."""
    steps = list(operation.steps)
    at = next((index for index, step in enumerate(steps) if step.name == name), None)
    ended = None if status is StepStatus.RUNNING else now
    if at is None:
        steps.append(Step(name=name, status=status, started_at=now, ended_at=ended, detail=detail))
    else:
        steps[at] = steps[at].model_copy(update={"status": status, "ended_at": ended, "detail": detail or steps[at].detail})
    return operation.model_copy(update={"steps": steps})


def with_open_steps_closed(operation: Operation, status: OperationStatus, now: datetime) -> Operation:
    """No step outlives its operation."""
    verdict = StepStatus.SUCCEEDED if status is OperationStatus.SUCCEEDED else StepStatus.FAILED
    steps = [
        step.model_copy(update={"status": verdict, "ended_at": now}) if step.ended_at is None else step
        for step in operation.steps
    ]
    return operation.model_copy(update={"steps": steps})
