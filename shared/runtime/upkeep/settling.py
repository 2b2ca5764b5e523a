"""Every operation ends: what was never started is started, what the hub lost is taken up again under a new attempt,
what passed its deadline is ended by force.

Whoever is replaced is stopped first: the orchestration, the job. Then the attempt is raised, so that whoever still works
on it stops at its next effect. By force means that nobody works under the new attempt: only when an activity that was
under way must have ended too (`activity_limit`) is the outcome committed and the slot freed. Nobody's late effect meets
the next operation.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.kernel.clock import Clock, Draw
from shared.operations.hub import Hub, InstanceState
from shared.operations.model import Operation, OperationError, OperationKind, OperationStatus
from shared.operations.runs import Runs
from shared.runtime.environments.isolation import Admitted
from shared.store.port import Conflict, Replace, Row, Store
from shared.store.reading import read

log = logging.getLogger(__name__)
GRACE = timedelta(seconds=2)  # the request that committed an operation starts it itself
LOST_AFTER = timedelta(seconds=5)  # a new attempt's orchestration is being started meanwhile
OVERTIME = timedelta(minutes=15)  # for a worker that takes it back at its deadline, and may for ten minutes
MOST_ATTEMPTS = 20

End = Callable[[Operation, OperationError], Awaitable[None]]
DEADLINE = OperationError(code="DeadlineExceeded", message="it did not end in time and was ended by the platform")


@dataclass(frozen=True)
class Settling:
    store: Store
    runs: Runs
    stop_job: Callable[[Operation], Awaitable[None]]
    ends: Mapping[OperationKind, End]  # commit the failed end of a kind's resource
    clock: Clock
    draw: Draw
    activity_limit: timedelta

    async def settle(self, admitted: Admitted, hub: Hub) -> bool:
        """Look at the operation that holds the slot, and do what is due; whether a person should look at it: it waits for
        one, or has not ended in time. Raises `Transient`."""
        row = await self.store.get(admitted.place.partition, admitted.slot.operation_id or "")
        if row is None:
            return False
        operation = read(Operation, admitted.place.partition, row)
        now = self.clock()
        if operation.ended_by_force_at is not None:
            if now - operation.ended_by_force_at > self.activity_limit:
                await self._end(operation)
        elif now > operation.must_settle_by + OVERTIME:
            await self._force(admitted, row, operation, hub)
        elif operation.status is OperationStatus.NOT_STARTED:
            await self._start(operation, hub)
        elif now - operation.last_action_at > LOST_AFTER:
            await self._take_up(admitted, row, operation, hub)
        return operation.paused or now > operation.must_settle_by

    async def _start(self, operation: Operation, hub: Hub) -> None:
        if self.clock() - operation.created_at > GRACE:
            log.info("%s was committed and never started", operation.operation_id)
            await hub.start(operation)

    async def _take_up(self, admitted: Admitted, row: Row, operation: Operation, hub: Hub) -> None:
        """Give an operation whose orchestration is gone a new attempt; the old one's workers are fenced by it.

        Its job is stopped while the row still names it: an engine looks at the row only between its steps, and two must
        not work on one environment.
        """
        if await hub.state(operation) is InstanceState.WORKING:
            if operation.has_news:  # the wake may have been lost with the process that sent it
                await hub.wake(operation.instance_id)
            return
        if operation.attempt >= MOST_ATTEMPTS:
            return
        await self.stop_job(operation)
        log.warning("%s: attempt %d was lost", operation.operation_id, operation.attempt)
        taken = await self._raised(admitted, row, operation)
        if taken is not None:
            await hub.start(taken)

    async def _force(self, admitted: Admitted, row: Row, operation: Operation, hub: Hub) -> None:
        log.error("%s passed its deadline and is ended by force", operation.operation_id)
        await hub.terminate(operation)
        await self.stop_job(operation)
        await self._raised(admitted, row, operation, forced=True)

    async def _raised(
        self, admitted: Admitted, row: Row, operation: Operation, *, forced: bool = False
    ) -> Operation | None:
        """The operation under its next attempt; None when somebody else changed it meanwhile."""
        now = self.clock()
        raised = operation.model_copy(
            update={
                "attempt": operation.attempt + 1,
                "status": OperationStatus.RUNNING,
                "job": None,
                "worker": None,
                "result": None,
                "ended_by_force_at": now if forced else None,
                "waiting_for": "what is under way to end" if forced else "a worker to take it up again",
                "last_action_at": now,
            }
        )
        try:
            write = Replace(row.key, raised.document(), row.version)
            await self.store.commit(admitted.place.partition, self.draw(), [write])
        except Conflict:
            return None
        return raised

    async def _end(self, operation: Operation) -> None:
        await self.ends[operation.kind](operation, DEADLINE)
