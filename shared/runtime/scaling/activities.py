"""The effects that enforcement is made of: pure bodies, dependencies given per invocation, each safe to run twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.kernel.metrics import SCALING_ACTIONS, record
from shared.operations.model import FailingRun, OperationStatus, Run
from shared.operations.runs import Held, Runs, rerun
from shared.runtime.catalog.model import Placed
from shared.runtime.catalog.rows import Catalog
from shared.runtime.environments.ending import status_of
from shared.runtime.environments.model import Environment
from shared.runtime.rollout.effects import stamp_of
from shared.runtime.scaling.events import ScalingPolicyApplied
from shared.runtime.scaling.model import Enforcement, ScalingPolicy, told
from shared.store import keys
from shared.targets.port import Target


class CompletingRun(Run):
    replicas: int | None = None  # that a pause left


@dataclass(frozen=True)
class Deps:
    runs: Runs
    catalog: Catalog
    targets: Mapping[str, Target]


async def run_claim(deps: Deps, run: Run) -> bool:
    """Key: (operation, attempt)."""
    return await deps.runs.claim(run, "the target to take the bounds")


async def run_enforce(deps: Deps, run: Run) -> int | None:
    """Give the target's autoscaler the bounds; for a policy that is paused, take it away and leave the count as it is.

    Returns that count. Key: the workload with its policy; enforcing twice is enforcing once.
    """
    held, policy = await _held(deps, run)
    environment = Environment.read(held.others[keys.ENVIRONMENT].document)
    placed = await _placed(deps, held, environment, policy)
    if placed is None:  # taken away since: the deployment that brings it back brings its policy
        return None
    workload = placed.workload.model_copy(update={"scaling": policy.honoured()})
    if policy.paused is not None:
        observed = (await deps.targets[policy.target].observe(environment.site)).get(policy.service_id)
        workload = workload.model_copy(update={"replicas": observed.replicas if observed else workload.replicas})
    await deps.targets[policy.target].scale(environment.site, stamp_of(held.operation), workload)
    return workload.replicas if policy.paused else None


async def _held(deps: Deps, run: Run, *, compensating: bool = False) -> tuple[Held, ScalingPolicy]:
    operation = (await deps.runs.hold(run, compensating=compensating)).operation
    held = await deps.runs.hold(run, keys.ENVIRONMENT, operation.resource_id, compensating=compensating)
    return held, ScalingPolicy.read(held.others[operation.resource_id].document)


async def _placed(deps: Deps, held: Held, environment: Environment, policy: ScalingPolicy) -> Placed | None:
    snapshot = await deps.catalog.snapshot(held.place, environment.stable_deployment_id)
    placed = snapshot.services.get(policy.service_id) if snapshot else None
    return placed if placed and placed.target == policy.target else None


async def run_complete(deps: Deps, run: CompletingRun) -> None:
    """Commit what the target honours. Key: the operation's status.

    A policy that was replaced meanwhile stays Pending: what was enforced is not what is wanted now.
    """
    await rerun(_complete, deps, run)


async def _complete(deps: Deps, run: CompletingRun) -> None:
    held, policy = await _held(deps, run)
    current = policy.version == held.operation.request["version"]
    enforced = _enforced(policy, run.replicas, deps.runs.clock())
    summary = (
        _summary(enforced) if current else f"{policy.service_id}: what was brought to {policy.target} was replaced since"
    )
    tx = deps.runs.transaction(held, "scaling-policy.enforced", summary)
    if current:
        tx.replace(held.others[policy.scaling_policy_id], enforced)
        if enforced.paused is None and policy.enforced_version != policy.version:
            tx.emit(ScalingPolicyApplied.of(enforced), module_id=policy.service_id)
    deps.runs.settle(tx, held, OperationStatus.SUCCEEDED)
    await deps.runs.journal.commit(tx)
    record(SCALING_ACTIONS, 1, target=policy.target, outcome=enforced.enforcement if current else Enforcement.PENDING)


def _enforced(policy: ScalingPolicy, replicas: int | None, now: datetime) -> ScalingPolicy:
    honoured = policy.honoured()
    partial = honoured is not None and honoured != policy.requested
    paused = policy.paused.model_copy(update={"replicas": replicas}) if policy.paused else None
    news = {
        "effective": honoured,
        "enforcement": Enforcement.PARTIAL if partial else Enforcement.ENFORCED,
        "paused": paused,
        "enforced_at": now,
        "enforced_version": policy.version,
        "failed_at": None,
    }
    return policy.model_copy(update=news)


def _summary(policy: ScalingPolicy) -> str:
    if policy.paused is not None:
        left = "as it was" if policy.paused.replicas is None else f"at {policy.paused.replicas}"
        return f"{policy.service_id}: nothing scales it on {policy.target} any more, its count stays {left}"
    return f"{policy.service_id}: {policy.target} honours {told(policy.effective or policy.requested)}"


async def run_fail(deps: Deps, run: FailingRun) -> None:
    """Commit the operation as Failed or Canceled; the policy stays Pending, which is the truth.

    Who cancels does not want it tried again: then it waits for a person. Key: the operation's status.
    """
    await rerun(_fail, deps, run)


async def _fail(deps: Deps, run: FailingRun) -> None:
    held, policy = await _held(deps, run, compensating=True)
    summary = f"{policy.service_id}: bringing the bounds to {policy.target} {run.error.told}"
    tx = deps.runs.transaction(held, "scaling-policy.enforcement-failed", summary)
    if policy.version == held.operation.request["version"]:
        # The next try waits its turn: a target that refuses must not be asked every second.
        ended: dict[str, object] = {"failed_at": deps.runs.clock()}
        if status_of(run.error) is OperationStatus.CANCELED:
            ended["canceled_version"] = policy.version
        tx.replace(held.others[policy.scaling_policy_id], policy.model_copy(update=ended))
    deps.runs.settle(tx, held, status_of(run.error), run.error)
    await deps.runs.journal.commit(tx)
    record(SCALING_ACTIONS, 1, target=policy.target, outcome=status_of(run.error))
