"""The forward half of a deployment's effects: claim, prepare, apply. What follows is in `gating` and `promotion`.

Pure bodies, dependencies per invocation, each safe to run twice; every one re-reads the operation first, and a stale
attempt ends there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from shared.events.due import Due
from shared.kernel.errors import ValidationFailed
from shared.operations.model import Operation, OperationError, Run
from shared.operations.permitted import require_permitted
from shared.operations.runs import Held, Runs, rerun
from shared.runtime.catalog.rows import MAX_SERVICES, Catalog
from shared.runtime.deployments import remedying
from shared.runtime.deployments.model import Deployment, Phase
from shared.runtime.deployments.preparing import Preparing, overlaid
from shared.runtime.deployments.transitions import Transition, advanced
from shared.runtime.environments.ending import Ending
from shared.runtime.environments.isolation import Isolation
from shared.runtime.environments.model import Environment
from shared.runtime.health.witness import Witness
from shared.runtime.rollout import plan
from shared.runtime.rollout.effects import Effects, stamp_of
from shared.runtime.rollout.gate import OnFailure
from shared.runtime.rollout.plan import Planned, Plans, content_hash, made_by
from shared.store import keys
from shared.store.port import Replace


class WaveRun(Run):
    wave: int
    services: list[str] = []


class FailingWaveRun(WaveRun):
    error: OperationError


class ServiceRun(Run):
    wave: int
    service_id: str
    services: list[str] = []


@dataclass(frozen=True)
class Deps:
    runs: Runs
    isolation: Isolation
    ending: Ending
    catalog: Catalog
    preparing: Preparing
    plans: Plans
    effects: Effects
    witness: Witness
    due: Due
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
    return made_by(run.operation_id)


async def run_claim(deps: Deps, run: Run) -> dict[str, Any] | None:
    """Take the attempt; what an earlier one had touched, and why it went back if it did. Key: (operation, attempt)."""
    if not await deps.runs.claim(run, "the release to be prepared"):
        return None
    held, deployment, _ = await deps.hold(run, compensating=True)
    touched = {entry.wave for entry in deployment.rollout_history if entry.phase is Phase.ROLLING_OUT}
    planned = await deps.plans.all(held.place.partition, deployment.deployment_id) if touched else []
    went_back = next((entry for entry in deployment.rollout_history if entry.phase is Phase.ROLLING_BACK), None)
    code, _, message = (went_back.detail or "").partition(": ") if went_back else ("", "", "")
    return {
        "touched": _waves(item for item in planned if item.wave in touched),
        "cause": {"code": code, "message": message} if went_back else None,
        "reversible": deployment.rollback_to is None,
    }


async def run_prepare(deps: Deps, run: Run) -> dict[str, Any]:
    """Write down what is to run and what was before. Key: the deployment; what an earlier attempt planned stands.

    Raises `TenantSuspended` when the tenant may not act any more: nothing was touched yet. `ValidationFailed` when the
    release cannot be prepared as the environment stands now.
    """
    held, deployment, environment = await deps.hold(run)
    if deployment.content_hash is not None:
        return _course(deployment, await deps.plans.all(held.place.partition, deployment.deployment_id))
    await deps.isolation.require(run.tenant_id, run.environment_id)
    stable = await deps.catalog.snapshot(held.place, deployment.previous_deployment_id)
    if deployment.drift is not None:
        targets = deps.effects.targets
        planned = await remedying.plan(deps.preparing, targets, held.place, environment, deployment.drift, stable)
    else:
        planned = await deps.preparing.plan(held.place, deployment)
    if len(overlaid(stable, deployment, planned).services) > MAX_SERVICES:
        raise ValidationFailed({"components": [f"the environment would run more than {MAX_SERVICES} services"]})
    await deps.plans.write(held.place.partition, deployment.deployment_id, planned)
    await rerun(_prepared, deps, run, content_hash(planned))
    return _course(deployment, planned)


def _course(deployment: Deployment, planned: Iterable[Planned]) -> dict[str, Any]:
    """What the orchestration needs to know of the plan."""
    return {"waves": _waves(planned), "pauses": deployment.gate.on_failure is OnFailure.PAUSE}


def _waves(planned: Iterable[Planned]) -> list[dict[str, Any]]:
    services: dict[int, list[str]] = {}
    for item in planned:
        services.setdefault(item.wave, []).append(item.service_id)
    return [{"wave": wave, "services": sorted(services[wave])} for wave in sorted(services)]


async def _prepared(deps: Deps, run: Run, content: str) -> None:
    held, deployment, _ = await deps.hold(run)
    now = deps.runs.clock()
    known = advanced(deployment, Transition.ADVANCE, Phase.PROVISIONING, now)
    known = advanced(known, Transition.ADVANCE, Phase.CONFIGURING, now).model_copy(update={"content_hash": content})
    await save(deps, held, known, waiting_for="the first wave")


async def save(deps: Deps, held: Held, deployment: Deployment, *, waiting_for: str, taken_back: bool = False) -> None:
    """Write the deployment's progress and what its operation waits for, in one transaction."""
    row = held.others[deployment.deployment_id]
    touched = {"waiting_for": waiting_for, "taken_back": taken_back, "last_action_at": deps.runs.clock()}
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
    """Make one service's revision run. Key: (deployment, wave, service, attempt): its plan row says when it was applied.

    A later attempt applies again: what runs already stays, and carries the stamp that an earlier one is refused for.
    """
    await rerun(_apply, deps, run)


async def _apply(deps: Deps, run: ServiceRun) -> None:
    key = plan.key(deployment_of(run), run.wave, run.service_id)
    held = await deps.runs.hold(run, keys.ENVIRONMENT, key)
    require_permitted(held.operation, deps.runs.clock())
    planned = Planned.read(held.others[key].document)
    if planned.applied_at is not None and planned.applied_by == run.attempt:
        return
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    if planned.wanted is not None:  # what is taken away goes at promotion: until then it serves
        await deps.effects.apply(environment.site, stamp_of(held.operation), planned.wanted)
    await deps.plans.applied(held.place.partition, held.others[key], deps.runs.clock(), run.attempt)
