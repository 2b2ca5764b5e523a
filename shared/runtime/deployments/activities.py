"""The forward half of a deployment's effects: claim, prepare, apply. What follows is in `gating` and `promotion`.

Pure bodies, dependencies per invocation, each safe to run twice; every one re-reads the operation first, and a stale
attempt ends there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from shared.kernel.errors import ValidationFailed
from shared.operations.model import Operation, OperationError, Run
from shared.operations.permitted import require_permitted
from shared.operations.runs import Held, Runs, rerun
from shared.runtime.catalog.rows import MAX_SERVICES, Catalog
from shared.runtime.deployments.model import Deployment, Phase
from shared.runtime.deployments.preparing import Preparing, overlaid
from shared.runtime.deployments.transitions import Transition, advanced
from shared.runtime.environments.ending import Ending
from shared.runtime.environments.model import Environment
from shared.runtime.health.witness import Witness
from shared.runtime.rollout import plan
from shared.runtime.rollout.effects import Effects, stamp_of
from shared.runtime.rollout.gate import OnFailure
from shared.runtime.rollout.plan import Planned, Plans, content_hash
from shared.store import keys
from shared.store.port import Replace


class WaveRun(Run):
    wave: int
    services: list[str] = []


class FailingRun(Run):
    error: OperationError


class FailingWaveRun(WaveRun):
    error: OperationError


class ServiceRun(Run):
    wave: int
    service_id: str
    services: list[str] = []


@dataclass(frozen=True)
class Deps:
    runs: Runs
    ending: Ending
    catalog: Catalog
    preparing: Preparing
    plans: Plans
    effects: Effects
    witness: Witness
    sleep: Callable[[float], Awaitable[None]]

    async def hold(self, run: Run, *others: str, compensating: bool = False) -> tuple[Held, Deployment, Environment]:
        """The operation with its deployment and environment, in one round trip.

        Raises `Superseded`, and `CancelRequested` unless `compensating`.
        """
        deployment_id = deployment_of(run)
        held = await self.runs.hold(run, keys.ENVIRONMENT, deployment_id, *others, compensating=compensating)
        deployment = Deployment.read(held.others[deployment_id].document)
        return held, deployment, Environment.read(held.others[keys.ENVIRONMENT].document)


def deployment_of(run: Run) -> str:
    """A deployment and the operation that makes it share their own part."""
    return f"dep-{run.operation_id.removeprefix('op-')}"


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.runs.claim(run, "the release to be prepared")


async def run_prepare(deps: Deps, run: Run) -> dict[str, Any]:
    """Write down what is to run and what was before. Key: the deployment; planning twice gives the same rows.

    Raises `ValidationFailed` when the release cannot be prepared as the environment stands now.
    """
    held, deployment, _ = await deps.hold(run, compensating=True)
    if deployment.phase is Phase.ROLLING_BACK:  # an earlier attempt was at it: no forward step any more
        return await _taken_back(deps, held, deployment)
    held, deployment, _ = await deps.hold(run)
    planned = await deps.preparing.plan(held.place, deployment)
    stable = await deps.catalog.snapshot(held.place, deployment.previous_deployment_id)
    if len(overlaid(stable, deployment, planned).services) > MAX_SERVICES:
        raise ValidationFailed({"components": [f"the environment would run more than {MAX_SERVICES} services"]})
    await deps.plans.write(held.place.partition, deployment.deployment_id, planned)
    await rerun(_prepared, deps, run, content_hash(planned))
    return _course(deployment, planned)


def _course(deployment: Deployment, planned: list[Planned]) -> dict[str, Any]:
    """What the orchestration needs to know of the plan."""
    waves = sorted({item.wave for item in planned})
    return {
        "waves": [{"wave": wave, "services": [item.service_id for item in planned if item.wave == wave]} for wave in waves],
        "reversible": deployment.rollback_to is None,
        "pauses": deployment.gate.on_failure is OnFailure.PAUSE,
    }


async def _taken_back(deps: Deps, held: Held, deployment: Deployment) -> dict[str, Any]:
    """The course of a release whose rollback had begun: the waves that had been touched, and why it goes back."""
    touched = {entry.wave for entry in deployment.rollout_history if entry.phase is Phase.ROLLING_OUT}
    planned = await deps.plans.all(held.place.partition, deployment.deployment_id)
    backs = [entry for entry in deployment.rollout_history if entry.phase is Phase.ROLLING_BACK]
    code, _, message = (backs[0].detail or "").partition(": ")
    course = _course(deployment, [item for item in planned if item.wave in touched])
    return course | {"takenBack": {"code": code, "message": message}}


async def _prepared(deps: Deps, run: Run, content: str) -> None:
    held, deployment, _ = await deps.hold(run)
    now = deps.runs.clock()
    known = advanced(deployment, Transition.ADVANCE, Phase.PROVISIONING, now)
    known = advanced(known, Transition.ADVANCE, Phase.CONFIGURING, now).model_copy(update={"content_hash": content})
    await save(deps, held, known, waiting_for="the first wave")


async def save(deps: Deps, held: Held, deployment: Deployment, *, waiting_for: str) -> None:
    """Write the deployment's progress and what its operation waits for, in one transaction."""
    row = held.others[deployment.deployment_id]
    touched = {"waiting_for": waiting_for, "last_action_at": deps.runs.clock()}
    operation: Operation = held.operation.model_copy(update=touched)
    await deps.runs.store.commit(
        held.place.partition,
        deps.runs.draw(),
        [
            Replace(row.key, deployment.document(), row.version),
            Replace(held.row.key, operation.document(), held.row.version),
        ],
    )


async def run_begin_wave(deps: Deps, run: WaveRun) -> None:
    """Key: (deployment, RollingOut, wave)."""
    await rerun(_begin_wave, deps, run)


async def _begin_wave(deps: Deps, run: WaveRun) -> None:
    held, deployment, _ = await deps.hold(run)
    require_permitted(held.operation, deps.runs.clock())
    rolling = advanced(deployment, Transition.ADVANCE, Phase.ROLLING_OUT, deps.runs.clock(), wave=run.wave)
    if rolling is not deployment:
        await save(deps, held, rolling, waiting_for=f"the targets to accept wave {run.wave}")


async def run_apply(deps: Deps, run: ServiceRun) -> None:
    """Make one service's revision run. Key: (deployment, wave, service): its plan row says when it was applied."""
    await rerun(_apply, deps, run)


async def _apply(deps: Deps, run: ServiceRun) -> None:
    key = plan.key(deployment_of(run), run.wave, run.service_id)
    held = await deps.runs.hold(run, keys.ENVIRONMENT, key)
    require_permitted(held.operation, deps.runs.clock())
    planned = Planned.read(held.others[key].document)
    if planned.applied_at is not None:
        return
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    if planned.wanted is not None:  # what is taken away goes at promotion: until then it serves
        await deps.effects.apply(environment.site, stamp_of(held.operation), planned.wanted)
    await deps.plans.applied(held.place.partition, held.others[key], deps.runs.clock())
