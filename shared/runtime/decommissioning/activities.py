"""The effects that decommissioning is made of: pure bodies, dependencies given per invocation, each safe to run twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.journal import Place
from shared.kernel.errors import Refused, Transient
from shared.operations.model import FailingRun, OperationStatus, Run, StepStatus
from shared.operations.permitted import require_permitted
from shared.operations.runs import Runs
from shared.runtime.catalog.rows import Catalog
from shared.runtime.decommissioning.events import EnvironmentDecommissioned
from shared.runtime.environments.ending import Ending, status_of
from shared.runtime.environments.index import Index
from shared.runtime.environments.model import Environment, EnvironmentStatus
from shared.runtime.environments.transitions import TRANSITIONS, Transition
from shared.runtime.rollout.effects import stamp_of
from shared.store import keys
from shared.targets.port import Stamp, Target

WORKLOADS = "Workloads"  # the step ahead of the engine's own


@dataclass(frozen=True)
class Deps:
    runs: Runs
    ending: Ending
    index: Index
    catalog: Catalog
    targets: Mapping[str, Target]


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.runs.claim(run, "the workloads to end")


async def run_unload(deps: Deps, run: Run) -> None:
    """Remove every workload of ours from every target. Key: the service; absent counts as gone.

    With `force`, a target that cannot be reached or refuses is left to the engine, and the step says so.
    """
    held = await deps.runs.hold(run, keys.ENVIRONMENT)
    require_permitted(held.operation, deps.runs.clock())
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    await deps.runs.step(run, WORKLOADS, StepStatus.RUNNING)
    left = []
    for name in environment.compute_targets:
        if name in deps.targets and environment.outputs:  # without outputs nothing was ever made to run in
            left += await _unloaded(deps.targets[name], environment, stamp_of(held.operation), name, held.operation.request)
    await deps.runs.step(run, WORKLOADS, StepStatus.SUCCEEDED, "; ".join(left) or None)


async def _unloaded(
    target: Target, environment: Environment, stamp: Stamp, name: str, request: Mapping[str, object]
) -> list[str]:
    try:
        await target.remove(environment.site, stamp, sorted(await target.observe(environment.site)))
    except (Transient, Refused) as error:
        if not request.get("force"):
            raise
        return [f"{name} was left to the engine: {type(error).__name__}"]
    return []


async def run_complete(deps: Deps, run: Run) -> None:
    """Commit the environment as Decommissioned and the operation as Succeeded: one transaction. The name is free."""
    await deps.ending.end(run, OperationStatus.SUCCEEDED, lambda: _complete(deps, run))


async def _complete(deps: Deps, run: Run) -> Environment:
    held = await deps.runs.hold(run, keys.ENVIRONMENT, compensating=True)  # too late to be taken back: all of it is gone
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    TRANSITIONS.require(Transition.COMPLETE, environment.status, EnvironmentStatus.DECOMMISSIONED)
    await deps.catalog.clear(environment)  # before the commit: who sees the terminal word finds an empty inventory
    gone = environment.model_copy(
        update={
            "status": EnvironmentStatus.DECOMMISSIONED,
            "decommissioned_at": deps.runs.clock(),
            "stable_deployment_id": None,
            "stable_release_ref": None,
            "hold": None,
        }
    )
    tx = deps.runs.transaction(
        held, "environment.decommissioned", f"decommissioning of {environment.name} succeeded: it is gone"
    )
    tx.replace(held.others[keys.ENVIRONMENT], gone)
    deps.runs.settle(tx, held, OperationStatus.SUCCEEDED)
    retained = bool(held.operation.request.get("retainData"))
    tx.emit(EnvironmentDecommissioned(environment_id=gone.environment_id, name=gone.name, retained_data=retained))
    await deps.runs.journal.commit(tx)
    return gone


async def run_forget(deps: Deps, run: Run) -> None:
    """Take the environment out of the indexes and the sweep's list. Key: the environment."""
    place = Place(run.tenant_id, run.environment_id)
    row = await deps.runs.store.get(place.partition, keys.ENVIRONMENT)
    if row is None:
        return
    environment = Environment.read(row.document)
    await deps.index.project(environment)
    await deps.index.unlist(environment)


async def run_fail(deps: Deps, run: FailingRun) -> None:
    """Commit the environment as Failed: it can be taken down again. Key: the operation's status."""
    await deps.ending.end(run, status_of(run.error), lambda: _fail(deps, run))


async def _fail(deps: Deps, run: FailingRun) -> Environment:
    held = await deps.runs.hold(run, keys.ENVIRONMENT, compensating=True)
    row = held.others[keys.ENVIRONMENT]
    environment = Environment.read(row.document)
    TRANSITIONS.require(Transition.FAIL, environment.status, EnvironmentStatus.FAILED)
    summary = f"decommissioning of {environment.name} {run.error.told}"
    tx = deps.runs.transaction(held, "environment.decommission-failed", summary)
    failed = environment.model_copy(update={"status": EnvironmentStatus.FAILED})
    tx.replace(row, failed)
    deps.runs.settle(tx, held, status_of(run.error), run.error)
    await deps.runs.journal.commit(tx)
    return failed
