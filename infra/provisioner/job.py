"""One run: claim the attempt, run the engine, write the result to the operation row, nudge the orchestration.

The row is the truth and the message only a nudge, so a lost message costs one poll and not the environment. Of two
executions for one attempt the first to claim works; the other ends without an effect, as does one whose attempt was
replaced while it worked.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from infra.provisioner.engine import Engine, ResourceManager, record_of
from infra.provisioner.patience import Patience
from shared.kernel import lines
from shared.kernel.errors import Refused, RuntimeCloudError, Superseded, Transient
from shared.kernel.telemetry import SpanKind, continuing, span
from shared.operations.model import JobResult, Operation, OperationError, OperationKind, Run, StepStatus
from shared.operations.runs import CancelRequested, Runs
from shared.runtime.environments.model import Environment
from shared.store import keys

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    runs: Runs
    engine: Engine
    arm: ResourceManager
    execution: str  # this process, as Container Apps names it
    nudge: Callable[[Run], Awaitable[None]]
    patience: Patience  # with the store: a hiccup must not cost an hour of an engine's work

    async def work(self, run: Run) -> None:
        """Raises `Transient` when the store stays out of reach: the orchestration then finds the job dead."""
        with lines.bound(tenant_id=run.tenant_id):
            await self._work(run)

    async def _work(self, run: Run) -> None:
        try:
            if not await self._claimed(run):
                log.info("%s: another execution works on attempt %d", run.operation_id, run.attempt)
                return
            result = await self._result(run)
            await self.patience.again(lambda: self.runs.change(run, lambda row: row.model_copy(update={"result": result})))
        except Superseded:
            log.info("%s: attempt %d was replaced", run.operation_id, run.attempt)
            return
        except CancelRequested as cancel:  # the orchestration, which takes it back, reads that from the same row
            log.info("%s: %s asked to cancel it before the engine began", run.operation_id, cancel.by)
            return
        try:
            await self.nudge(run)
        except RuntimeCloudError as error:
            log.warning("%s: no nudge, %r; the poll will find the result", run.operation_id, error)

    async def _claimed(self, run: Run) -> bool:
        claimed = await self.patience.again(
            lambda: self.runs.change(
                run, lambda row: row if row.worker else row.model_copy(update={"worker": self.execution})
            )
        )
        return claimed.worker == self.execution

    async def _result(self, run: Run) -> JobResult:
        """The engine's outcome as data: whatever goes wrong is for the operation to tell."""
        try:
            return JobResult(attempt=run.attempt, outputs=await self._run_engine(run))
        except Refused as error:
            return self._failed(run, error.code, error.message)
        except Transient as error:
            return self._failed(run, "DependencyUnavailable", f"{error.dependency} could not be reached")
        except (Superseded, CancelRequested):
            raise
        except Exception:  # an engine is somebody else's program: its bugs end the operation, not silently the process
            log.exception("%s: the engine failed", run.operation_id)
            return self._failed(run, "ProvisionerFailed", "the engine failed; the provisioner's log has the reason")

    def _failed(self, run: Run, code: str, message: str) -> JobResult:
        return JobResult(attempt=run.attempt, error=OperationError(code=code, message=message))

    async def _run_engine(self, run: Run) -> dict[str, str]:
        held = await self.patience.again(lambda: self.runs.hold(run, keys.ENVIRONMENT))
        environment = Environment.read(held.others[keys.ENVIRONMENT].document)
        lines.add(project_id=environment.project_id, trace_id=held.operation.trace_id)
        parent = continuing(held.operation.trace_id)
        with span(f"provisioner {held.operation.kind}", SpanKind.INTERNAL, parent) as opened:
            opened.set(operation__id=run.operation_id, operation__attempt=run.attempt)
            return await self._drive(run, held.operation, environment)

    async def _drive(self, run: Run, operation: Operation, environment: Environment) -> dict[str, str]:
        record = record_of(environment, operation).document()

        async def progress(step: str, status: str, detail: str) -> None:
            await self.patience.again(lambda: self.runs.step(run, step, StepStatus(status), detail))

        if operation.kind is OperationKind.DECOMMISSION:
            await self.engine.destroy(record, arm=self.arm, progress=progress)
            return {}
        return await self.engine.make(record, arm=self.arm, progress=progress)
