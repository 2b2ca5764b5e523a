"""The end of an operation, committed once; the tenant's list follows it as often as it takes.

A worker may die between the commit and the projection: the repeated activity finds the operation ended by its own
attempt, and still owes the list what stands there now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.kernel.errors import Superseded
from shared.operations.model import Operation, OperationError, OperationStatus, Run
from shared.operations.procedure import CANCELED
from shared.operations.runs import Runs, rerun
from shared.runtime.environments.index import Index
from shared.runtime.environments.model import Environment
from shared.store import keys


@dataclass(frozen=True)
class Ending:
    runs: Runs
    index: Index

    async def end(self, run: Run, status: OperationStatus, commit: Callable[[], Awaitable[Environment]]) -> None:
        """Raises `Superseded` when another attempt holds the operation or ended it otherwise."""
        environment = await self._ended(run, status)
        if environment is None:
            environment = await rerun(commit)
        await self.index.project(environment)

    async def _ended(self, run: Run, status: OperationStatus) -> Environment | None:
        """The environment, when this attempt's end was committed before."""
        partition = keys.partition_of(run.tenant_id, run.environment_id)
        rows = await self.runs.store.gather(partition, [run.operation_id, keys.ENVIRONMENT])
        if run.operation_id not in rows or keys.ENVIRONMENT not in rows:
            raise Superseded(run.operation_id, run.attempt)
        operation = Operation.read(rows[run.operation_id].document)
        if operation.attempt != run.attempt or operation.status is not status:
            return None
        return Environment.read(rows[keys.ENVIRONMENT].document)


def status_of(error: OperationError) -> OperationStatus:
    """What an operation that stopped for `error` ends as."""
    return OperationStatus.CANCELED if error.code == CANCELED else OperationStatus.FAILED
