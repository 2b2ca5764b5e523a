"""The end of a release that passed its gates: the new revisions serve, alone, and become what is stable.

Traffic moves before the commit and the commit is conditional on the attempt: a crash in between repeats the move, which
changes nothing, and then commits. The inventory is a projection and follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from shared.events.journal import Transaction
from shared.operations.model import OperationStatus, Run
from shared.operations.permitted import require_permitted
from shared.operations.runs import rerun
from shared.runtime.catalog.events import InventoryUpdated
from shared.runtime.deployments import rotating
from shared.runtime.deployments.activities import Deps, save
from shared.runtime.deployments.events import ConfigurationSynced, DeploymentCompleted
from shared.runtime.deployments.measuring import measure
from shared.runtime.deployments.model import Deployment, Phase
from shared.runtime.deployments.preparing import overlaid
from shared.runtime.deployments.transitions import Transition, advanced, ended
from shared.runtime.environments.model import Environment
from shared.runtime.rollout.effects import serves_alone, stamp_of
from shared.runtime.rollout.plan import Planned
from shared.runtime.secrets.model import SecretBinding
from shared.store import keys
from shared.store.port import Row
from shared.targets.port import Observation

AT_ONCE = 8
WAIT_FOR = timedelta(seconds=45)
LOOK_EVERY = 0.5  # seconds


async def run_promote(deps: Deps, run: Run) -> None:
    """Let every new revision serve, and what the release takes away go. Key: the workloads' revisions."""
    await rerun(_begin, deps, run)
    held, deployment, environment = await deps.hold(run)
    require_permitted(held.operation, deps.runs.clock())
    planned = await deps.plans.all(held.place.partition, deployment.deployment_id)
    stamp, gate = stamp_of(held.operation), asyncio.Semaphore(AT_ONCE)

    async def one(item: Planned) -> None:
        async with gate:
            if item.wanted is not None:
                await deps.effects.promote(environment.site, stamp, item.wanted)
            if item.before is not None and (item.wanted is None or item.wanted.target != item.before.target):
                await deps.effects.remove(environment.site, stamp, item.before)

    ends = await asyncio.gather(*[one(item) for item in planned], return_exceptions=True)
    for error in filter(None, ends):  # all have ended by now: nothing moves any more while it is taken back
        raise error
    # An index row is written before the commit that it points to.
    await deps.catalog.where.runs(environment, [item.service_id for item in planned if item.wanted])


async def _begin(deps: Deps, run: Run) -> None:
    held, deployment, _ = await deps.hold(run)
    promoting = advanced(deployment, Transition.ADVANCE, Phase.PROMOTING, deps.runs.clock())
    if promoting is not deployment:
        await save(deps, held, promoting, waiting_for="the new revisions to serve")


async def run_wait_alone(deps: Deps, run: Run) -> bool:
    """Whether each new revision serves, nothing else of its service is ready and what is taken away is gone; waits up
    to `WAIT_FOR`."""
    held, deployment, environment = await deps.hold(run)
    planned = await deps.plans.all(held.place.partition, deployment.deployment_id)
    return await wait_until_as_planned(deps, run, environment, planned, undo=False)


async def wait_until_as_planned(
    deps: Deps, run: Run, environment: Environment, planned: list[Planned], *, undo: bool
) -> bool:
    """Look until every service serves alone what is wanted (`undo`: what was before, or is gone), up to `WAIT_FOR`.

    Raises `Superseded`, and `CancelRequested` unless it is the undoing that is waited for, as soon as the row says so.
    """
    until = deps.runs.clock() + WAIT_FOR
    while True:
        seen = await observed(deps, environment, planned)
        if all(_as_planned(item, seen, undo=undo) for item in planned):
            return True
        if deps.runs.clock() >= until:
            return False
        await deps.sleep(LOOK_EVERY)
        await deps.runs.hold(run, compensating=undo)


def _as_planned(item: Planned, seen: dict[tuple[str, str], Observation], *, undo: bool) -> bool:
    wanted = item.before if undo else item.wanted
    if wanted is None:
        left = item.wanted if undo else item.before
        return left is None or (left.target, item.service_id) not in seen
    return serves_alone(seen.get((wanted.target, item.service_id)), wanted)


async def observed(deps: Deps, environment: Environment, planned: list[Planned]) -> dict[tuple[str, str], Observation]:
    """(target, service) -> what the target tells; each target is asked once. Raises `Transient`."""
    names = sorted({placed.target for item in planned for placed in (item.wanted, item.before) if placed})
    seen: dict[tuple[str, str], Observation] = {}
    for name in names:
        found = await deps.effects.targets[name].observe(environment.site)
        seen.update({(name, service_id): observation for service_id, observation in found.items()})
    return seen


async def run_complete(deps: Deps, run: Run) -> None:
    """Commit the stable pointer, the snapshot, the end of deployment and operation, the free slot and the events: one
    transaction. Key: the operation's status."""
    await deps.ending.end(run, OperationStatus.SUCCEEDED, lambda: _complete(deps, run))


async def _complete(deps: Deps, run: Run) -> Environment:
    held, deployment, environment = await deps.hold(run)
    planned = await deps.plans.all(held.place.partition, deployment.deployment_id)
    stable = await deps.catalog.snapshot(held.place, environment.stable_deployment_id)
    completed = ended(deployment, Phase.COMPLETED, deps.runs.clock())
    pointed = _pointed_at(environment, completed)
    rotated = await rotating.bindings(deps.runs.store, held.place, deployment.rotates or ())
    summary = f"{deployment.told} succeeded and is stable; services changed: {len(planned)}"
    tx = deps.runs.transaction(held, "deployment.completed", summary)
    tx.replace(held.others[keys.ENVIRONMENT], pointed)
    tx.replace(held.others[deployment.deployment_id], completed)
    tx.create(keys.snapshot(deployment.deployment_id), overlaid(stable, deployment, planned))
    # Who sees the terminal word finds the inventory of it; what does not fit, and what is gone, the projection brings.
    wanted = {item.service_id: item.wanted for item in planned if item.wanted}
    for key, row in deps.catalog.promoted(wanted, held.operation.generation, beside=rotating.rows_of(rotated)).items():
        tx.put(key, row)
    await adopt_all(deps, tx, rotated)
    deps.runs.settle(tx, held, OperationStatus.SUCCEEDED)
    _tell(tx, completed, held.operation.generation)
    await deps.runs.journal.commit(tx)
    measure(completed)
    return pointed


def _pointed_at(environment: Environment, completed: Deployment) -> Environment:
    return environment.model_copy(
        update={
            "stable_deployment_id": completed.deployment_id,
            "stable_release_ref": completed.release_ref,
            "hold": environment.hold if completed.rotates else None,  # who deploys lifts it
        }
    )


def _tell(tx: Transaction, completed: Deployment, generation: int) -> None:
    environment_id, configuration_id = completed.environment_id, completed.configuration_id
    tx.emit(DeploymentCompleted.of(completed))
    if configuration_id is not None:
        tx.emit(
            ConfigurationSynced(
                environment_id=environment_id,
                configuration_id=configuration_id,
                deployment_id=completed.deployment_id,
            )
        )
    tx.emit(InventoryUpdated(environment_id=environment_id, generation=generation))


async def adopt_all(deps: Deps, tx: Transaction, rotated: Sequence[tuple[Row, SecretBinding]]) -> None:
    """Add to `tx`: every binding with its new versions. When the old ones go is announced ahead of it."""
    now = deps.runs.clock()
    turned = [rotating.adopt(tx, row, binding, now) for row, binding in rotated]
    due = rotating.next_look(turned, now)
    if due is not None:
        await deps.due.announce(tx.place, due)
