"""What a rotation does before and beside its roll: pure bodies, dependencies per invocation, each safe to run twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from shared.kernel.errors import Refused
from shared.operations.model import FailingRun, Operation, Run, StepStatus
from shared.operations.model import OperationStatus as Status
from shared.operations.permitted import require_permitted
from shared.operations.runs import Held, rerun, with_step
from shared.runtime.deployments import activities as deploying
from shared.runtime.deployments import listed, taking_back
from shared.runtime.deployments.activities import deployment_of
from shared.runtime.deployments.promotion import adopt_all
from shared.runtime.environments.ending import status_of
from shared.runtime.environments.model import Environment
from shared.runtime.rotation.asking import ask, unasked
from shared.runtime.rotation.joining import FIND, ROLL, members
from shared.runtime.rotation.planning import Planning
from shared.runtime.rotation.seeking import Seeking, Sought
from shared.runtime.rotation.service import VERSION_WITHIN
from shared.runtime.secrets.model import SecretBinding
from shared.runtime.secrets.service import told
from shared.store import keys
from shared.store.port import Row

Member = tuple[Row, SecretBinding]


@dataclass(frozen=True)
class Deps:
    deploying: deploying.Deps
    planning: Planning
    seeking: Seeking


async def run_claim(deps: Deps, run: Run) -> dict[str, Any] | None:
    """Take the attempt; whether an earlier one has planned the roll already. Key: (operation, attempt)."""
    runs = deps.deploying.runs
    if not await runs.claim(run, "other rotations of the environment to join"):
        return None
    partition = keys.partition_of(run.tenant_id, run.environment_id)
    rows = await runs.store.gather(partition, [run.operation_id, deployment_of(run)])
    created_at = Operation.read(rows[run.operation_id].document).created_at
    return {"rolls": deployment_of(run) in rows, "versionsBy": (created_at + VERSION_WITHIN).isoformat()}


async def run_plan(deps: Deps, run: Run) -> dict[str, Any] | None:
    """Find the versions to go to and write the roll down; None while they have still to come, their owners asked.

    Key: the operation: what was planned stands. Raises `Refused` for a secret that is missing or disabled.
    """
    return await rerun(_plan, deps, run)


async def _plan(deps: Deps, run: Run) -> dict[str, Any] | None:
    held = await deps.deploying.runs.hold(run, keys.ENVIRONMENT, deployment_of(run))
    if deployment_of(run) in held.others:
        return {"rolls": True}
    found = await members(deps.deploying.runs.store, held.place, held.operation)
    if all(binding.found_versions for _, binding in found):
        return {"rolls": False}
    require_permitted(held.operation, deps.deploying.runs.clock())
    sought = await _sought(deps, found)
    late = deps.deploying.runs.clock() >= held.operation.created_at + VERSION_WITHIN
    ready = [one for one in found if sought[one[1].secret_binding_id].versions]
    if len(ready) < len(found) and not (late and ready):
        await _wait(deps, held, [one for one in found if one not in ready])
        return None
    return await _planned(deps, run, held, found, sought)


async def _sought(deps: Deps, found: list[Member]) -> dict[str, Sought]:
    """By binding. Raises `Refused` for the first secret that no version can be found of, `Transient`."""
    names = [(binding, binding.turn.names if binding.turn else []) for _, binding in found]
    sought = await asyncio.gather(*(deps.seeking.seek(binding, wanted) for binding, wanted in names))
    faults: list[Refused] = [fault for one in sought for _, fault in sorted(one.faults.items())]
    if faults:
        raise faults[0]
    return {binding.secret_binding_id: one for (binding, _), one in zip(names, sought, strict=True)}


async def _wait(deps: Deps, held: Held, waiting: list[Member]) -> None:
    """Ask for what has not been asked for, and say what is waited for."""
    runs = deps.deploying.runs
    names = sorted({name for _, binding in waiting for name in (binding.turn.names if binding.turn else [])})
    vaults = ", ".join(sorted({binding.vault_uri for _, binding in waiting}))
    awaits = f"a newer enabled version of {told(names)} in {vaults}; its owner was asked"
    tx = runs.transaction(held, "secret-binding.rotation-requested", f"newer versions of {told(names)} were asked for")
    for row, binding in waiting:
        if binding.turn and (asked := unasked(binding, binding.turn.names)):
            ask(tx, row, binding, asked, runs.clock())
    if not tx.drafts and held.operation.waiting_for == awaits:
        return
    looking = with_step(held.operation, FIND, StepStatus.RUNNING, runs.clock(), awaits)
    tx.replace(held.row, looking.model_copy(update={"waiting_for": awaits, "last_action_at": runs.clock()}))
    await runs.journal.commit(tx)


async def _planned(deps: Deps, run: Run, held: Held, found: list[Member], sought: dict[str, Sought]) -> dict[str, Any]:
    """One transaction: the versions, the release that brings them, and that nobody joins any more."""
    runs, environment = deps.deploying.runs, Environment.read(held.others[keys.ENVIRONMENT].document)
    wanted = {key: one.versions for key, one in sought.items() if one.versions}
    consumers = await deps.planning.consumers(held.place, environment, wanted)
    names = [name for versions in wanted.values() for name in versions]
    tx = runs.transaction(held, "secret-binding.versions-found", f"newer versions of {told(names)} were found")
    for row, binding in found:
        versions = wanted.get(binding.secret_binding_id)
        tx.replace(row, binding.found(versions) if versions else binding.put_back(runs.clock()))
    if consumers:
        release = await deps.planning.release(environment, held.operation, deployment_of(run), consumers, wanted)
        listed.add(tx, release)
    tx.replace(held.row, _rolling(held.operation, runs.clock(), names, list(consumers)))
    await runs.journal.commit(tx)
    return {"rolls": bool(consumers)}


def _rolling(operation: Operation, now: Any, names: list[str], consumers: list[str]) -> Operation:
    known = with_step(operation, FIND, StepStatus.SUCCEEDED, now, told(names))
    rolling = with_step(known, ROLL, StepStatus.RUNNING, now, told(consumers) or "nobody uses them")
    return rolling.model_copy(update={"waiting_for": "the consumers to roll", "last_action_at": now})


async def run_complete(deps: Deps, run: Run) -> None:
    """Commit the end of a rotation that no service had to be rolled for. Key: the operation's status."""
    await deps.deploying.ending.end(run, Status.SUCCEEDED, lambda: _complete(deps, run))


async def _complete(deps: Deps, run: Run) -> Environment:
    runs = deps.deploying.runs
    held = await runs.hold(run, keys.ENVIRONMENT)
    found = await members(runs.store, held.place, held.operation)
    tx = runs.transaction(held, "secret-binding.rotated", "newer versions are in use; no service had to be rolled")
    await adopt_all(deps.deploying, tx, found)
    runs.settle(tx, held, Status.SUCCEEDED)
    await runs.journal.commit(tx)
    return Environment.read(held.others[keys.ENVIRONMENT].document)


async def run_fail(deps: Deps, run: FailingRun) -> None:
    """Commit a rotation that ended without success and without a rollback. Key: the operation's status."""
    partition = keys.partition_of(run.tenant_id, run.environment_id)
    if await deps.deploying.runs.store.get(partition, deployment_of(run)) is not None:
        return await taking_back.run_fail(deps.deploying, run)
    await deps.deploying.ending.end(run, status_of(run.error), lambda: _end(deps, run))


async def _end(deps: Deps, run: FailingRun) -> Environment:
    """Nothing was touched: the bindings are as they were."""
    runs = deps.deploying.runs
    held = await runs.hold(run, keys.ENVIRONMENT, compensating=True)
    found = await members(runs.store, held.place, held.operation)
    tx = runs.transaction(held, "secret-binding.rotation-failed", f"rotation {run.error.told}")
    for row, binding in found:
        tx.replace(row, binding.put_back(runs.clock()))
    runs.settle(tx, held, status_of(run.error), run.error)
    await runs.journal.commit(tx)
    return Environment.read(held.others[keys.ENVIRONMENT].document)
