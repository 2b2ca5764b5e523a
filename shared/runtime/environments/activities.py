"""The effects that provisioning is made of: pure bodies, dependencies given per invocation, each safe to run twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.kernel.errors import Transient
from shared.kernel.record import Record
from shared.operations.model import FailingRun, JobResult, Operation, OperationError, OperationStatus, Run
from shared.operations.permitted import require_permitted
from shared.operations.runs import CancelRequested, Runs
from shared.runtime.environments.ending import Ending, status_of
from shared.runtime.environments.events import EnvironmentProvisioned
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.runtime.environments.tenancy import bind
from shared.runtime.environments.transitions import TRANSITIONS, Transition
from shared.store import keys

JOB_STARTS = 4  # the first and three more: what kills a job that often is not bad luck


class Job(Protocol):
    """The provisioner as a Container Apps Job: runs once per start, reports on the operation row, exits."""

    async def start(self, tenant_id: str, operation_id: str, attempt: int) -> str:
        """Start an execution and return its name. Raises `Transient`, `Refused`."""

    async def stop(self, execution: str) -> None:
        """Ask the execution to end; one that is not there has ended. Raises `Transient`."""

    async def alive(self, execution: str) -> bool:
        """Whether the execution may still write. Raises `Transient` when that cannot be told: unknown is not dead."""


@dataclass(frozen=True)
class Deps:
    runs: Runs
    ending: Ending
    job: Job


class Reported(Record):
    """The job has ended: well, or with an error."""

    done: bool = True
    error: OperationError | None = None


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.runs.claim(run, "the provisioner job to start")


async def run_start_job(deps: Deps, run: Run) -> None:
    """Key: (operation, attempt): an execution named on the row means that one was started.

    A crash between the start and the write starts a second one, unless the first has claimed the attempt on the row by
    then; the provisioner claims it before it works, so only one of the two does and the other ends quietly.
    """
    operation = (await deps.runs.hold(run)).operation
    require_permitted(operation, deps.runs.clock())
    count, _, execution = (operation.job or "0/").partition("/")
    if not execution and operation.worker is None:
        await _start(deps, run, max(int(count), 1), dead=None)


async def _start(deps: Deps, run: Run, count: int, *, dead: str | None) -> None:
    """The claim of a dead execution is lifted before the new one starts, or it would find it and leave. A claim that
    somebody made since we looked stands: the new one leaves."""
    waiting = "the provisioner to report"

    def lifted(row: Operation) -> Operation:
        return row.model_copy(update={"job": f"{count}/", "worker": None if row.worker == dead else row.worker})

    await deps.runs.change(run, lifted)
    execution = await deps.job.start(run.tenant_id, run.operation_id, run.attempt)
    await deps.runs.change(run, lambda row: row.model_copy(update={"job": f"{count}/{execution}", "waiting_for": waiting}))


async def run_look(deps: Deps, run: Run) -> Reported | None:
    """What the operation row says; None while the job works. A job that is dead without a result is started again."""
    try:
        operation = (await deps.runs.hold(run)).operation
    except CancelRequested:
        await stop_job(deps.job, (await deps.runs.hold(run, compensating=True)).operation)
        raise
    result = _result_of(operation, run)
    if result is None:
        return await _look_at_job(deps, run, operation)
    return Reported(error=result.error)


async def run_stop_job(deps: Deps, run: Run) -> None:
    """Stop what has not reported. Key: (operation, attempt); what has ended stays ended."""
    operation = (await deps.runs.hold(run, compensating=True)).operation
    if _result_of(operation, run) is None:
        await stop_job(deps.job, operation)


async def stop_job(job: Job, operation: Operation) -> None:
    """End whatever may still work on the operation. Raises `Transient` until it has ended: nothing is undone before."""
    for execution in _executions(operation):
        if await job.alive(execution):
            await job.stop(execution)
            raise Transient("arm")


def _executions(operation: Operation) -> set[str]:
    """The execution that was started last, and the one that claimed the attempt, which may be an earlier one whose start
    was never written down."""
    return {named for named in ((operation.job or "").partition("/")[2], operation.worker) if named}


def _result_of(operation: Operation, run: Run) -> JobResult | None:
    result = operation.result
    return result if result is not None and result.attempt == run.attempt else None


async def _look_at_job(deps: Deps, run: Run, operation: Operation) -> Reported | None:
    for named in _executions(operation):
        if await deps.job.alive(named):
            return None
    # A last write or a claim may have come between our read and the look: read once more before all of it counts as dead.
    again = (await deps.runs.hold(run)).operation
    if _result_of(again, run) is not None or again.worker != operation.worker:
        return None
    count = int((operation.job or "0/").partition("/")[0])
    if count >= JOB_STARTS:
        return Reported(error=OperationError(code="ProvisionerFailed", message=f"it ended {count} times unheard"))
    await _start(deps, run, count + 1, dead=operation.worker)
    return None


async def run_complete(deps: Deps, run: Run) -> None:
    """Commit the environment as Provisioned, its binding as Active and the operation as Succeeded: one transaction.

    Key: the operation's status.
    """
    await deps.ending.end(run, OperationStatus.SUCCEEDED, lambda: _complete(deps, run))


async def _complete(deps: Deps, run: Run) -> Environment:
    # It is made: too late to be taken back by anything but decommissioning.
    held = await deps.runs.hold(run, keys.ENVIRONMENT, keys.BINDING, compensating=True)
    result = held.operation.result
    if result is None or result.outputs is None:
        raise LookupError("completed without a result")
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    TRANSITIONS.require(Transition.COMPLETE, environment.status, EnvironmentStatus.PROVISIONED)
    provisioned = environment.model_copy(update={"status": EnvironmentStatus.PROVISIONED, "outputs": result.outputs})
    tx = deps.runs.transaction(held, "environment.provisioned", f"provisioning of {environment.name} succeeded")
    tx.replace(held.others[keys.ENVIRONMENT], provisioned)
    bind(tx, held.others[keys.BINDING], deps.runs.clock())
    deps.runs.settle(tx, held, OperationStatus.SUCCEEDED)
    tx.emit(EnvironmentProvisioned(**provisioned.model_dump(include=set(EnvironmentProvisioned.model_fields))))
    await deps.runs.journal.commit(tx)
    return provisioned


async def run_fail(deps: Deps, failing: FailingRun) -> None:
    """Commit the environment as Failed and the operation as Failed or Canceled; both stay retryable.

    Key: the operation's status.
    """
    await deps.ending.end(failing, status_of(failing.error), lambda: _fail(deps, failing))


async def _fail(deps: Deps, failing: FailingRun) -> Environment:
    held = await deps.runs.hold(failing, keys.ENVIRONMENT, compensating=True)
    row = held.others[keys.ENVIRONMENT]
    environment = Environment.read(row.document)
    TRANSITIONS.require(Transition.FAIL, environment.status, EnvironmentStatus.FAILED)
    failed = environment.model_copy(update={"status": EnvironmentStatus.FAILED})
    summary = f"provisioning of {environment.name} {failing.error.told}"
    tx = deps.runs.transaction(held, "environment.provision-failed", summary)
    tx.replace(row, failed)
    deps.runs.settle(tx, held, status_of(failing.error), failing.error)
    await deps.runs.journal.commit(tx)
    return failed
