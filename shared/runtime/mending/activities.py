"""The effects that mending is made of: pure bodies, dependencies given per invocation, each safe to run twice."""

from __future__ import annotations

from dataclasses import dataclass

from shared.operations.model import FailingRun, OperationError, OperationStatus, Run
from shared.operations.runs import Held, Runs
from shared.runtime.environments.ending import Ending, status_of
from shared.runtime.environments.model import Environment
from shared.store import keys
from shared.store.reading import read


@dataclass(frozen=True)
class Deps:
    runs: Runs
    ending: Ending


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.runs.claim(run, "the provisioner job to start")


async def run_complete(deps: Deps, run: Run) -> None:
    """Commit what the engine put out, and the operation as Succeeded: one transaction. Key: the operation's status."""
    await deps.ending.end(run, OperationStatus.SUCCEEDED, lambda: _complete(deps, run))


async def _complete(deps: Deps, run: Run) -> Environment:
    held, environment = await _held(deps, run)
    result = held.operation.result
    if result is None or result.outputs is None:
        raise LookupError("completed without a result")
    mended = environment.model_copy(update={"outputs": result.outputs})
    return await _end(deps, held, mended, OperationStatus.SUCCEEDED, None)


async def run_fail(deps: Deps, run: FailingRun) -> None:
    """Commit the operation as Failed or Canceled; the environment goes on as it stands. Key: the operation's status."""
    await deps.ending.end(run, status_of(run.error), lambda: _fail(deps, run))


async def _fail(deps: Deps, run: FailingRun) -> Environment:
    held, environment = await _held(deps, run)
    return await _end(deps, held, environment, status_of(run.error), run.error)


async def _held(deps: Deps, run: Run) -> tuple[Held, Environment]:
    # What the engine did is done: too late to be taken back.
    held = await deps.runs.hold(run, keys.ENVIRONMENT, keys.LOOKING, compensating=True)
    return held, read(Environment, held.place.partition, held.others[keys.ENVIRONMENT])


async def _end(
    deps: Deps, held: Held, environment: Environment, status: OperationStatus, error: OperationError | None
) -> Environment:
    kind, told = ("environment.mend-failed", error.told) if error else ("environment.mended", "succeeded")
    tx = deps.runs.transaction(held, kind, f"mending the infrastructure of {environment.name} {told}")
    tx.replace(held.others[keys.ENVIRONMENT], environment)
    if keys.LOOKING in held.others:  # the next look is due now: how it stands is not known until then
        tx.delete(held.others[keys.LOOKING])
    deps.runs.settle(tx, held, status, error)
    await deps.runs.journal.commit(tx)
    return environment
