"""How long a release took and whether it was taken back: told once, after the commit that ended it.

A release is whatever rolls revisions out behind a gate: a deployment, a manual rollback, a rotation with consumers, a
remediation; `kind` says which. An adoption rolls nothing out and is none, however it ends.
"""

from __future__ import annotations

from shared.kernel.metrics import DEPLOYMENT_DURATION, ROLLBACK_RATE, record
from shared.operations.model import OperationKind
from shared.runtime.deployments.model import Deployment, DeploymentStatus, DriftAction


def measure(ended: Deployment) -> None:
    """`ended`: as it was committed. A commit that is lost and found again by a repeated activity is not told twice."""
    kind = _kind(ended)
    if ended.ended_at is None or kind is OperationKind.ADOPT_DRIFT:
        return
    record(DEPLOYMENT_DURATION, (ended.ended_at - ended.created_at).total_seconds(), kind=kind, outcome=ended.status)
    record(ROLLBACK_RATE, float(ended.status is DeploymentStatus.ROLLED_BACK), kind=kind, outcome=ended.status)


def _kind(ended: Deployment) -> OperationKind:
    if ended.rotates:
        return OperationKind.ROTATE_SECRET
    if ended.drift is not None:
        adopts = ended.drift.action is DriftAction.ADOPT
        return OperationKind.ADOPT_DRIFT if adopts else OperationKind.REMEDIATE_DRIFT
    return OperationKind.ROLLBACK if ended.rollback_of else OperationKind.DEPLOY
