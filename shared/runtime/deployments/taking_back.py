"""The other end of a release: taken back service by service, or failed where there is nothing to go back to.

Begins only after every apply of the wave has ended. What is restored is what the release changed; secrets stay at
their binding's current version and scaling policies as they stand. The platform then holds still until a person acts.
"""

from __future__ import annotations

from shared.events.journal import PLATFORM_CLIENT, Actor, Transaction
from shared.operations.model import FailingRun, OperationError, OperationStatus
from shared.operations.runs import Held, rerun
from shared.runtime.deployments import rotating
from shared.runtime.deployments.activities import Deps, FailingWaveRun, ServiceRun, WaveRun, deployment_of, save
from shared.runtime.deployments.events import DeploymentRolledBack
from shared.runtime.deployments.measuring import measure
from shared.runtime.deployments.model import Deployment, Phase
from shared.runtime.deployments.promotion import wait_until_as_planned
from shared.runtime.deployments.transitions import Transition, advanced, ended
from shared.runtime.environments.ending import status_of
from shared.runtime.environments.model import Environment, Hold
from shared.runtime.rollout import plan
from shared.runtime.rollout.effects import stamp_of
from shared.runtime.rollout.plan import Planned
from shared.store import keys

PLATFORM = Actor("platform", PLATFORM_CLIENT)


async def run_begin_rollback(deps: Deps, run: FailingWaveRun) -> None:
    """Key: (deployment, RollingBack, wave)."""
    await rerun(_begin, deps, run)


async def _begin(deps: Deps, run: FailingWaveRun) -> None:
    held, deployment, _ = await deps.hold(run, compensating=True)
    detail = f"{run.error.code}: {run.error.message}"
    back = advanced(deployment, Transition.ROLL_BACK, Phase.ROLLING_BACK, deps.runs.clock(), wave=run.wave, detail=detail)
    if back is not deployment:
        await save(deps, held, back, waiting_for=f"what ran before wave {run.wave} to run again", taken_back=True)


async def run_restore(deps: Deps, run: ServiceRun) -> None:
    """Undo one service's change. Key: the restored workload's revision; absent counts as gone."""
    key = plan.key(deployment_of(run), run.wave, run.service_id)
    held = await deps.runs.hold(run, keys.ENVIRONMENT, key, compensating=True)
    planned = Planned.read(held.others[key].document)
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    before = await deps.preparing.current(held.place, planned.before) if planned.before else None
    await deps.effects.restore(environment.site, stamp_of(held.operation), before, planned.wanted)


async def run_wait_restored(deps: Deps, run: WaveRun) -> bool:
    """Whether what was restored serves alone and what was new is gone; waits up to a minute."""
    held, deployment, environment = await deps.hold(run, compensating=True)
    planned = await deps.plans.wave(held.place.partition, deployment.deployment_id, run.wave)
    before = {item.service_id: item.before for item in planned if item.before}
    current = await deps.preparing.all_current(held.place, before)
    restored = [item.model_copy(update={"before": current.get(item.service_id)}) for item in planned]
    return await wait_until_as_planned(deps, run, environment, restored, undo=True)


async def run_finish_rollback(deps: Deps, run: FailingRun) -> None:
    """Commit the end: `RolledBack` and a hold; `Canceled` when a person wanted it back; `Failed` when nothing was stable.

    Key: the operation's status.
    """
    await deps.ending.end(run, status_of(run.error), lambda: _finish(deps, run))


async def _finish(deps: Deps, run: FailingRun) -> Environment:
    held, deployment, environment = await deps.hold(run, compensating=True)
    by_person = status_of(run.error) is OperationStatus.CANCELED
    if environment.stable_deployment_id is None and not by_person:
        return await _end(deps, run, OperationError(code="NoStableSnapshot", message=run.error.message))
    phase = Phase.CANCELED if by_person else Phase.ROLLED_BACK
    back = ended(deployment, phase, deps.runs.clock(), error=run.error)
    # Whoever cancels is the person that the hold would wait for.
    held_still = environment if by_person else _on_hold(deps, environment, deployment, run.error)
    runs_again = "what was stable runs again" if environment.stable_deployment_id else "what it made is gone"
    summary = f"{deployment.told} {run.error.told}; {runs_again}" + _holding(held_still)
    tx = deps.runs.transaction(held, "deployment.rolled-back", summary, actor=_actor(held))
    tx.replace(held.others[keys.ENVIRONMENT], held_still)
    tx.replace(held.others[deployment.deployment_id], back)
    await _put_bindings_back(deps, tx, deployment)
    deps.runs.settle(tx, held, status_of(run.error), run.error)
    tx.emit(DeploymentRolledBack.of(back, reason=run.error.code, restored=environment.stable_deployment_id))
    await deps.runs.journal.commit(tx)
    measure(back)
    return held_still


def _actor(held: Held) -> Actor:
    """Who is behind what was not asked for: whoever cancelled it, else the platform itself, never the one who deployed."""
    cancel = held.operation.cancel
    return Actor(cancel.by, cancel.client_id or held.operation.client_id) if cancel else PLATFORM


async def _put_bindings_back(deps: Deps, tx: Transaction, deployment: Deployment) -> None:
    """Of a rotation: its bindings are bound as they were, to versions that nobody has disabled."""
    for row, binding in await rotating.bindings(deps.runs.store, tx.place, deployment.rotates or ()):
        tx.replace(row, binding.put_back(deps.runs.clock()))


def _holding(environment: Environment) -> str:
    return "; the environment is on hold" if environment.hold else ""


def _on_hold(deps: Deps, environment: Environment, deployment: Deployment, error: OperationError) -> Environment:
    hold = Hold(since=deps.runs.clock(), deployment_id=deployment.deployment_id, reason=error.code)
    return environment.model_copy(update={"hold": hold})


async def run_fail(deps: Deps, run: FailingRun) -> None:
    """Commit a deployment that ended without success and without a rollback. Key: the operation's status."""
    await deps.ending.end(run, status_of(run.error), lambda: _end(deps, run, run.error))


async def _end(deps: Deps, run: FailingRun, error: OperationError) -> Environment:
    held, deployment, environment = await deps.hold(run, compensating=True)
    phase = Phase.CANCELED if status_of(error) is OperationStatus.CANCELED else Phase.FAILED
    touched = deployment.phase not in (Phase.REQUESTED, Phase.PROVISIONING, Phase.CONFIGURING)
    stable = environment.stable_deployment_id is not None
    after = _on_hold(deps, environment, deployment, error) if touched and stable else environment
    summary = f"{deployment.told} {error.told}" + _holding(after)
    tx = deps.runs.transaction(held, "deployment.failed", summary, actor=_actor(held))
    tx.replace(held.others[keys.ENVIRONMENT], after)
    failed = ended(deployment, phase, deps.runs.clock(), error=error)
    tx.replace(held.others[deployment.deployment_id], failed)
    await _put_bindings_back(deps, tx, deployment)
    deps.runs.settle(tx, held, status_of(error), error)
    await deps.runs.journal.commit(tx)
    measure(failed)
    return after
