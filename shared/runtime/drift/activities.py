"""The effects that an adoption is made of: pure bodies, dependencies given per invocation, each safe to run twice."""

from __future__ import annotations

from dataclasses import dataclass

from shared.events.journal import Transaction
from shared.kernel.errors import NotFound
from shared.operations.model import OperationStatus, Run
from shared.operations.permitted import require_permitted
from shared.operations.runs import Held
from shared.runtime.catalog.events import InventoryUpdated
from shared.runtime.catalog.model import Placed, Snapshot
from shared.runtime.deployments import activities as deploying
from shared.runtime.deployments import remedying
from shared.runtime.deployments.events import DeploymentCompleted
from shared.runtime.deployments.model import Deployment, DriftCause, Phase, as_component
from shared.runtime.deployments.transitions import Transition as Course
from shared.runtime.deployments.transitions import ended
from shared.runtime.drift.adoption import Reality, adopted
from shared.runtime.drift.following import Followers
from shared.runtime.drift.model import Decision, Finding, FindingKind, FindingStatus
from shared.runtime.drift.transitions import TRANSITIONS, Transition
from shared.runtime.environments.model import Environment
from shared.store import keys
from shared.store.reading import read


@dataclass(frozen=True)
class Deps:
    """`deploying`: an adoption ends a deployment as a release does."""

    deploying: deploying.Deps
    followers: Followers
    registries: frozenset[str]


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.deploying.runs.claim(run, "what runs to be looked at")


async def run_adopt(deps: Deps, run: Run) -> None:
    """Look at what runs and commit it as wanted. Key: the operation's status.

    Raises `Transient` when a target cannot be asked, `Refused` for what cannot be wanted.
    """
    await deps.deploying.ending.end(run, OperationStatus.SUCCEEDED, lambda: _adopt(deps, run))


async def _adopt(deps: Deps, run: Run) -> Environment:
    held, deployment, environment = await deps.deploying.hold(run)
    require_permitted(held.operation, deps.deploying.runs.clock())
    await deps.deploying.isolation.require(run.tenant_id, run.environment_id)
    cause = deployment.drift
    if cause is None:
        raise NotFound("finding", deployment.deployment_id)
    stable = await deps.deploying.catalog.snapshot(held.place, environment.stable_deployment_id)
    reality = await _reality(deps, held, deployment, environment, cause, stable)
    tx = deps.deploying.runs.transaction(held, "drift.adopted", f"{deployment.told} succeeded: what was found is wanted")
    placed = await _taken(deps, held, tx, FindingKind(cause.kind), reality)
    if placed is not None:  # an index row is written before the commit that it points to
        await deps.deploying.catalog.where.runs(environment, [cause.service_id])
    elif (row := await deps.deploying.runs.store.get(held.place.partition, keys.service(cause.service_id))) is not None:
        tx.delete(row)
    await _resolve(deps, tx, held, cause)
    return await _commit(deps, tx, held, environment, _completed(deps, deployment, placed), _after(stable, cause, placed))


async def _reality(
    deps: Deps, held: Held, deployment: Deployment, environment: Environment, cause: DriftCause, stable: Snapshot | None
) -> Reality:
    standing = stable.services.get(cause.service_id) if stable else None
    wanted = await deps.deploying.preparing.current(held.place, standing) if standing else None
    here = await remedying.found(deps.deploying.effects.targets, environment, cause.service_id, wanted)
    return Reality(cause.service_id, wanted, here, deployment.deployment_id, deps.registries)


async def _taken(deps: Deps, held: Held, tx: Transaction, kind: FindingKind, reality: Reality) -> Placed | None:
    """The service as it is wanted now; what else says how it is to be follows in `tx`."""
    if kind is FindingKind.SCALING_POLICY_MISMATCH:
        return await deps.followers.bounds(held.place, tx, reality)
    placed = adopted(kind, reality)
    if kind is FindingKind.SECRET_VERSION_MISMATCH and reality.wanted and placed:
        await deps.followers.bindings(held.place, tx, reality.wanted, placed)
    return placed


def _after(stable: Snapshot | None, cause: DriftCause, placed: Placed | None) -> dict[str, Placed]:
    others = {name: one for name, one in (stable.services if stable else {}).items() if name != cause.service_id}
    return others if placed is None else {**others, cause.service_id: placed}


def _completed(deps: Deps, deployment: Deployment, placed: Placed | None) -> Deployment:
    completed = ended(deployment, Phase.COMPLETED, deps.deploying.runs.clock(), by=Course.ADOPT)
    return completed.model_copy(update={"components": [as_component(placed)] if placed else []})


async def _commit(
    deps: Deps,
    tx: Transaction,
    held: Held,
    environment: Environment,
    completed: Deployment,
    services: dict[str, Placed],
) -> Environment:
    runs, deployment_id = deps.deploying.runs, completed.deployment_id
    stable = {"stable_deployment_id": deployment_id, "stable_release_ref": completed.release_ref}
    pointed = environment.model_copy(update=stable)
    tx.replace(held.others[keys.ENVIRONMENT], pointed)
    tx.replace(held.others[deployment_id], completed)
    snapshot = Snapshot(deployment_id=deployment_id, release_ref=completed.release_ref, content_hash="", services=services)
    tx.create(keys.snapshot(deployment_id), snapshot)
    wanted = {one.module_id: services[one.module_id] for one in completed.components}
    for key, row in deps.deploying.catalog.promoted(wanted, held.operation.generation).items():
        tx.put(key, row)
    runs.settle(tx, held, OperationStatus.SUCCEEDED)
    tx.emit(DeploymentCompleted.of(completed))
    tx.emit(InventoryUpdated(environment_id=environment.environment_id, generation=held.operation.generation))
    await runs.journal.commit(tx)
    return pointed


async def _resolve(deps: Deps, tx: Transaction, held: Held, cause: DriftCause) -> None:
    """The finding, with the decision that ended it."""
    row = await deps.deploying.runs.store.get(held.place.partition, cause.finding_id)
    if row is None:
        return
    finding = read(Finding, held.place.partition, row)
    TRANSITIONS.require(Transition.ADOPT, finding.status, FindingStatus.RESOLVED)
    operation, now = held.operation, deps.deploying.runs.clock()
    decision = Decision(by=operation.requested_by, at=now, reason=str(operation.request.get("reason") or "adopted"))
    tx.replace(row, finding.model_copy(update={"status": FindingStatus.RESOLVED, "decision": decision}))
