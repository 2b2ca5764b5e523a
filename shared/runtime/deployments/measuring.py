"""How long a deployment took and whether it was taken back: told once, after the commit that ended it."""

from __future__ import annotations

from shared.kernel.metrics import DEPLOYMENT_DURATION, ROLLBACK_RATE, record
from shared.runtime.deployments.model import Deployment, DeploymentStatus


def measure(ended: Deployment) -> None:
    """`ended`: as it was committed. A commit that is lost and found again by a repeated activity is not told twice."""
    if ended.ended_at is None:
        return
    record(DEPLOYMENT_DURATION, (ended.ended_at - ended.created_at).total_seconds(), outcome=ended.status)
    record(ROLLBACK_RATE, float(ended.status is DeploymentStatus.ROLLED_BACK), outcome=ended.status)
